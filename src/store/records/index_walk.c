#include "store/records/index_walk.h"

#include "base/text.h"
#include "store/lmdb/lmdb_status.h"
#include "store/lmdb/view.h"
#include "store/records/index_build.h"
#include "store/records/record.h"

/* Stands at the first value of the key above `after`; empty: at the first. An LMDB code. */
static int seek_value(MDB_cursor *cursor, struct sp_bytes key, struct sp_bytes after, MDB_val *value) {
    MDB_val key_val = sp_val(key);
    if (after.size == 0)
        return mdb_cursor_get(cursor, &key_val, value, MDB_SET_KEY);
    *value = sp_val(after);
    int code = mdb_cursor_get(cursor, &key_val, value, MDB_GET_BOTH_RANGE);
    if (code == MDB_SUCCESS && sp_bytes_equal(sp_val_bytes(value), after))
        code = mdb_cursor_get(cursor, &key_val, value, MDB_NEXT_DUP);
    return code;
}

/* Visits the values of one key in order, beginning above `after`. `visit` gets the raw value. */
typedef enum sp_status value_visit(void *context, struct sp_bytes value);

static enum sp_status walk_values_after(struct sp_view *view, enum sp_database database, struct sp_bytes key,
                                        struct sp_bytes after, value_visit *visit, void *context) {
    MDB_cursor *cursor;
    enum sp_status status = sp_view_open_cursor(view, database, &cursor);
    if (status != SP_OK)
        return status;
    MDB_val key_val;
    MDB_val value;
    int code = seek_value(cursor, key, after, &value);
    for (; code == MDB_SUCCESS; code = mdb_cursor_get(cursor, &key_val, &value, MDB_NEXT_DUP)) {
        status = visit(context, sp_val_bytes(&value));
        if (status != SP_OK)
            break;
    }
    mdb_cursor_close(cursor);
    return sp_walk_status(status, code);
}

static enum sp_status walk_values(struct sp_view *view, enum sp_database database, struct sp_bytes key,
                                  value_visit *visit, void *context) {
    return walk_values_after(view, database, key, (struct sp_bytes){0}, visit, context);
}

/* One caller's visitor, and what the edges are sealed with. */
struct walker {
    struct sp_bytes key;
    enum sp_seal_domain domain;
    union {
        enum sp_status (*text)(void *context, struct sp_str text);
        enum sp_status (*bytes)(void *context, struct sp_bytes bytes);
        enum sp_status (*number)(void *context, uint64_t number);
        enum sp_status (*grant)(void *context, uint64_t subject_number, enum sp_role role);
    } visit;
    void *context;
};

static enum sp_status visit_text(void *context, struct sp_bytes value) {
    const struct walker *walker = context;
    return walker->visit.text(walker->context, (struct sp_str){(const char *)value.data, value.size});
}

static enum sp_status visit_bytes(void *context, struct sp_bytes value) {
    const struct walker *walker = context;
    return walker->visit.bytes(walker->context, value);
}

static enum sp_status visit_number(void *context, struct sp_bytes value) {
    const struct walker *walker = context;
    return value.size == 8 ? walker->visit.number(walker->context, sp_load_be64(value.data)) : SP_ERR_CORRUPT;
}

static enum sp_status visit_group(void *context, struct sp_bytes value) {
    const struct walker *walker = context;
    struct sp_edge edge;
    enum sp_status status = sp_edge_decode(walker->domain, walker->key, value, &edge);
    if (status != SP_OK || edge.subject == 0)
        return status;
    return walker->visit.number(walker->context, edge.subject);
}

static enum sp_status visit_grant(void *context, struct sp_bytes value) {
    const struct walker *walker = context;
    struct sp_edge edge;
    enum sp_status status = sp_edge_decode(walker->domain, walker->key, value, &edge);
    if (status != SP_OK || edge.subject == 0)
        return status;
    if (edge.payload < SP_ROLE_VIEWER || edge.payload > SP_ROLE_ADMIN)
        return SP_ERR_CORRUPT;
    return walker->visit.grant(walker->context, edge.subject, (enum sp_role)edge.payload);
}

enum sp_status sp_index_walk_principal_keys(struct sp_view *view, uint64_t principal_number,
                                            enum sp_status (*visit)(void *context, struct sp_str key_id),
                                            void *context) {
    struct walker walker = {.visit.text = visit, .context = context};
    return walk_values(view, SP_DB_PRINC_KEY, sp_number_key(&principal_number), visit_text, &walker);
}

enum sp_status sp_index_walk_subject_resources(struct sp_view *view, uint64_t subject_number, struct sp_bytes after,
                                               enum sp_status (*visit)(void *context, struct sp_bytes resource_key),
                                               void *context) {
    struct walker walker = {.visit.bytes = visit, .context = context};
    return walk_values_after(view, SP_DB_SUBJECT_RES, sp_number_key(&subject_number), after, visit_bytes, &walker);
}

