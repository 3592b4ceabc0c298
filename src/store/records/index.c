#include "store/records/index.h"

#include "base/text.h"
#include "store/lmdb/view.h"
#include "store/records/edge_list.h"
#include "store/records/entity.h"
#include "store/records/places.h"
#include "store/records/record.h"
#include "store/records/settings_cache.h"

/* The statuses that the lookups of a decision return. */
static enum sp_status narrow_status(enum sp_status status) {
    return status == SP_OK || status == SP_ERR_CORRUPT || status == SP_ERR_NOT_FOUND ? status : SP_ERR_IO;
}

static enum sp_status find_bucket(struct sp_view *view, uint64_t number, struct sp_bytes *ret_bucket) {
    if (sp_places_find_bucket(view, number, ret_bucket))
        return SP_OK;
    enum sp_status status = narrow_status(sp_view_get(view, SP_DB_KEY, sp_number_key(&number), ret_bucket));
    if (status != SP_OK)
        return status;
    sp_places_keep_bucket(view, number, *ret_bucket);
    return SP_OK;
}

enum sp_status sp_index_key(struct sp_view *view, const uint8_t digest[static SP_DIGEST_BYTES],
                            struct sp_key *ret_key) {
    uint64_t number;
    memcpy(&number, digest, sizeof(number));
    struct sp_bytes bucket_key = sp_number_key(&number);
    struct sp_bytes bucket = {NULL, 0};
    enum sp_status status = find_bucket(view, number, &bucket);
    if (status != SP_OK)
        return status;
    while (bucket.size > 0) {
        struct sp_bytes record;
        status = sp_key_bucket_next(bucket_key, &bucket, &record);
        if (status != SP_OK)
            return status;
        if (memcmp(sp_key_record_digest(record), digest, SP_DIGEST_BYTES) == 0)
            return sp_key_record_decode(record, ret_key);
    }
    return SP_ERR_NOT_FOUND;
}

/* The head of an edge list: its first edge, when that is the one of subject 0. */
static enum sp_status read_first_edge(struct sp_view *view, enum sp_kept_cursor which, enum sp_seal_domain domain,
                                      struct sp_bytes key, bool *ret_found, uint64_t *ret_payload) {
    struct sp_edge_list list = {.count = 0};
    struct sp_edge edge = {0, 0};
    enum sp_status status = sp_view_find_edges(view, which, key, &list);
    if (status == SP_OK && list.count > 0)
        status = sp_edge_decode(domain, key, list.first, &edge);
    sp_view_leave_edges(view, &list);
    if (status != SP_OK)
        return status;
    *ret_found = list.count > 0 && edge.subject == 0;
    *ret_payload = edge.payload;
    return SP_OK;
}

enum sp_status sp_index_principal(struct sp_view *view, uint64_t principal_number,
                                  struct sp_principal_state *ret_state) {
    bool found;
    uint64_t payload;
    enum sp_status status = read_first_edge(view, SP_CURSOR_PRINCIPAL, SP_SEAL_PRINCIPAL,
                                            sp_number_key(&principal_number), &found, &payload);
    if (status != SP_OK)
        return status;
    *ret_state = (struct sp_principal_state){.found = false};
    if (found)
        *ret_state = (struct sp_principal_state){
            .found = true,
            .disabled = (payload & SP_PRINCIPAL_DISABLED) != 0,
            .workspace_admin = (payload & SP_PRINCIPAL_WORKSPACE_ADMIN) != 0,
            .workspace_number = payload >> 16,
        };
    return SP_OK;
}

static enum sp_status read_workspace_flags(struct sp_view *view, uint64_t workspace_number, unsigned *ret_flags) {
    struct sp_bytes record;
    enum sp_status status =
        narrow_status(sp_view_get_sealed(view, SP_DB_WORKSPACE, sp_number_key(&workspace_number), &record));
    if (status != SP_OK)
        return status;
    if (record.size != SP_WORKSPACE_RECORD_BYTES - SP_SEAL_BYTES)
        return SP_ERR_CORRUPT;
    *ret_flags = (unsigned)(sp_load_be64(record.data) & 0xffffU);
    return SP_OK;
}

