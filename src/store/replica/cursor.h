/* Where in its source a store is. A store that follows a source refuses to commit entities
 * unless the write also sets where in the source that leaves it (sp_replica_move): nothing can
 * change its policy past the source. */
#ifndef SP_STORE_REPLICA_CURSOR_H
#define SP_STORE_REPLICA_CURSOR_H

#include "base/arena.h"
#include "sallyport/store/v1/records.pb-c.h"
#include "store/records/followed_source.h"
#include "store/records/write.h"

struct sp_replica_cursor {
    uint64_t cluster_id;
    uint64_t revision;      /* of the source, whose changes were last applied; earlier ones need not be applied again */
    uint64_t head_revision; /* at which the source's head was last put */
    uint64_t resume;        /* of the source, at or after `revision`: follow from here, the store has all before it */
};

/* Sets what the store follows; SP_SOURCE_EMBEDDED removes cursor and head too. */
enum sp_status sp_replica_set_source(struct sp_write *write, struct sp_str source) SP_MUST_USE;

/* The cursor, and the head that the source had there, in `arena`. SP_ERR_NOT_FOUND: nothing came
 * from the source yet. */
enum sp_status sp_view_replica(struct sp_view *view, struct sp_arena *arena, struct sp_replica_cursor *ret_cursor,
                               Sallyport__Store__V1__SourceHead **ret_head) SP_MUST_USE;

/* Sets where in the source this write leaves the store, and nothing else. */
enum sp_status sp_replica_move(struct sp_write *write, const struct sp_replica_cursor *cursor,
                               const Sallyport__Store__V1__SourceHead *head) SP_MUST_USE;

#endif