enum sp_status sp_index_walk_resource_grants(struct sp_view *view, struct sp_bytes resource_key,
                                             enum sp_status (*visit)(void *context, uint64_t subject_number,
                                                                     enum sp_role role),
                                             void *context) {
    struct walker walker = {.key = resource_key, .domain = SP_SEAL_RESOURCE, .visit.grant = visit, .context = context};
    return walk_values(view, SP_DB_RESOURCE, resource_key, visit_grant, &walker);
}

enum sp_status sp_index_walk_principal_groups(struct sp_view *view, uint64_t principal_number,
                                              enum sp_status (*visit)(void *context, uint64_t group_number),
                                              void *context) {
    struct sp_bytes key = sp_number_key(&principal_number);
    struct walker walker = {.key = key, .domain = SP_SEAL_PRINCIPAL, .visit.number = visit, .context = context};
    return walk_values(view, SP_DB_PRINCIPAL, key, visit_group, &walker);
}

enum sp_status sp_index_walk_group_members(struct sp_view *view, uint64_t group_number,
                                           enum sp_status (*visit)(void *context, uint64_t principal_number),
                                           void *context) {
    struct walker walker = {.visit.number = visit, .context = context};
    return walk_values(view, SP_DB_GROUP_MEMBER, sp_number_key(&group_number), visit_number, &walker);
}

struct action_walk {
    size_t prefix_size;
    enum sp_status (*visit)(void *context, struct sp_str action);
    void *context;
};

static enum sp_status visit_action(void *context, struct sp_bytes key, struct sp_bytes value) {
    const struct action_walk *walk = context;
    (void)value;
    const char *name = (const char *)key.data + walk->prefix_size;
    return walk->visit(walk->context, (struct sp_str){name, key.size - walk->prefix_size});
}

enum sp_status sp_index_walk_actions(struct sp_view *view, struct sp_str type, struct sp_str after,
                                     enum sp_status (*visit)(void *context, struct sp_str action), void *context) {
    uint8_t start[SP_ID_MAX_BYTES + 1 + SP_ID_MAX_BYTES + 1];
    if (type.size == 0 || type.size > SP_ID_MAX_BYTES || after.size > SP_ID_MAX_BYTES)
        return SP_OK;
    memcpy(start, type.data, type.size);
    start[type.size] = 0;
    size_t prefix_size = type.size + 1;
    if (after.size > 0)
        memcpy(start + prefix_size, after.data, after.size);
    start[prefix_size + after.size] = 0; /* no name holds a NUL: the first key above `after` */
    MDB_cursor *cursor;
    enum sp_status status = sp_view_open_cursor(view, SP_DB_ACTION, &cursor);
    if (status != SP_OK)
        return status;
    MDB_val key = {prefix_size + after.size + 1, start};
    MDB_val value;
    int code = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
    struct action_walk walk = {prefix_size, visit, context};
    return sp_cursor_walk_and_close(cursor, code, key, value, (struct sp_bytes){start, prefix_size}, visit_action,
                                    &walk);
}

enum sp_status sp_index_group_size(struct sp_view *view, uint64_t group_number, uint64_t *ret_members) {
    MDB_cursor *cursor;
    enum sp_status status = sp_view_open_cursor(view, SP_DB_GROUP_MEMBER, &cursor);
    if (status != SP_OK)
        return status;
    MDB_val key = sp_val(sp_number_key(&group_number));
    MDB_val value;
    size_t members = 0;
    int code = mdb_cursor_get(cursor, &key, &value, MDB_SET_KEY);
    if (code == MDB_SUCCESS)
        code = mdb_cursor_count(cursor, &members);
    mdb_cursor_close(cursor);
    if (code != MDB_SUCCESS && code != MDB_NOTFOUND)
        return sp_lmdb_status(code);
    *ret_members = members;
    return SP_OK;
}

enum sp_status sp_index_subject(struct sp_view *view, uint64_t subject_number, struct sp_entity_key *ret_key) {
    struct sp_bytes value;
    enum sp_status status = sp_view_get(view, SP_DB_SUBJECT, sp_number_key(&subject_number), &value);
    if (status != SP_OK)
        return status;
    if (value.size == 0)
        return SP_ERR_CORRUPT;
    return sp_entity_key_copy(value, ret_key);
}

enum sp_status sp_index_has_duplicate(struct sp_view *view, const struct sp_index_record *record, bool *ret_there) {
    MDB_cursor *cursor;
    enum sp_status status = sp_view_open_cursor(view, record->database, &cursor);
    if (status != SP_OK)
        return status;
    MDB_val key = sp_val(record->key);
    MDB_val value = sp_val(record->value);
    int code = mdb_cursor_get(cursor, &key, &value, MDB_GET_BOTH);
    mdb_cursor_close(cursor);
    if (code != MDB_SUCCESS && code != MDB_NOTFOUND)
        return sp_lmdb_status(code);
    *ret_there = code == MDB_SUCCESS;
    return SP_OK;
}