static enum sp_status read_workspace_through_cache(struct sp_view *view, uint64_t workspace_number,
                                                   unsigned *ret_flags) {
    struct sp_kept *kept;
    enum sp_status status = sp_view_kept(view, &kept);
    if (status != SP_OK || sp_kept_find_workspace(kept, workspace_number, ret_flags))
        return status;
    status = read_workspace_flags(view, workspace_number, ret_flags);
    if (status != SP_OK)
        return status;
    sp_kept_put_workspace(kept, workspace_number, *ret_flags);
    return SP_OK;
}

enum sp_status sp_index_workspace(struct sp_view *view, uint64_t workspace_number,
                                  struct sp_workspace_state *ret_state) {
    unsigned flags = 0;
    enum sp_status status = view->writing ? read_workspace_flags(view, workspace_number, &flags)
                                          : read_workspace_through_cache(view, workspace_number, &flags);
    if (status != SP_OK && status != SP_ERR_NOT_FOUND)
        return status;
    *ret_state =
        (struct sp_workspace_state){.found = status == SP_OK, .disabled = (flags & SP_WORKSPACE_DISABLED) != 0};
    return SP_OK;
}

static enum sp_status decode_action(struct sp_bytes record, struct sp_action *ret_action) {
    if (record.size != SP_ACTION_RECORD_BYTES - SP_SEAL_BYTES || record.data[2] > SP_ROLE_ADMIN)
        return SP_ERR_CORRUPT;
    *ret_action = (struct sp_action){
        .found = true,
        .workspace_scoped = (record.data[0] & SP_ACTION_WORKSPACE_SCOPED) != 0,
        .needs_permission = (record.data[0] & SP_ACTION_NEEDS_PERMISSION) != 0,
        .claiming = (record.data[0] & SP_ACTION_CLAIMING) != 0,
        .permission = record.data[1],
        .role = (enum sp_role)record.data[2],
        .type_number = sp_load_be32(record.data + 4),
    };
    return SP_OK;
}

static enum sp_status read_action_record(struct sp_view *view, struct sp_bytes key, struct sp_action *ret_action) {
    struct sp_bytes record;
    enum sp_status status = narrow_status(sp_view_get_sealed(view, SP_DB_ACTION, key, &record));
    if (status != SP_OK)
        return status;
    return decode_action(record, ret_action);
}

static enum sp_status read_action_through_cache(struct sp_view *view, struct sp_bytes key,
                                                struct sp_action *ret_action) {
    struct sp_kept *kept;
    enum sp_status status = sp_view_kept(view, &kept);
    if (status != SP_OK || sp_kept_find_action(kept, key, ret_action))
        return status;
    status = read_action_record(view, key, ret_action);
    if (status != SP_OK)
        return status;
    sp_kept_put_action(kept, key, ret_action);
    return SP_OK;
}

enum sp_status sp_index_action(struct sp_view *view, struct sp_str type, struct sp_str action,
                               struct sp_action *ret_action) {
    *ret_action = (struct sp_action){.found = false};
    if (type.size == 0 || type.size > SP_ID_MAX_BYTES || action.size == 0 || action.size > SP_ID_MAX_BYTES ||
        memchr(type.data, 0, type.size) != NULL)
        return SP_OK;
    uint8_t key[SP_ID_MAX_BYTES + 1 + SP_ID_MAX_BYTES];
    memcpy(key, type.data, type.size);
    key[type.size] = 0;
    memcpy(key + type.size + 1, action.data, action.size);
    struct sp_bytes key_bytes = {key, type.size + 1 + action.size};
    enum sp_status status = view->writing ? read_action_record(view, key_bytes, ret_action)
                                          : read_action_through_cache(view, key_bytes, ret_action);
    return status == SP_ERR_NOT_FOUND ? SP_OK : status;
}

