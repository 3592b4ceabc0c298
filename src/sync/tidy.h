/* What the writer does between batches: clears the slots of dead readers, removes old request ids
 * and old changes, and removes what was deleted, and what belongs to removed types, piece by
 * piece. */
#ifndef SP_SYNC_TIDY_H
#define SP_SYNC_TIDY_H

#include "admin/removed_types.h"
#include "base/arena.h"
#include "store/lmdb/environment.h"

struct sp_source;

struct sp_tidy {
    int64_t keep_changes_s;      /* 0: forever */
    uint64_t keep_changes_bytes; /* 0: whatever their size */
    struct sp_source *source;    /* NULL: the store does not follow one */
    bool look_for_deleted;       /* what was deleted, or lost its type, may be waiting for removal */
    struct sp_admin_purge_place purge_place;
    bool look_again;        /* together with the next records, because it failed now */
    int64_t readers_due_ms; /* CLOCK_MONOTONIC, as the next */
    int64_t records_due_ms;
    int64_t warn_due_ms; /* of a clock that is ahead */
};

/* Does a bounded piece of what is due. True if policy may have changed: by this, or, every few
 * seconds, by a command that worked on the store itself. Logs what fails, and tries again later. */
bool sp_tidy(struct sp_tidy *tidy, struct sp_store *store, struct sp_arena *scratch);

#endif
