/* Counts the keys that expire within a week: walks over all keys again and again, a bounded
 * piece at a time. For the writer's thread, between its batches. */
#ifndef SP_SYNC_EXPIRING_H
#define SP_SYNC_EXPIRING_H

#include "base/arena.h"
#include "store/lmdb/environment.h"
#include "store/records/entity_key.h"

struct sp_expiring {
    int64_t due_ms; /* CLOCK_MONOTONIC */
    bool walking;
    uint64_t found; /* so far */
    struct sp_entity_key after;
};

/* Walks a piece if one is due. True at the end of a walk: *ret_keys is then the count. `scratch`
 * is empty, and wiped afterwards. Keys that cannot be read are skipped; verify reports them. */
bool sp_expiring_step(struct sp_expiring *expiring, struct sp_store *store, struct sp_arena *scratch,
                      uint64_t *ret_keys);

#endif
