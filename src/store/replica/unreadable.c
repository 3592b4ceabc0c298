#include "store/replica/unreadable.h"

#include "core/digest.h"
#include "store/records/edit.h"
#include "store/records/meta.h"

static const char list_name[] = "unreadable";

struct entry {
    struct sp_bytes key;
    const uint8_t *hash;
    size_t size; /* of the entry */
};

/* The entry at `at`. False: there is none, or it is malformed. */
static bool read_entry_at(struct sp_bytes list, size_t at, struct entry *ret_entry) {
    size_t left = list.size - at;
    if (left < 2)
        return false;
    struct sp_bytes key = {list.data + at + 2, sp_load_be16(list.data + at)};
    size_t size = 2 + key.size + SP_DIGEST_BYTES;
    if (size > left)
        return false;
    *ret_entry = (struct entry){.key = key, .hash = key.data + key.size, .size = size};
    return true;
}

/* Finds where the entry of a key begins. False: the list does not have it. */
static bool find_unreadable(struct sp_bytes list, struct sp_bytes key, size_t *ret_at, struct entry *ret_entry) {
    struct entry entry;
    for (size_t at = 0; read_entry_at(list, at, &entry); at += entry.size)
        if (sp_bytes_equal(entry.key, key)) {
            *ret_at = at;
            *ret_entry = entry;
            return true;
        }
    return false;
}

/* No key of an entity comes near it. */
static struct sp_bytes cut_long_key(struct sp_bytes key) {
    return (struct sp_bytes){key.data, key.size > UINT16_MAX ? UINT16_MAX : key.size};
}

/* The list without the entry at `at`, with room for `more` bytes at its end. NULL: out of
 * memory. */
static uint8_t *copy_without(struct sp_bytes list, size_t at, size_t gone, size_t more, struct sp_arena *arena) {
    uint8_t *copy = sp_arena_alloc(arena, list.size - gone + more + 1);
    if (copy == NULL)
        return NULL;
    if (at > 0)
        memcpy(copy, list.data, at);
    if (list.size > at + gone)
        memcpy(copy + at, list.data + at + gone, list.size - at - gone);
    return copy;
}

enum sp_status sp_replica_mark_unreadable(struct sp_write *write, struct sp_bytes key,
                                          const uint8_t hash[static SP_DIGEST_BYTES], struct sp_arena *arena,
                                          bool *ret_new) {
    struct sp_bytes list;
    struct entry entry = {.size = 0};
    size_t at = 0;
    key = cut_long_key(key);
    enum sp_status status = sp_view_optional_meta(&write->transaction.view, list_name, &list);
    if (status != SP_OK)
        return status;
    bool is_new = !find_unreadable(list, key, &at, &entry);
    if (is_new)
        at = list.size;
    else if (memcmp(entry.hash, hash, SP_DIGEST_BYTES) == 0) {
        *ret_new = false;
        return SP_OK;
    }
    size_t kept = list.size - entry.size;
    size_t size = kept + 2 + key.size + SP_DIGEST_BYTES;
    uint8_t *longer = copy_without(list, at, entry.size, size - kept, arena);
    if (longer == NULL)
        return SP_ERR_MEMORY;
    sp_store_be16(longer + kept, (uint16_t)key.size);
    if (key.size > 0)
        memcpy(longer + kept + 2, key.data, key.size);
    memcpy(longer + size - SP_DIGEST_BYTES, hash, SP_DIGEST_BYTES);
    status = sp_write_meta(write, list_name, (struct sp_bytes){longer, size});
    if (status != SP_OK)
        return status;
    *ret_new = is_new;
    return SP_OK;
}

enum sp_status sp_replica_mark_readable(struct sp_write *write, struct sp_bytes key, struct sp_arena *arena) {
    struct sp_bytes list;
    struct entry entry;
    size_t at;
    enum sp_status status = sp_view_optional_meta(&write->transaction.view, list_name, &list);
    if (status != SP_OK || list.size == 0 || !find_unreadable(list, cut_long_key(key), &at, &entry))
        return status;
    if (list.size == entry.size)
        return sp_write_remove_meta(write, list_name);
    uint8_t *shorter = copy_without(list, at, entry.size, 0, arena);
    if (shorter == NULL)
        return SP_ERR_MEMORY;
    return sp_write_meta(write, list_name, (struct sp_bytes){shorter, list.size - entry.size});
}

enum sp_status sp_view_unreadable_hash(struct sp_view *view, struct sp_bytes key,
                                       uint8_t ret_hash[static SP_DIGEST_BYTES]) {
    struct sp_bytes list;
    struct entry entry;
    size_t at;
    enum sp_status status = sp_view_optional_meta(view, list_name, &list);
    if (status != SP_OK)
        return status;
    if (!find_unreadable(list, cut_long_key(key), &at, &entry))
        return SP_ERR_NOT_FOUND;
    memcpy(ret_hash, entry.hash, SP_DIGEST_BYTES);
    return SP_OK;
}

enum sp_status sp_view_is_unreadable(struct sp_view *view, struct sp_bytes key, bool *ret_unreadable) {
    uint8_t hash[SP_DIGEST_BYTES];
    enum sp_status status = sp_view_unreadable_hash(view, key, hash);
    if (status != SP_OK && status != SP_ERR_NOT_FOUND)
        return status;
    *ret_unreadable = status == SP_OK;
    return SP_OK;
}

/* Calls `each` (may be NULL) for each entry. SP_ERR_CORRUPT: the list does not end with one. */
static enum sp_status walk_unreadable(struct sp_view *view, void (*each)(void *context, const struct entry *entry),
                                      void *context, size_t *ret_count) {
    struct sp_bytes list;
    struct entry entry;
    size_t count = 0;
    size_t at = 0;
    enum sp_status status = sp_view_optional_meta(view, list_name, &list);
    if (status != SP_OK)
        return status;
    for (; read_entry_at(list, at, &entry); at += entry.size, count++)
        if (each != NULL)
            each(context, &entry);
    if (at != list.size)
        return SP_ERR_CORRUPT;
    *ret_count = count;
    return SP_OK;
}

enum sp_status sp_view_unreadable(struct sp_view *view, size_t *ret_count) {
    return walk_unreadable(view, NULL, NULL, ret_count);
}

struct addition {
    struct sp_expander *expander;
    struct sp_multiset_hash *set;
};

static void add_entry_hash(void *context, const struct entry *entry) {
    const struct addition *addition = context;
    sp_multiset_hash_add(addition->set, addition->expander, entry->hash);
}

enum sp_status sp_view_add_unreadable(struct sp_view *view, struct sp_expander *expander,
                                      struct sp_multiset_hash *set) {
    struct addition addition = {.expander = expander, .set = set};
    size_t count;
    return walk_unreadable(view, add_entry_hash, &addition, &count);
}
