#include "decide/role_memo.h"

struct entry {
    uint64_t hash; /* 0: free */
    uint64_t principal_number;
    struct sp_bytes resource_key;
    struct sp_found_role found;
};

struct sp_role_memo {
    struct sp_arena *arena;
    struct entry *entries;
    size_t room; /* a power of two */
    size_t count;
};

enum { PROBES = 8 };

enum sp_status sp_role_memo_create(struct sp_arena *arena, size_t questions, struct sp_role_memo **ret_memo) {
    struct sp_role_memo *memo = sp_arena_calloc(arena, 1, sizeof(*memo));
    size_t room = 16;
    while (room < questions * 2)
        room *= 2;
    if (memo == NULL)
        return SP_ERR_MEMORY;
    *memo = (struct sp_role_memo){
        .arena = arena, .entries = sp_arena_calloc(arena, room, sizeof(*memo->entries)), .room = room};
    if (memo->entries == NULL)
        return SP_ERR_MEMORY;
    *ret_memo = memo;
    return SP_OK;
}

/* FNV-1a, never 0. Whoever asks for collisions finds a memo that remembers less. */
static uint64_t hash_role_question(uint64_t principal_number, struct sp_bytes resource_key) {
    uint64_t hash = UINT64_C(0xcbf29ce484222325) ^ principal_number;
    for (size_t i = 0; i < resource_key.size; i++)
        hash = (hash ^ resource_key.data[i]) * UINT64_C(0x100000001b3);
    return (hash ^ hash >> 32) | 1;
}

/* The question's entry, or a free one; NULL: neither is near. */
static struct entry *find_role_entry(const struct sp_role_memo *memo, uint64_t hash, uint64_t principal_number,
                                     struct sp_bytes resource_key) {
    for (size_t i = 0; i < PROBES; i++) {
        struct entry *entry = &memo->entries[((hash >> 1) + i) & (memo->room - 1)];
        if (entry->hash == 0 || (entry->hash == hash && entry->principal_number == principal_number &&
                                 sp_bytes_equal(entry->resource_key, resource_key)))
            return entry;
    }
    return NULL;
}

bool sp_role_memo_find(const struct sp_role_memo *memo, uint64_t principal_number, struct sp_bytes resource_key,
                       struct sp_found_role *ret_found) {
    const struct entry *entry =
        find_role_entry(memo, hash_role_question(principal_number, resource_key), principal_number, resource_key);
    if (entry == NULL || entry->hash == 0)
        return false;
    *ret_found = entry->found;
    return true;
}

void sp_role_memo_put(struct sp_role_memo *memo, uint64_t principal_number, struct sp_bytes resource_key,
                      struct sp_found_role found) {
    uint64_t hash = hash_role_question(principal_number, resource_key);
    struct entry *entry = find_role_entry(memo, hash, principal_number, resource_key);
    if (entry == NULL || entry->hash != 0 || memo->count >= memo->room / 2)
        return;
    uint8_t *copy = sp_arena_alloc(memo->arena, resource_key.size + 1);
    if (copy == NULL)
        return;
    memcpy(copy, resource_key.data, resource_key.size);
    *entry = (struct entry){hash, principal_number, {copy, resource_key.size}, found};
    memo->count++;
}
