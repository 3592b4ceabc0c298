#include "store/replica/unreadable.h"

#include "store/records/edit.h"
#include "store/records/entity_key.h"
#include "store/records/meta.h"

static const char list_name[] = "unreadable";

/* Finds a key in the list: where its entry begins. False: it is not there. */
static bool find_unreadable(struct sp_bytes list, struct sp_bytes key, size_t *ret_at) {
    size_t at = 0;
    while (list.size - at >= 2) {
        struct sp_bytes entry = {list.data + at + 2, sp_load_be16(list.data + at)};
        if (entry.size > list.size - at - 2)
            return false;
        if (sp_bytes_equal(entry, key)) {
            *ret_at = at;
            return true;
        }
        at += 2 + entry.size;
    }
    return false;
}

static struct sp_bytes cut_long_key(struct sp_bytes key) {
    return (struct sp_bytes){key.data, key.size > SP_ENTITY_KEY_MAX_BYTES ? SP_ENTITY_KEY_MAX_BYTES : key.size};
}

enum sp_status sp_replica_mark_unreadable(struct sp_write *write, struct sp_bytes key, struct sp_arena *arena,
                                          bool *ret_new) {
    struct sp_bytes list;
    size_t at;
    key = cut_long_key(key);
    enum sp_status status = sp_view_optional_meta(&write->transaction.view, list_name, &list);
    if (status != SP_OK)
        return status;
    *ret_new = !find_unreadable(list, key, &at);
    if (!*ret_new)
        return SP_OK;
    uint8_t *longer = sp_arena_alloc(arena, list.size + 2 + key.size);
    if (longer == NULL)
        return SP_ERR_MEMORY;
    if (list.size > 0)
        memcpy(longer, list.data, list.size);
    sp_store_be16(longer + list.size, (uint16_t)key.size);
    if (key.size > 0)
        memcpy(longer + list.size + 2, key.data, key.size);
    return sp_write_meta(write, list_name, (struct sp_bytes){longer, list.size + 2 + key.size});
}

enum sp_status sp_replica_mark_readable(struct sp_write *write, struct sp_bytes key, struct sp_arena *arena) {
    struct sp_bytes list;
    size_t at;
    key = cut_long_key(key);
    enum sp_status status = sp_view_optional_meta(&write->transaction.view, list_name, &list);
    if (status != SP_OK || list.size == 0 || !find_unreadable(list, key, &at))
        return status;
    size_t gone = 2 + key.size;
    if (list.size == gone)
        return sp_write_remove_meta(write, list_name);
    uint8_t *shorter = sp_arena_alloc(arena, list.size - gone);
    if (shorter == NULL)
        return SP_ERR_MEMORY;
    memcpy(shorter, list.data, at);
    memcpy(shorter + at, list.data + at + gone, list.size - at - gone);
    return sp_write_meta(write, list_name, (struct sp_bytes){shorter, list.size - gone});
}

enum sp_status sp_view_is_unreadable(struct sp_view *view, struct sp_bytes key, bool *ret_unreadable) {
    struct sp_bytes list;
    size_t at;
    enum sp_status status = sp_view_optional_meta(view, list_name, &list);
    if (status != SP_OK)
        return status;
    *ret_unreadable = find_unreadable(list, cut_long_key(key), &at);
    return SP_OK;
}

enum sp_status sp_view_unreadable(struct sp_view *view, size_t *ret_count) {
    struct sp_bytes list;
    size_t count = 0;
    enum sp_status status = sp_view_optional_meta(view, list_name, &list);
    if (status != SP_OK)
        return status;
    for (size_t at = 0; list.size - at >= 2; count++) {
        size_t entry_size = 2 + (size_t)sp_load_be16(list.data + at);
        if (entry_size > list.size - at)
            return SP_ERR_CORRUPT;
        at += entry_size;
    }
    *ret_count = count;
    return SP_OK;
}