enum sp_status sp_index_schema_mark(struct sp_view *view, uint64_t *ret_mark) {
    struct sp_bytes record;
    enum sp_status status = narrow_status(sp_view_get_sealed(view, SP_DB_ACTION, SP_SCHEMA_MARK_KEY, &record));
    if (status == SP_ERR_NOT_FOUND)
        return SP_ERR_CORRUPT;
    if (status != SP_OK)
        return status;
    if (record.size != SP_SCHEMA_MARK_RECORD_BYTES - SP_SEAL_BYTES)
        return SP_ERR_CORRUPT;
    *ret_mark = sp_load_be64(record.data);
    return SP_OK;
}

static enum sp_status read_stored_schema(struct sp_view *view, struct sp_arena *arena, struct sp_str *ret_yaml) {
    struct sp_entity_key key;
    ProtobufCMessage *message = NULL;
    enum sp_status status = sp_entity_key_make(SP_KIND_SCHEMA, (struct sp_str){0}, NULL, 0, &key);
    if (status != SP_OK)
        return status;
    status = sp_entity_get(view, &key, arena, &message);
    if (status == SP_ERR_NOT_FOUND)
        return SP_ERR_CORRUPT;
    if (status != SP_OK)
        return status;
    *ret_yaml = sp_str_from(((const Sallyport__Store__V1__StoredSchema *)(const void *)message)->yaml);
    return SP_OK;
}

enum sp_status sp_index_schema_text(struct sp_view *view, struct sp_arena *arena, struct sp_str *ret_yaml) {
    struct sp_str yaml;
    uint64_t mark = 0;
    enum sp_status status = read_stored_schema(view, arena, &yaml);
    if (status == SP_ERR_MEMORY)
        return status;
    if (status != SP_OK)
        return narrow_status(status);
    status = sp_index_schema_mark(view, &mark);
    if (status != SP_OK)
        return status;
    if (sp_schema_mark(yaml) != mark)
        return SP_ERR_CORRUPT;
    *ret_yaml = yaml;
    return SP_OK;
}

enum sp_status sp_index_owner(struct sp_view *view, struct sp_bytes resource_key, uint64_t *ret_owner_number) {
    bool found;
    uint64_t payload;
    enum sp_status status = read_first_edge(view, SP_CURSOR_RESOURCE, SP_SEAL_RESOURCE, resource_key, &found, &payload);
    if (status != SP_OK)
        return status;
    *ret_owner_number = found ? payload : 0;
    return SP_OK;
}

enum sp_status sp_index_operator(struct sp_view *view, const uint8_t digest[static SP_DIGEST_BYTES],
                                 struct sp_str *ret_name) {
    struct sp_bytes record;
    enum sp_status status =
        narrow_status(sp_view_get_sealed(view, SP_DB_OPERATOR, (struct sp_bytes){digest, SP_DIGEST_BYTES}, &record));
    if (status != SP_OK)
        return status;
    *ret_name = (struct sp_str){(const char *)record.data, record.size};
    return SP_OK;
}

enum sp_status sp_index_count(struct sp_view *view, uint64_t workspace_number, enum sp_count what,
                              uint64_t *ret_count) {
    uint8_t key[SP_COUNT_KEY_BYTES];
    struct sp_bytes value;
    sp_count_key_encode((struct sp_count_key){workspace_number, what}, key);
    enum sp_status status = narrow_status(sp_view_get(view, SP_DB_COUNT, (struct sp_bytes){key, sizeof(key)}, &value));
    if (status == SP_ERR_NOT_FOUND) {
        *ret_count = 0;
        return SP_OK;
    }
    if (status != SP_OK)
        return status;
    return sp_count_record_decode(value, ret_count);
}
