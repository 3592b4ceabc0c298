/* The schema's routes at a snapshot's revision, compiled once for each schema and shared by all
 * threads of a process.
 *
 * A reader asks with each call. It keeps its routes while the snapshot has the same settings
 * version, so that a call costs one comparison, and a new schema is in force for the first call
 * whose snapshot holds it. */
#ifndef SP_DECIDE_ROUTES_H
#define SP_DECIDE_ROUTES_H

#include "core/route_match.h"
#include "store/lmdb/view.h"
#include "store/records/head.h"

/* What the threads share. Thread-safe. */
struct sp_route_source;

/* What one thread holds. Zeroed at first; one thread at a time. */
struct sp_route_reader {
    struct sp_route_schema *held; /* NULL: nothing yet */
    struct sp_revision version;   /* of the settings, at which `held` was found to be the schema in force */
};

enum sp_status sp_route_source_create(struct sp_route_source **ret_source) SP_MUST_USE;

/* After every reader was closed. NULL is allowed. */
void sp_route_source_free(struct sp_route_source *source);

/* Releases what the reader holds. A reader that never asked is allowed. */
void sp_route_reader_close(struct sp_route_source *source, struct sp_route_reader *reader);

/* The routes at the view's revision; good until the reader asks again or is closed. If the schema
 * has changed since, it is read and compiled (about 50 ms for 25,000 routes), once for all threads.
 * SP_ERR_CORRUPT: the stored schema is damaged; SP_ERR_MEMORY; SP_ERR_IO: there are no routes,
 * deny. */
enum sp_status sp_routes_at(struct sp_route_source *source, struct sp_route_reader *reader, struct sp_view *view,
                            const struct sp_routes **ret_routes) SP_MUST_USE;

#endif
