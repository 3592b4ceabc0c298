#include "store/records/change_index.h"

#include "base/array.h"
#include "base/text.h"
#include "store/lmdb/lmdb_status.h"
#include "store/lmdb/view.h"
#include "store/records/edit.h"

/* Field numbers of sallyport.v1.Change and EntityChange. */
enum { CHANGE_WORKSPACE = 7, CHANGE_ENTITIES = 8, ENTITY_WORKSPACE = 2 };
enum { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2, WIRE_FIXED32 = 5, NUMBER_BYTES = 8 };

/* ---- which workspaces a change names ---- */

/* A packed message that is read field by field. */
struct fields {
    struct sp_bytes rest;
    unsigned number;       /* of the field that was read */
    struct sp_bytes bytes; /* its value, if it has bytes; data NULL: it has none */
};

static bool read_varint_field(struct sp_bytes *rest, uint64_t *ret_value) {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && rest->size > 0; shift += 7) {
        uint8_t byte = *rest->data++;
        rest->size--;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if ((byte & 0x80) == 0) {
            *ret_value = value;
            return true;
        }
    }
    return false;
}

static bool skip_field_bytes(struct sp_bytes *rest, uint64_t size) {
    if (size > rest->size)
        return false;
    rest->data += size;
    rest->size -= size;
    return true;
}

static enum sp_status read_next_field(struct fields *fields) {
    uint64_t tag = 0;
    uint64_t size = 0;
    bool ok = read_varint_field(&fields->rest, &tag);
    fields->number = (unsigned)(tag >> 3);
    fields->bytes = (struct sp_bytes){NULL, 0};
    switch (tag & 7) {
    case WIRE_VARINT:
        ok = ok && read_varint_field(&fields->rest, &size);
        break;
    case WIRE_FIXED64:
        ok = ok && skip_field_bytes(&fields->rest, 8);
        break;
    case WIRE_FIXED32:
        ok = ok && skip_field_bytes(&fields->rest, 4);
        break;
    case WIRE_BYTES:
        ok = ok && read_varint_field(&fields->rest, &size);
        fields->bytes = (struct sp_bytes){fields->rest.data, size};
        ok = ok && skip_field_bytes(&fields->rest, size);
        break;
    default:
        ok = false;
    }
    return ok ? SP_OK : SP_ERR_CORRUPT;
}

static enum sp_status add_named_workspace(struct sp_change_workspaces *workspaces, struct sp_arena *arena,
                                          struct sp_bytes id) {
    struct sp_str text = {(const char *)id.data, id.size};
    if (id.size == 0 || (workspaces->count > 0 && sp_str_equal(workspaces->ids[workspaces->count - 1], text)))
        return SP_OK;
    if (id.size > SP_ID_MAX_BYTES)
        return SP_ERR_CORRUPT;
    struct sp_str *ids =
        sp_array_reserve_in(arena, workspaces->ids, workspaces->count, &workspaces->capacity, sizeof(*ids));
    if (ids == NULL)
        return SP_ERR_MEMORY;
    workspaces->ids = ids;
    ids[workspaces->count++] = text;
    return SP_OK;
}

static enum sp_status add_workspace_of_entity(struct sp_change_workspaces *workspaces, struct sp_arena *arena,
                                              struct sp_bytes packed) {
    struct fields entity = {.rest = packed};
    while (entity.rest.size > 0) {
        enum sp_status status = read_next_field(&entity);
        if (status != SP_OK)
            return status;
        if (entity.number == ENTITY_WORKSPACE)
            return add_named_workspace(workspaces, arena, entity.bytes);
    }
    return SP_OK;
}

enum sp_status sp_change_find_workspaces(struct sp_bytes packed, struct sp_arena *arena,
                                         struct sp_change_workspaces *ret_workspaces) {
    struct sp_change_workspaces workspaces = {NULL, 0, 0};
    struct fields change = {.rest = packed};
    while (change.rest.size > 0) {
        enum sp_status status = read_next_field(&change);
        if (status != SP_OK)
            return status;
        if (change.number == CHANGE_WORKSPACE)
            status = add_named_workspace(&workspaces, arena, change.bytes);
        else if (change.number == CHANGE_ENTITIES)
            status = add_workspace_of_entity(&workspaces, arena, change.bytes);
        if (status != SP_OK)
            return status;
    }
    *ret_workspaces = workspaces;
    return SP_OK;
}

/* ---- keeping the index ---- */

