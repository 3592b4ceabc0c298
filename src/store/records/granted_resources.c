/* The merge is a heap of lists ordered by the resource that each stands at. One cursor serves
 * all of them: a list is moved on by seeking the first resource above the one it stood at, so
 * that its position is nothing but that resource. */
#include "store/records/granted_resources.h"

#include "store/lmdb/lmdb_status.h"
#include "store/lmdb/view.h"
#include "store/records/index_walk.h"
#include "store/records/resource_key.h"

struct list {
    uint64_t subject;
    struct sp_bytes at; /* a resource key */
};

struct sp_shared {
    MDB_cursor *cursor;
    uint8_t prefix[SP_RESOURCE_KEY_HEAD_BYTES];
    struct sp_arena *arena;
    struct list *lists; /* the first `count` are the heap: the least is at 0 */
    size_t count, room;
};

static enum sp_status narrow_lmdb_code(int code) {
    enum sp_status status = sp_lmdb_status(code);
    return status == SP_ERR_CORRUPT || status == SP_ERR_MEMORY ? status : SP_ERR_IO;
}

/* The first key that may follow `above`, a resource key or the prefix of one: no id holds a NUL,
 * so nothing lies between. */
static enum sp_status make_probe(struct sp_bytes above, uint8_t ret_probe[static SP_RESOURCE_KEY_MAX_BYTES + 1]) {
    if (above.size > SP_RESOURCE_KEY_MAX_BYTES)
        return SP_ERR_CORRUPT;
    memcpy(ret_probe, above.data, above.size);
    ret_probe[above.size] = 0;
    return SP_OK;
}

/* Moves to the first resource of the type above `above`, which is a resource key or the prefix
 * of one. SP_ERR_NOT_FOUND. */
static enum sp_status seek_above(struct sp_shared *shared, struct list *list, struct sp_bytes above) {
    uint8_t probe[SP_RESOURCE_KEY_MAX_BYTES + 1];
    if (make_probe(above, probe) != SP_OK)
        return SP_ERR_CORRUPT;
    MDB_val key = sp_val(sp_number_key(&list->subject));
    MDB_val value = {above.size + 1, probe};
    int code = mdb_cursor_get(shared->cursor, &key, &value, MDB_GET_BOTH_RANGE);
    if (code == MDB_NOTFOUND)
        return SP_ERR_NOT_FOUND;
    if (code != MDB_SUCCESS)
        return narrow_lmdb_code(code);
    struct sp_bytes found = sp_val_bytes(&value);
    if (found.size <= SP_RESOURCE_KEY_HEAD_BYTES || found.size > SP_RESOURCE_KEY_MAX_BYTES)
        return SP_ERR_CORRUPT;
    list->at = found;
    return memcmp(found.data, shared->prefix, SP_RESOURCE_KEY_HEAD_BYTES) == 0 ? SP_OK : SP_ERR_NOT_FOUND;
}

/* ---- the heap ---- */

static void swap_lists(struct list *a, struct list *b) {
    struct list kept = *a;
    *a = *b;
    *b = kept;
}

static void sift_list_up(struct list *heap, size_t i) {
    for (; i > 0 && sp_bytes_compare(heap[i].at, heap[(i - 1) / 2].at) < 0; i = (i - 1) / 2)
        swap_lists(&heap[i], &heap[(i - 1) / 2]);
}

static void sift_list_down(struct list *heap, size_t count, size_t i) {
    for (;;) {
        size_t least = i;
        for (size_t child = 2 * i + 1; child <= 2 * i + 2 && child < count; child++)
            if (sp_bytes_compare(heap[child].at, heap[least].at) < 0)
                least = child;
        if (least == i)
            return;
        swap_lists(&heap[i], &heap[least]);
        i = least;
    }
}

/* ---- */

static enum sp_status reserve_list(struct sp_shared *shared) {
    if (shared->count < shared->room)
        return SP_OK;
    size_t room = shared->room == 0 ? 16 : shared->room * 2;
    struct list *lists = sp_arena_calloc(shared->arena, room, sizeof(*lists));
    if (lists == NULL)
        return SP_ERR_MEMORY;
    if (shared->count > 0)
        memcpy(lists, shared->lists, shared->count * sizeof(*lists));
    shared->lists = lists;
    shared->room = room;
    return SP_OK;
}

struct opening {
    struct sp_shared *shared;
    struct sp_bytes after;
};

