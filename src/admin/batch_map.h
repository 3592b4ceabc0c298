/* A table from bytes to pointers in an arena, which only grows: what an import has looked up and
 * made. Keys chosen to collide make it slow: only operators choose them. */
#ifndef SP_ADMIN_BATCH_MAP_H
#define SP_ADMIN_BATCH_MAP_H

#include "base/arena.h"

struct sp_batch_map_slot;

/* Zeroed but for the arena: an empty table. */
struct sp_batch_map {
    struct sp_arena *arena;
    struct sp_batch_map_slot *slots;
    size_t room; /* a power of two, or 0 */
    size_t count;
};

/* What was put under the key; NULL for nothing. */
void *sp_batch_map_find(const struct sp_batch_map *map, struct sp_bytes key);

/* Puts a value, not NULL, under a key that has none yet. The key is copied. SP_ERR_MEMORY. */
enum sp_status sp_batch_map_put(struct sp_batch_map *map, struct sp_bytes key, void *value) SP_MUST_USE;

#endif