enum sp_status sp_change_index_add(struct sp_write *write, uint64_t number, struct sp_bytes packed,
                                   struct sp_arena *arena) {
    uint8_t value[NUMBER_BYTES];
    struct sp_change_workspaces workspaces;
    enum sp_status status = sp_change_find_workspaces(packed, arena, &workspaces);
    if (status != SP_OK)
        return status == SP_ERR_CORRUPT ? SP_OK : status;
    sp_store_be64(value, number);
    for (size_t i = 0; i < workspaces.count; i++) {
        status = sp_write_put(write, SP_DB_CHANGE_OF, sp_bytes_of_str(workspaces.ids[i]),
                              (struct sp_bytes){value, sizeof(value)}, MDB_NODUPDATA);
        if (status != SP_OK && status != SP_ERR_EXISTS) /* a change may name a workspace more than once */
            return status;
    }
    return SP_OK;
}

/* A write may move what was read from the map. */
static enum sp_status copy_change(struct sp_write *write, uint64_t number, struct sp_arena *arena,
                                  struct sp_bytes *ret_packed) {
    struct sp_bytes stored;
    enum sp_status status = sp_view_get(&write->transaction.view, SP_DB_CHANGE, sp_number_key(&number), &stored);
    if (status != SP_OK)
        return status;
    uint8_t *copy = sp_arena_alloc(arena, stored.size + 1);
    if (copy == NULL)
        return SP_ERR_MEMORY;
    memcpy(copy, stored.data, stored.size);
    *ret_packed = (struct sp_bytes){copy, stored.size};
    return SP_OK;
}

enum sp_status sp_change_index_remove(struct sp_write *write, uint64_t number, struct sp_arena *arena) {
    uint8_t value[NUMBER_BYTES];
    struct sp_bytes packed;
    struct sp_change_workspaces workspaces;
    enum sp_status status = copy_change(write, number, arena, &packed);
    if (status == SP_ERR_NOT_FOUND)
        return SP_OK;
    if (status != SP_OK)
        return status;
    status = sp_change_find_workspaces(packed, arena, &workspaces);
    if (status != SP_OK)
        return status == SP_ERR_CORRUPT ? SP_OK : status;
    sp_store_be64(value, number);
    const struct sp_bytes of_number = {value, sizeof(value)};
    for (size_t i = 0; i < workspaces.count; i++) {
        status = sp_write_remove(write, SP_DB_CHANGE_OF, sp_bytes_of_str(workspaces.ids[i]), &of_number);
        if (status != SP_OK && status != SP_ERR_NOT_FOUND)
            return status;
    }
    return SP_OK;
}

/* ---- reading it ---- */

/* The first number of the workspace from `from` on. An LMDB code. */
static int seek_change_number(MDB_cursor *cursor, struct sp_str workspace, uint64_t from, MDB_val *ret_value) {
    uint8_t least[NUMBER_BYTES];
    MDB_val key = sp_val(sp_bytes_of_str(workspace));
    sp_store_be64(least, from);
    *ret_value = (MDB_val){sizeof(least), least};
    return mdb_cursor_get(cursor, &key, ret_value, MDB_GET_BOTH_RANGE);
}

enum sp_status sp_change_index_has(struct sp_view *view, struct sp_str workspace, uint64_t number, bool *ret_has) {
    MDB_cursor *cursor;
    MDB_val value;
    enum sp_status status = sp_view_open_cursor(view, SP_DB_CHANGE_OF, &cursor);
    if (status != SP_OK)
        return status;
    int code = seek_change_number(cursor, workspace, number, &value);
    bool has = code == MDB_SUCCESS && value.mv_size == NUMBER_BYTES && sp_load_be64(value.mv_data) == number;
    mdb_cursor_close(cursor);
    if (code != MDB_SUCCESS && code != MDB_NOTFOUND)
        return sp_lmdb_status(code);
    *ret_has = has;
    return SP_OK;
}

enum sp_status sp_change_index_walk(struct sp_view *view, struct sp_str workspace, uint64_t from,
                                    enum sp_status (*visit)(void *context, uint64_t number), void *context) {
    MDB_cursor *cursor;
    MDB_val key;
    MDB_val value;
    enum sp_status status = sp_view_open_cursor(view, SP_DB_CHANGE_OF, &cursor);
    if (status != SP_OK)
        return status;
    int code = seek_change_number(cursor, workspace, from, &value);
    for (; code == MDB_SUCCESS; code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT_DUP)) {
        status = value.mv_size == NUMBER_BYTES ? visit(context, sp_load_be64(value.mv_data)) : SP_ERR_CORRUPT;
        if (status != SP_OK)
            break;
    }
    mdb_cursor_close(cursor);
    return sp_walk_status(status, code);
}
