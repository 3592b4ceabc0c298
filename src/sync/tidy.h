/* What the writer does between batches: clears stale readers, forgets old request ids and old changes, removes deleted
 * workspaces piece by piece. */
#ifndef SP_SYNC_TIDY_H
#define SP_SYNC_TIDY_H

#include "base/arena.h"
#include "store/lmdb/store.h"

struct sp_source;

struct sp_tidy {
    int64_t keep_changes_s;   /* 0: for ever */
    struct sp_source *source; /* where the truth is; NULL: in the store */
    bool look_for_deleted;    /* workspaces may wait for their removal */
    bool look_again;          /* with the next records, because it could not be done now */
    int64_t readers_due_ms;   /* CLOCK_MONOTONIC, as the next */
    int64_t records_due_ms;
};

/* Does a bounded piece of what is due. True where policy may have changed: by this, or, now and then, by a command that
 * worked on the store itself. Logs what fails, and tries again later. */
bool sp_tidy(struct sp_tidy *tidy, struct sp_store *store, struct sp_arena *scratch);

#endif
