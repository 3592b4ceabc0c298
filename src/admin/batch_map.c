#include "admin/batch_map.h"

struct sp_batch_map_slot {
    uint64_t hash;
    struct sp_bytes key;
    void *value; /* NULL: free */
};

enum { FIRST_ROOM = 1024 };

/* FNV-1a. */
static uint64_t hash_map_key(struct sp_bytes key) {
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < key.size; i++)
        hash = (hash ^ key.data[i]) * UINT64_C(0x100000001b3);
    return hash ^ hash >> 32;
}

/* The key's slot, or the free one that it would take. */
static struct sp_batch_map_slot *find_map_slot(const struct sp_batch_map *map, uint64_t hash, struct sp_bytes key) {
    for (size_t at = hash & (map->room - 1);; at = (at + 1) & (map->room - 1)) {
        struct sp_batch_map_slot *slot = &map->slots[at];
        if (slot->value == NULL || (slot->hash == hash && sp_bytes_equal(slot->key, key)))
            return slot;
    }
}

void *sp_batch_map_find(const struct sp_batch_map *map, struct sp_bytes key) {
    return map->room == 0 ? NULL : find_map_slot(map, hash_map_key(key), key)->value;
}

static enum sp_status grow_map(struct sp_batch_map *map) {
    struct sp_batch_map grown = {.arena = map->arena, .room = map->room == 0 ? FIRST_ROOM : map->room * 2};
    grown.slots = sp_arena_calloc(map->arena, grown.room, sizeof(*grown.slots));
    if (grown.slots == NULL)
        return SP_ERR_MEMORY;
    for (size_t i = 0; i < map->room; i++)
        if (map->slots[i].value != NULL)
            *find_map_slot(&grown, map->slots[i].hash, map->slots[i].key) = map->slots[i];
    map->slots = grown.slots;
    map->room = grown.room;
    return SP_OK;
}

enum sp_status sp_batch_map_put(struct sp_batch_map *map, struct sp_bytes key, void *value) {
    if (map->count >= map->room / 2 && grow_map(map) != SP_OK)
        return SP_ERR_MEMORY;
    uint8_t *copy = sp_arena_alloc(map->arena, key.size + 1);
    if (copy == NULL)
        return SP_ERR_MEMORY;
    memcpy(copy, key.data, key.size);
    uint64_t hash = hash_map_key(key);
    *find_map_slot(map, hash, key) = (struct sp_batch_map_slot){.hash = hash, .key = {copy, key.size}, .value = value};
    map->count++;
    return SP_OK;
}
