/* Counts the keys that expire within a week and have no successor that goes on: walks over all
 * keys again and again, a bounded piece at a time. For the writer's thread, between its batches. */
#ifndef SP_SYNC_EXPIRING_H
#define SP_SYNC_EXPIRING_H

#include "base/arena.h"
#include "store/lmdb/environment.h"
#include "store/records/entity_key.h"

struct sp_expiring {
    int64_t due_ms; /* CLOCK_MONOTONIC */
    bool walking;
    uint64_t found; /* so far, with those that have a successor */
    struct sp_entity_key after;
    /* Those of them that have a successor, as hashes: a key may have been rotated twice. */
    uint64_t *replaced;
    size_t replaced_count;
    size_t replaced_capacity;
};

/* Walks a piece if one is due. True at the end of a walk: *ret_keys is then the count. `scratch`
 * is empty, and wiped afterwards. Keys that cannot be read are skipped; verify reports them. */
bool sp_expiring_step(struct sp_expiring *expiring, struct sp_store *store, struct sp_arena *scratch,
                      uint64_t *ret_keys);

/* A zeroed structure is one that has not begun. */
void sp_expiring_fini(struct sp_expiring *expiring);

#endif