static enum sp_status add_subject_list(void *context, uint64_t subject_number) {
    const struct opening *opening = context;
    struct sp_shared *shared = opening->shared;
    struct list list = {.subject = subject_number};
    enum sp_status status = seek_above(shared, &list, opening->after);
    if (status != SP_OK)
        return status == SP_ERR_NOT_FOUND ? SP_OK : status;
    status = reserve_list(shared);
    if (status != SP_OK)
        return status;
    shared->lists[shared->count] = list;
    sift_list_up(shared->lists, shared->count++);
    return SP_OK;
}

enum sp_status sp_shared_open(struct sp_view *view, uint64_t principal_number, uint32_t type_number, uint64_t scope,
                              struct sp_str after, struct sp_arena *arena, struct sp_shared **ret_shared) {
    uint8_t above[SP_RESOURCE_KEY_MAX_BYTES];
    struct sp_shared *shared = sp_arena_calloc(arena, 1, sizeof(*shared));
    if (shared == NULL)
        return SP_ERR_MEMORY;
    size_t above_size = sp_resource_key_after(type_number, scope, after, above);
    if (above_size == 0)
        return SP_ERR_INVALID;
    shared->arena = arena;
    memcpy(shared->prefix, above, SP_RESOURCE_KEY_HEAD_BYTES);
    enum sp_status status = sp_view_open_cursor(view, SP_DB_SUBJECT_RES, &shared->cursor);
    if (status != SP_OK)
        return status;
    struct opening opening = {shared, {above, above_size}};
    status = add_subject_list(&opening, principal_number);
    if (status == SP_OK)
        status = sp_index_walk_principal_groups(view, principal_number, add_subject_list, &opening);
    if (status != SP_OK) {
        sp_shared_close(shared);
        return status;
    }
    *ret_shared = shared;
    return SP_OK;
}

static enum sp_status move_first_list(struct sp_shared *shared) {
    struct list *heap = shared->lists;
    enum sp_status status = seek_above(shared, &heap[0], heap[0].at);
    if (status == SP_ERR_NOT_FOUND)
        heap[0] = heap[--shared->count];
    else if (status != SP_OK)
        return status;
    sift_list_down(heap, shared->count, 0);
    return SP_OK;
}

enum sp_status sp_shared_next(struct sp_shared *shared, struct sp_str *ret_id) {
    struct sp_resource_name name;
    if (shared->count == 0)
        return SP_ERR_NOT_FOUND;
    struct sp_bytes least = shared->lists[0].at;
    while (shared->count > 0 && sp_bytes_equal(shared->lists[0].at, least)) {
        enum sp_status status = move_first_list(shared);
        if (status != SP_OK)
            return status;
    }
    if (sp_resource_key_read(least, &name) != SP_OK)
        return SP_ERR_CORRUPT;
    *ret_id = name.id;
    return SP_OK;
}

void sp_shared_close(struct sp_shared *shared) {
    if (shared != NULL)
        mdb_cursor_close(shared->cursor);
}

/* ---- of anybody ---- */

enum sp_status sp_shared_any_after(struct sp_view *view, uint32_t type_number, uint64_t scope, struct sp_str after,
                                   struct sp_str *ret_id) {
    uint8_t above[SP_RESOURCE_KEY_MAX_BYTES];
    uint8_t probe[SP_RESOURCE_KEY_MAX_BYTES + 1];
    struct sp_resource_name name;
    MDB_cursor *cursor;
    size_t above_size = sp_resource_key_after(type_number, scope, after, above);
    if (above_size == 0)
        return SP_ERR_INVALID;
    enum sp_status status = make_probe((struct sp_bytes){above, above_size}, probe);
    if (status != SP_OK)
        return status;
    status = sp_view_open_cursor(view, SP_DB_RESOURCE, &cursor);
    if (status != SP_OK)
        return status;
    MDB_val key = {above_size + 1, probe};
    MDB_val value;
    int code = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
    mdb_cursor_close(cursor);
    if (code == MDB_NOTFOUND)
        return SP_ERR_NOT_FOUND;
    if (code != MDB_SUCCESS)
        return narrow_lmdb_code(code);
    struct sp_bytes head = {above, SP_RESOURCE_KEY_HEAD_BYTES};
    if (!sp_bytes_begin_with(sp_val_bytes(&key), head))
        return SP_ERR_NOT_FOUND;
    status = sp_resource_key_read(sp_val_bytes(&key), &name);
    if (status != SP_OK)
        return status;
    *ret_id = name.id;
    return SP_OK;
}
