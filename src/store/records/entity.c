#include "store/records/entity.h"

#include "base/text.h"
#include "store/lmdb/view.h"
#include "wire/wire.h"

/* ---- keys ---- */

static bool append(struct sp_entity_key *key, const void *data, size_t size) {
    if (size > sizeof key->bytes - key->size)
        return false;
    if (size > 0)
        memcpy(key->bytes + key->size, data, size);
    key->size = (uint16_t)(key->size + size);
    return true;
}

static bool has_nul(struct sp_str text) {
    return text.size > 0 && memchr(text.data, 0, text.size) != NULL;
}

static bool append_part(struct sp_entity_key *key, struct sp_str part, bool last) {
    return !has_nul(part) && append(key, part.data, part.size) && (last || append(key, "", 1));
}

static bool begin_key(struct sp_entity_key *key, enum sp_kind kind, struct sp_str workspace) {
    key->size = 0;
    uint8_t first = (uint8_t)kind;
    return append(key, &first, 1) && append_part(key, workspace, false);
}

enum sp_status sp_entity_key_make(enum sp_kind kind, struct sp_str workspace, const struct sp_str *parts,
                                  size_t part_count, struct sp_entity_key *ret_key) {
    struct sp_entity_key key;
    bool fits = begin_key(&key, kind, workspace);
    for (size_t i = 0; fits && i < part_count; i++)
        fits = append_part(&key, parts[i], i + 1 == part_count);
    if (!fits)
        return SP_ERR_INVALID;
    *ret_key = key;
    return SP_OK;
}

enum sp_status sp_entity_key_1(enum sp_kind kind, struct sp_str workspace, struct sp_str id,
                               struct sp_entity_key *ret_key) {
    return sp_entity_key_make(kind, workspace, &id, 1, ret_key);
}

enum sp_status sp_entity_key_grant(struct sp_str workspace, struct sp_str type, struct sp_str resource_id,
                                   char subject_kind, struct sp_str subject, struct sp_entity_key *ret_key) {
    char last[1 + SP_ID_MAX_BYTES];
    if (subject.size > SP_ID_MAX_BYTES || (subject_kind != 'p' && subject_kind != 'g'))
        return SP_ERR_INVALID;
    last[0] = subject_kind;
    if (subject.size > 0)
        memcpy(last + 1, subject.data, subject.size);
    struct sp_str parts[] = {type, resource_id, {last, 1 + subject.size}};
    return sp_entity_key_make(SP_KIND_GRANT, workspace, parts, 3, ret_key);
}

enum sp_status sp_entity_key_make_tombstone(struct sp_bytes of, bool global, struct sp_entity_key *ret_key) {
    const uint8_t *end = of.size > 1 ? memchr(of.data + 1, 0, of.size - 1) : NULL;
    if (end == NULL)
        return SP_ERR_INVALID;
    struct sp_entity_key key;
    size_t workspace_size = (size_t)(end - of.data) - 1;
    struct sp_str workspace = {(const char *)of.data + 1, global ? 0 : workspace_size};
    size_t parts_at = 1 + workspace_size + 1;
    if (!begin_key(&key, SP_KIND_TOMBSTONE, workspace) || !append(&key, of.data, 1) ||
        !append(&key, of.data + parts_at, of.size - parts_at))
        return SP_ERR_INVALID;
    *ret_key = key;
    return SP_OK;
}

enum sp_status sp_entity_key_tombstone(const struct sp_entity_key *of, bool global, struct sp_entity_key *ret_key) {
    return sp_entity_key_make_tombstone((struct sp_bytes){of->bytes, of->size}, global, ret_key);
}

