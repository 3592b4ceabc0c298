#include "store/records/entity.h"

#include "store/lmdb/lmdb_status.h"
#include "store/lmdb/view.h"
#include "wire/wire.h"

/* ---- kinds ---- */

const ProtobufCMessageDescriptor *sp_kind_descriptor(enum sp_kind kind) {
    switch (kind) {
    case SP_KIND_SCHEMA:
        return &sallyport__store__v1__stored_schema__descriptor;
    case SP_KIND_OPERATOR:
        return &sallyport__store__v1__stored_operator__descriptor;
    case SP_KIND_WORKSPACE:
        return &sallyport__store__v1__stored_workspace__descriptor;
    case SP_KIND_PRINCIPAL:
        return &sallyport__store__v1__stored_principal__descriptor;
    case SP_KIND_GROUP:
        return &sallyport__store__v1__stored_group__descriptor;
    case SP_KIND_MEMBERSHIP:
        return &sallyport__store__v1__stored_membership__descriptor;
    case SP_KIND_RESOURCE:
        return &sallyport__store__v1__stored_resource__descriptor;
    case SP_KIND_GRANT:
        return &sallyport__store__v1__stored_grant__descriptor;
    case SP_KIND_KEY:
        return &sallyport__store__v1__stored_key__descriptor;
    case SP_KIND_TOMBSTONE:
        return &sallyport__store__v1__stored_tombstone__descriptor;
    }
    return NULL;
}

/* ---- reading ---- */

enum sp_status sp_entity_decode(struct sp_bytes key, struct sp_bytes value, struct sp_arena *arena,
                                ProtobufCMessage **ret_message) {
    const ProtobufCMessageDescriptor *descriptor = key.size > 0 ? sp_kind_descriptor((enum sp_kind)key.data[0]) : NULL;
    if (descriptor == NULL)
        return SP_ERR_CORRUPT;
    return sp_wire_unpack_trusted(descriptor, value, arena, ret_message);
}

enum sp_status sp_entity_get(struct sp_view *view, const struct sp_entity_key *key, struct sp_arena *arena,
                             ProtobufCMessage **ret_message) {
    struct sp_bytes value;
    enum sp_status status = sp_view_get(view, SP_DB_ENTITY, sp_entity_key_bytes(key), &value);
    if (status != SP_OK)
        return status;
    return sp_entity_decode(sp_entity_key_bytes(key), value, arena, ret_message);
}

enum sp_status sp_entity_exists(struct sp_view *view, const struct sp_entity_key *key, bool *ret_exists) {
    struct sp_bytes value;
    enum sp_status status = sp_view_get(view, SP_DB_ENTITY, sp_entity_key_bytes(key), &value);
    if (status != SP_OK && status != SP_ERR_NOT_FOUND)
        return status;
    *ret_exists = status == SP_OK;
    return SP_OK;
}

/* The first key to visit: the first with the prefix, or the first after `after` if that is
 * further on. */
static int seek_first_entity(MDB_cursor *cursor, struct sp_bytes prefix, const struct sp_entity_key *after,
                             MDB_val *key, MDB_val *value) {
    if (after != NULL && sp_bytes_begin_with(sp_entity_key_bytes(after), prefix))
        return sp_cursor_seek_after(cursor, sp_entity_key_bytes(after), key, value);
    *key = sp_val(prefix);
    return mdb_cursor_get(cursor, key, value, prefix.size == 0 ? MDB_FIRST : MDB_SET_RANGE);
}

enum sp_status sp_entity_walk(struct sp_view *view, struct sp_bytes prefix, const struct sp_entity_key *after,
                              sp_entity_visit *visit, void *context) {
    MDB_cursor *cursor;
    enum sp_status status = sp_view_open_cursor(view, SP_DB_ENTITY, &cursor);
    if (status != SP_OK)
        return status;
    MDB_val key;
    MDB_val value;
    int code = seek_first_entity(cursor, prefix, after, &key, &value);
    return sp_cursor_walk_and_close(cursor, code, key, value, prefix, visit, context);
}

enum sp_status sp_entity_first_deleting(struct sp_view *view, struct sp_entity_key *ret_key) {
    MDB_cursor *cursor;
    MDB_val key;
    MDB_val value;
    enum sp_status status = sp_view_open_cursor(view, SP_DB_DELETING, &cursor);
    if (status != SP_OK)
        return status;
    int code = mdb_cursor_get(cursor, &key, &value, MDB_FIRST);
    status = code == MDB_SUCCESS ? sp_entity_key_copy(sp_val_bytes(&key), ret_key) : sp_lmdb_status(code);
    mdb_cursor_close(cursor);
    return status;
}
