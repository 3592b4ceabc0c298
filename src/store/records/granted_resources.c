/* The merge is a heap of lists ordered by the resource that each stands at. One cursor serves all of them: a list is
 * moved on by seeking the first resource above the one it stood at, so that its position is nothing but that resource. */
#include "store/records/granted_resources.h"

#include "base/text.h"
#include "store/lmdb/view.h"
#include "store/records/entity.h"

enum { PREFIX_BYTES = 2 + 8 }; /* of a resource key: type and scope */

struct list {
    uint64_t subject;
    struct sp_bytes at; /* a resource key */
};

struct sp_shared {
    MDB_cursor *cursor;
    uint8_t prefix[PREFIX_BYTES];
    struct sp_arena *arena;
    struct list *lists; /* the first `count` are the heap: the least is at 0 */
    size_t count, room;
};

static enum sp_status narrow(int code) {
    enum sp_status status = sp_lmdb_status(code);
    return status == SP_ERR_CORRUPT || status == SP_ERR_MEMORY ? status : SP_ERR_IO;
}

/* The first key that may follow `above`, a resource key or the prefix of one: no id holds a NUL, so nothing lies between. */
static enum sp_status make_probe(struct sp_bytes above, uint8_t ret_probe[static SP_RESOURCE_KEY_MAX_BYTES + 1]) {
    if (above.size > SP_RESOURCE_KEY_MAX_BYTES)
        return SP_ERR_CORRUPT;
    memcpy(ret_probe, above.data, above.size);
    ret_probe[above.size] = 0;
    return SP_OK;
}

/* SP_ERR_INVALID where the type or the id cannot be of a resource. */
static enum sp_status make_above(uint32_t type_number, uint64_t scope, struct sp_str after,
                                 uint8_t ret_above[static SP_RESOURCE_KEY_MAX_BYTES]) {
    if (type_number > UINT16_MAX || after.size > SP_RESOURCE_ID_MAX_BYTES)
        return SP_ERR_INVALID;
    sp_store_be16(ret_above, (uint16_t)type_number);
    sp_store_be64(ret_above + 2, scope);
    if (after.size > 0)
        memcpy(ret_above + PREFIX_BYTES, after.data, after.size);
    return SP_OK;
}

/* Moves to the first resource of the type above `above`, which is a resource key or the prefix of one. SP_ERR_NOT_FOUND. */
static enum sp_status seek(struct sp_shared *shared, struct list *list, struct sp_bytes above) {
    uint8_t probe[SP_RESOURCE_KEY_MAX_BYTES + 1];
    if (make_probe(above, probe) != SP_OK)
        return SP_ERR_CORRUPT;
    MDB_val key = sp_val(sp_number_key(&list->subject));
    MDB_val value = {above.size + 1, probe};
    int code = mdb_cursor_get(shared->cursor, &key, &value, MDB_GET_BOTH_RANGE);
    if (code == MDB_NOTFOUND)
        return SP_ERR_NOT_FOUND;
    if (code != MDB_SUCCESS)
        return narrow(code);
    struct sp_bytes found = sp_val_bytes(&value);
    if (found.size <= PREFIX_BYTES || found.size > SP_RESOURCE_KEY_MAX_BYTES)
        return SP_ERR_CORRUPT;
    list->at = found;
    return memcmp(found.data, shared->prefix, PREFIX_BYTES) == 0 ? SP_OK : SP_ERR_NOT_FOUND;
}

/* ---- the heap ---- */

