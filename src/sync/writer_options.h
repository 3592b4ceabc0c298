/* What a writer is started with (sync/writer.h). */
#ifndef SP_SYNC_WRITER_OPTIONS_H
#define SP_SYNC_WRITER_OPTIONS_H

#include <stdint.h>

#include "sync/allowance.h"

struct sp_source;
struct sp_store;
struct sp_sync_metrics;

struct sp_writer_options {
    struct sp_store *store;
    struct sp_source *source;             /* NULL: the store does not follow one */
    struct sp_sync_metrics *metrics;      /* of commits and of keys that expire; NULL: not counted */
    int64_t keep_changes_s;               /* 0: forever */
    uint64_t keep_changes_bytes;          /* 0: whatever their size */
    uint64_t reserve_bytes;               /* sync/reserve.h */
    struct sp_allowance_limits allowance; /* of each workspace; operators have no limit */
    int64_t batch_ms;                     /* for which a commit takes jobs; 0: about as long as a commit takes */
    /* After each commit that may have changed policy; on the writer's thread. May be NULL. */
    void (*committed)(void *user);
    void *user;
};

#endif
