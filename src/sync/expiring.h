/* How many keys expire within a week: a walk over all keys, a bounded piece at a time, again and again. For the writer's
 * thread, between its batches. */
#ifndef SP_SYNC_EXPIRING_H
#define SP_SYNC_EXPIRING_H

#include "base/arena.h"
#include "store/lmdb/store.h"
#include "store/records/entity_key.h"

struct sp_expiring {
    int64_t due_ms; /* CLOCK_MONOTONIC */
    bool walking;
    uint64_t found; /* so far */
    struct sp_entity_key after;
};

/* Walks a piece where one is due. True when a walk has ended: *ret_keys is then how many there are. `scratch` is empty and
 * wiped afterwards. What cannot be read is passed over: verify tells of it. */
bool sp_expiring_step(struct sp_expiring *expiring, struct sp_store *store, struct sp_arena *scratch,
                      uint64_t *ret_keys);

#endif