static int compare(struct sp_bytes a, struct sp_bytes b) {
    int order = memcmp(a.data, b.data, a.size < b.size ? a.size : b.size);
    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

static void swap(struct list *a, struct list *b) {
    struct list kept = *a;
    *a = *b;
    *b = kept;
}

static void sift_up(struct list *heap, size_t i) {
    for (; i > 0 && compare(heap[i].at, heap[(i - 1) / 2].at) < 0; i = (i - 1) / 2)
        swap(&heap[i], &heap[(i - 1) / 2]);
}

static void sift_down(struct list *heap, size_t count, size_t i) {
    for (;;) {
        size_t least = i;
        for (size_t child = 2 * i + 1; child <= 2 * i + 2 && child < count; child++)
            if (compare(heap[child].at, heap[least].at) < 0)
                least = child;
        if (least == i)
            return;
        swap(&heap[i], &heap[least]);
        i = least;
    }
}

/* ---- */

static enum sp_status make_room(struct sp_shared *shared) {
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

static enum sp_status add_list(void *context, uint64_t subject_number) {
    const struct opening *opening = context;
    struct sp_shared *shared = opening->shared;
    struct list list = {.subject = subject_number};
    enum sp_status status = seek(shared, &list, opening->after);
    if (status != SP_OK)
        return status == SP_ERR_NOT_FOUND ? SP_OK : status;
    status = make_room(shared);
    if (status != SP_OK)
        return status;
    shared->lists[shared->count] = list;
    sift_up(shared->lists, shared->count++);
    return SP_OK;
}

enum sp_status sp_shared_open(struct sp_view *view, uint64_t principal_number, uint32_t type_number, uint64_t scope,
                              struct sp_str after, struct sp_arena *arena, struct sp_shared **ret_shared) {
    uint8_t above[SP_RESOURCE_KEY_MAX_BYTES];
    struct sp_shared *shared = sp_arena_calloc(arena, 1, sizeof(*shared));
    if (shared == NULL)
        return SP_ERR_MEMORY;
    enum sp_status status = make_above(type_number, scope, after, above);
    if (status != SP_OK)
        return status;
    shared->arena = arena;
    memcpy(shared->prefix, above, PREFIX_BYTES);
    status = sp_view_open_cursor(view, SP_DB_SUBJECT_RES, &shared->cursor);
    if (status != SP_OK)
        return status;
    struct opening opening = {shared, {above, PREFIX_BYTES + after.size}};
    status = add_list(&opening, principal_number);
    if (status == SP_OK)
        status = sp_index_walk_principal_groups(view, principal_number, add_list, &opening);
    if (status == SP_OK)
        *ret_shared = shared;
    else
        sp_shared_close(shared);
    return status;
}

static enum sp_status move_first(struct sp_shared *shared) {
    struct list *heap = shared->lists;
    enum sp_status status = seek(shared, &heap[0], heap[0].at);
    if (status == SP_ERR_NOT_FOUND)
        heap[0] = heap[--shared->count];
    else if (status != SP_OK)
        return status;
    sift_down(heap, shared->count, 0);
    return SP_OK;
}

enum sp_status sp_shared_next(struct sp_shared *shared, struct sp_str *ret_id) {
    if (shared->count == 0)
        return SP_ERR_NOT_FOUND;
    struct sp_bytes least = shared->lists[0].at;
    enum sp_status status = SP_OK;
    while (status == SP_OK && shared->count > 0 && compare(shared->lists[0].at, least) == 0)
        status = move_first(shared);
    if (status == SP_OK)
        *ret_id = (struct sp_str){(const char *)least.data + PREFIX_BYTES, least.size - PREFIX_BYTES};
    return status;
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
    MDB_cursor *cursor;
    enum sp_status status = make_above(type_number, scope, after, above);
    if (status == SP_OK)
        status = make_probe((struct sp_bytes){above, PREFIX_BYTES + after.size}, probe);
    if (status == SP_OK)
        status = sp_view_open_cursor(view, SP_DB_RESOURCE, &cursor);
    if (status != SP_OK)
        return status;
    MDB_val key = {PREFIX_BYTES + after.size + 1, probe};
    MDB_val value;
    int code = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
    mdb_cursor_close(cursor);
    if (code == MDB_NOTFOUND)
        return SP_ERR_NOT_FOUND;
    if (code != MDB_SUCCESS)
        return narrow(code);
    struct sp_bytes found = sp_val_bytes(&key);
    if (found.size <= PREFIX_BYTES || memcmp(found.data, above, PREFIX_BYTES) != 0)
        return SP_ERR_NOT_FOUND;
    *ret_id = (struct sp_str){(const char *)found.data + PREFIX_BYTES, found.size - PREFIX_BYTES};
    return SP_OK;
}