enum sp_status sp_entity_key_id(struct sp_bytes key, struct sp_str *ret_id) {
    const uint8_t *separator = key.size > 1 ? memchr(key.data + 1, 0, key.size - 1) : NULL;
    if (separator == NULL)
        return SP_ERR_CORRUPT;
    const uint8_t *id = separator + 1;
    size_t id_size = (size_t)(key.data + key.size - id);
    if (id_size == 0 || memchr(id, 0, id_size) != NULL)
        return SP_ERR_CORRUPT;
    *ret_id = (struct sp_str){(const char *)id, id_size};
    return SP_OK;
}

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

static struct sp_bytes key_bytes(const struct sp_entity_key *key) {
    return (struct sp_bytes){key->bytes, key->size};
}

enum sp_status sp_entity_decode(struct sp_bytes key, struct sp_bytes value, struct sp_arena *arena,
                                ProtobufCMessage **ret_message) {
    const ProtobufCMessageDescriptor *descriptor = key.size > 0 ? sp_kind_descriptor((enum sp_kind)key.data[0]) : NULL;
    return descriptor != NULL ? sp_wire_unpack_trusted(descriptor, value, arena, ret_message) : SP_ERR_CORRUPT;
}

enum sp_status sp_entity_get(struct sp_view *view, const struct sp_entity_key *key, struct sp_arena *arena,
                             ProtobufCMessage **ret_message) {
    struct sp_bytes value;
    enum sp_status status = sp_view_get(view, SP_DB_ENTITY, key_bytes(key), &value);
    return status == SP_OK ? sp_entity_decode(key_bytes(key), value, arena, ret_message) : status;
}

enum sp_status sp_entity_exists(struct sp_view *view, const struct sp_entity_key *key, bool *ret_exists) {
    struct sp_bytes value;
    enum sp_status status = sp_view_get(view, SP_DB_ENTITY, key_bytes(key), &value);
    if (status != SP_OK && status != SP_ERR_NOT_FOUND)
        return status;
    *ret_exists = status == SP_OK;
    return SP_OK;
}

static bool begins_with(struct sp_bytes text, struct sp_bytes prefix) {
    return text.size >= prefix.size && (prefix.size == 0 || memcmp(text.data, prefix.data, prefix.size) == 0);
}

/* The first key to visit: the first with the prefix, or the first after `after` where that is further. */
static int first_of_walk(MDB_cursor *cursor, struct sp_bytes prefix, const struct sp_entity_key *after, MDB_val *key,
                         MDB_val *value) {
    struct sp_bytes last = after != NULL ? key_bytes(after) : (struct sp_bytes){NULL, 0};
    bool beyond = after != NULL && begins_with(last, prefix);
    struct sp_bytes start = beyond ? last : prefix;
    if (start.size == 0)
        return mdb_cursor_get(cursor, key, value, MDB_FIRST);
    *key = sp_val(start);
    int code = mdb_cursor_get(cursor, key, value, MDB_SET_RANGE);
    if (code == MDB_SUCCESS && beyond && key->mv_size == last.size && memcmp(key->mv_data, last.data, last.size) == 0)
        code = mdb_cursor_get(cursor, key, value, MDB_NEXT);
    return code;
}

enum sp_status sp_entity_walk(struct sp_view *view, struct sp_bytes prefix, const struct sp_entity_key *after,
                              sp_entity_visit *visit, void *context) {
    MDB_cursor *cursor;
    enum sp_status status = sp_view_open_cursor(view, SP_DB_ENTITY, &cursor);
    if (status != SP_OK)
        return status;
    MDB_val key;
    MDB_val value;
    int code = first_of_walk(cursor, prefix, after, &key, &value);
    while (code == MDB_SUCCESS && status == SP_OK && begins_with(sp_val_bytes(&key), prefix)) {
        status = visit(context, sp_val_bytes(&key), sp_val_bytes(&value));
        if (status == SP_OK)
            code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
    }
    mdb_cursor_close(cursor);
    if (status != SP_OK)
        return status == SP_WALK_END ? SP_OK : status;
    return code == MDB_NOTFOUND ? SP_OK : sp_lmdb_status(code);
}
