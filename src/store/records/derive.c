#include "store/records/derive.h"

#include "base/text.h"
#include "core/allowlist.h"
#include "core/digest.h"
#include "sallyport/store/v1/records.pb-c.h"
#include "store/lmdb/view.h"
#include "store/records/action_records.h"
#include "store/records/entity.h"
#include "store/records/record.h"
#include "store/records/resource_key.h"

/* ---- kinds ---- */

static enum sp_status add_edge(struct sp_index_build *build, enum sp_database database, struct sp_bytes key,
                               uint64_t subject, uint64_t payload) {
    uint8_t record[SP_EDGE_BYTES];
    sp_edge_encode((enum sp_seal_domain)sp_database_layouts[database].seal, key, (struct sp_edge){subject, payload},
                   record);
    return sp_index_build_add(build, database, key, (struct sp_bytes){record, sizeof(record)});
}

static enum sp_status add_count(struct sp_index_build *build, uint64_t workspace_number, enum sp_count what) {
    uint8_t key[SP_COUNT_KEY_BYTES];
    sp_count_key_encode((struct sp_count_key){workspace_number, what}, key);
    return sp_index_build_add(build, SP_DB_COUNT, (struct sp_bytes){key, sizeof(key)}, (struct sp_bytes){NULL, 0});
}

static enum sp_status refuse_incomplete_entity(struct sp_index_build *build, const char *what) {
    return sp_error_set(build->error, SP_ERR_INVALID, "%s", what);
}

static bool is_number_given(uint64_t number) {
    return number > 0 && number <= SP_NUMBER_MAX;
}

static enum sp_status add_deleting(struct sp_index_build *build, bool deleting) {
    return deleting ? sp_index_build_add(build, SP_DB_DELETING, build->entity_key, (struct sp_bytes){NULL, 0}) : SP_OK;
}

static enum sp_status derive_workspace(struct sp_index_build *build, const ProtobufCMessage *message) {
    const Sallyport__Store__V1__StoredWorkspace *stored = (const Sallyport__Store__V1__StoredWorkspace *)message;
    if (stored->workspace == NULL || !is_number_given(stored->number))
        return refuse_incomplete_entity(build, "a stored workspace lacks its content or number");
    bool disabled = stored->workspace->disabled || stored->workspace->deleting;
    uint8_t record[SP_WORKSPACE_RECORD_BYTES];
    enum sp_status status = add_deleting(build, stored->workspace->deleting);
    if (status != SP_OK)
        return status;
    sp_workspace_record_encode(stored->number, disabled ? SP_WORKSPACE_DISABLED : 0U, record);
    return sp_index_build_add(build, SP_DB_WORKSPACE, sp_number_key(&stored->number),
                              (struct sp_bytes){record, sizeof(record)});
}

static enum sp_status add_user_counts(struct sp_index_build *build, const Sallyport__Store__V1__StoredPrincipal *stored,
                                      bool admin) {
    if (stored->principal->disabled || stored->deleting)
        return SP_OK;
    enum sp_status status = add_count(build, stored->workspace_number, SP_COUNT_ENABLED_USERS);
    if (status != SP_OK || !admin)
        return status;
    return add_count(build, stored->workspace_number, SP_COUNT_ENABLED_ADMINS);
}

static enum sp_status derive_principal(struct sp_index_build *build, const ProtobufCMessage *message) {
    const Sallyport__Store__V1__StoredPrincipal *stored = (const Sallyport__Store__V1__StoredPrincipal *)message;
    const Sallyport__V1__Principal *principal = stored->principal;
    if (principal == NULL || !is_number_given(stored->number) || !is_number_given(stored->workspace_number))
        return refuse_incomplete_entity(build, "a stored principal lacks its content or a number");
    bool user = principal->kind == SALLYPORT__V1__PRINCIPAL_KIND__USER;
    if (!user && principal->kind != SALLYPORT__V1__PRINCIPAL_KIND__SERVICE_ACCOUNT)
        return refuse_incomplete_entity(build, "a stored principal is neither user nor service account");
    /* A service account acts as a MEMBER, whatever its record has. */
    bool admin = user && principal->role == SALLYPORT__V1__WORKSPACE_ROLE__WORKSPACE_ROLE_ADMIN;
    bool disabled = principal->disabled || stored->deleting;
    unsigned flags = (disabled ? SP_PRINCIPAL_DISABLED : 0U) | (admin ? SP_PRINCIPAL_WORKSPACE_ADMIN : 0U);
    struct sp_bytes key = sp_number_key(&stored->number);
    enum sp_status status =
        add_edge(build, SP_DB_PRINCIPAL, key, 0, sp_principal_head(stored->workspace_number, flags));
    if (status != SP_OK)
        return status;
    status = sp_index_build_add(build, SP_DB_SUBJECT, key, build->entity_key);
    if (status != SP_OK)
        return status;
    status = add_deleting(build, stored->deleting);
    if (status != SP_OK)
        return status;
    return user ? add_user_counts(build, stored, admin)
                : add_count(build, stored->workspace_number, SP_COUNT_SERVICE_ACCOUNTS);
}

static enum sp_status derive_group(struct sp_index_build *build, const ProtobufCMessage *message) {
    const Sallyport__Store__V1__StoredGroup *stored = (const Sallyport__Store__V1__StoredGroup *)message;
    if (stored->group == NULL || !is_number_given(stored->number) || !is_number_given(stored->workspace_number))
        return refuse_incomplete_entity(build, "a stored group lacks its content or a number");
    enum sp_status status = sp_index_build_add(build, SP_DB_SUBJECT, sp_number_key(&stored->number), build->entity_key);
    if (status != SP_OK)
        return status;
    status = add_deleting(build, stored->deleting);
    if (status != SP_OK)
        return status;
    return add_count(build, stored->workspace_number, SP_COUNT_GROUPS);
}

static enum sp_status derive_membership(struct sp_index_build *build, const ProtobufCMessage *message) {
    const Sallyport__Store__V1__StoredMembership *stored = (const Sallyport__Store__V1__StoredMembership *)message;
    if (stored->membership == NULL || !is_number_given(stored->group_number) ||
        !is_number_given(stored->principal_number) || !is_number_given(stored->workspace_number))
        return refuse_incomplete_entity(build, "a stored membership lacks its content or a number");
    uint8_t member[8];
    sp_store_be64(member, stored->principal_number);
    enum sp_status status =
        add_edge(build, SP_DB_PRINCIPAL, sp_number_key(&stored->principal_number), stored->group_number, 0);
    if (status != SP_OK)
        return status;
    status = sp_index_build_add(build, SP_DB_GROUP_MEMBER, sp_number_key(&stored->group_number),
                                (struct sp_bytes){member, sizeof(member)});
    if (status != SP_OK)
        return status;
    return add_count(build, stored->workspace_number, SP_COUNT_MEMBERS);
}

static size_t make_stored_resource_key(const Sallyport__V1__ResourceRef *ref, uint32_t type_number,
                                       bool workspace_scoped, uint64_t workspace_number,
                                       uint8_t ret_key[static SP_RESOURCE_KEY_MAX_BYTES]) {
    if (ref == NULL || type_number == 0 || !is_number_given(workspace_number))
        return 0;
    return sp_resource_key(type_number, workspace_scoped ? workspace_number : 0, sp_str_from(ref->id), ret_key);
}

static enum sp_status derive_resource(struct sp_index_build *build, const ProtobufCMessage *message) {
    const Sallyport__Store__V1__StoredResource *stored = (const Sallyport__Store__V1__StoredResource *)message;
    uint8_t key[SP_RESOURCE_KEY_MAX_BYTES];
    size_t size = stored->resource == NULL
                      ? 0
                      : make_stored_resource_key(stored->resource->ref, stored->type_number, stored->workspace_scoped,
                                                 stored->workspace_number, key);
    if (size == 0)
        return refuse_incomplete_entity(build, "a stored resource lacks its content or a number");
    enum sp_status status = add_deleting(build, stored->deleting);
    if (status != SP_OK)
        return status;
    uint64_t head =
        (stored->workspace_scoped ? 0 : stored->workspace_number) | (stored->deleting ? SP_RESOURCE_DELETING : 0);
    if (head != 0)
        status = add_edge(build, SP_DB_RESOURCE, (struct sp_bytes){key, size}, 0, head);
    if (status != SP_OK)
        return status;
    return add_count(build, stored->workspace_number, SP_COUNT_RESOURCES);
}

static enum sp_status derive_grant(struct sp_index_build *build, const ProtobufCMessage *message) {
    const Sallyport__Store__V1__StoredGrant *stored = (const Sallyport__Store__V1__StoredGrant *)message;
    uint8_t key[SP_RESOURCE_KEY_MAX_BYTES];
    size_t size = stored->grant == NULL
                      ? 0
                      : make_stored_resource_key(stored->grant->resource, stored->type_number, stored->workspace_scoped,
                                                 stored->workspace_number, key);
    if (size == 0 || !is_number_given(stored->subject_number))
        return refuse_incomplete_entity(build, "a stored grant lacks its content or a number");
    Sallyport__V1__Role role = stored->grant->role;
    if (role < SALLYPORT__V1__ROLE__ROLE_VIEWER || role > SALLYPORT__V1__ROLE__ROLE_ADMIN)
        return refuse_incomplete_entity(build, "a stored grant has no role");
    struct sp_bytes key_bytes = {key, size};
    enum sp_status status = add_edge(build, SP_DB_RESOURCE, key_bytes, stored->subject_number, (uint64_t)role);
    if (status != SP_OK)
        return status;
    status = sp_index_build_add(build, SP_DB_SUBJECT_RES, sp_number_key(&stored->subject_number), key_bytes);
    if (status != SP_OK)
        return status;
    return add_count(build, stored->workspace_number, SP_COUNT_GRANTS);
}

/* ---- keys ---- */

static enum sp_status read_key_parts(struct sp_index_build *build, const Sallyport__Store__V1__StoredKey *stored,
                                     struct sp_key_parts *ret_parts) {
    const Sallyport__V1__ApiKey *key = stored->key;
    if (key == NULL || key->permissions == NULL || stored->digest.len != SP_DIGEST_BYTES ||
        !is_number_given(stored->principal_number) || !is_number_given(stored->workspace_number))
        return refuse_incomplete_entity(build, "a stored key lacks its content, its digest or a number");
    bool has_bits = stored->permission_bits.len == SP_PERMISSION_SET_BYTES;
    bool may_lack_bits = key->permissions->all && key->permissions->n_names == 0;
    if (!has_bits && (!may_lack_bits || stored->permission_bits.len != 0))
        return refuse_incomplete_entity(build, "a stored key lacks its permission bits");
    struct sp_key_parts parts = {
        .key =
            {
                .id = sp_str_from(key->id),
                .principal = sp_str_from(key->principal),
                .workspace = sp_str_from(key->workspace),
                .principal_number = stored->principal_number,
                .workspace_number = stored->workspace_number,
                .principal_kind = (uint8_t)stored->principal_kind,
                .disabled = key->disabled,
                .has_allowlist = key->n_allowed_ips > 0,
                .expires_at_s = key->expires_at,
                .permissions = {.all = key->permissions->all},
            },
    };
    if (has_bits)
        memcpy(parts.key.permissions.bits, stored->permission_bits.data, SP_PERMISSION_SET_BYTES);
    memcpy(parts.digest, stored->digest.data, SP_DIGEST_BYTES);
    if (key->n_allowed_ips > 0) {
        enum sp_status status = sp_allowlist_compile((const char *const *)key->allowed_ips, key->n_allowed_ips,
                                                     build->arena, &parts.key.allowed_ranges, build->error);
        if (status != SP_OK)
            return status;
    }
    *ret_parts = parts;
    return SP_OK;
}

static enum sp_status derive_key(struct sp_index_build *build, const ProtobufCMessage *message) {
    const Sallyport__Store__V1__StoredKey *stored = (const Sallyport__Store__V1__StoredKey *)message;
    struct sp_key_parts parts = {.key = {.disabled = true}};
    struct sp_bytes record = {NULL, 0};
    enum sp_status status = read_key_parts(build, stored, &parts);
    if (status != SP_OK)
        return status;
    status = sp_key_record_encode(&parts, build->arena, &record);
    if (status != SP_OK)
        return status;
    status = sp_index_build_add(build, SP_DB_KEY, (struct sp_bytes){parts.digest, SP_SHORT_DIGEST_BYTES}, record);
    if (status != SP_OK)
        return status;
    status = sp_index_build_add(build, SP_DB_PRINC_KEY, sp_number_key(&stored->principal_number),
                                sp_bytes_of_str(parts.key.id));
    if (status != SP_OK)
        return status;
    return add_count(build, stored->workspace_number, SP_COUNT_KEYS);
}

static enum sp_status derive_operator(struct sp_index_build *build, const ProtobufCMessage *message) {
    const Sallyport__Store__V1__StoredOperator *stored = (const Sallyport__Store__V1__StoredOperator *)message;
    size_t name_size = stored->operator_ == NULL ? 0 : strlen(stored->operator_->name);
    uint8_t record[SP_ID_MAX_BYTES + SP_SEAL_BYTES];
    if (name_size == 0 || name_size > SP_ID_MAX_BYTES || stored->digest.len != SP_DIGEST_BYTES)
        return refuse_incomplete_entity(build, "a stored operator lacks its name or digest");
    struct sp_bytes key = {stored->digest.data, SP_DIGEST_BYTES};
    memcpy(record, stored->operator_->name, name_size);
    sp_store_be64(record + name_size, sp_seal(SP_SEAL_OPERATOR, key, (struct sp_bytes){record, name_size}));
    return sp_index_build_add(build, SP_DB_OPERATOR, key, (struct sp_bytes){record, name_size + SP_SEAL_BYTES});
}

static enum sp_status derive_nothing(struct sp_index_build *build, const ProtobufCMessage *message) {
    (void)build;
    (void)message;
    return SP_OK;
}

/* ---- all ---- */

typedef enum sp_status derive_kind(struct sp_index_build *build, const ProtobufCMessage *message);

static derive_kind *const kinds[] = {
    [SP_KIND_SCHEMA] = sp_derive_schema,
    [SP_KIND_OPERATOR] = derive_operator,
    [SP_KIND_WORKSPACE] = derive_workspace,
    [SP_KIND_PRINCIPAL] = derive_principal,
    [SP_KIND_GROUP] = derive_group,
    [SP_KIND_MEMBERSHIP] = derive_membership,
    [SP_KIND_RESOURCE] = derive_resource,
    [SP_KIND_GRANT] = derive_grant,
    [SP_KIND_KEY] = derive_key,
    [SP_KIND_TOMBSTONE] = derive_nothing,
};

enum sp_status sp_derive(struct sp_bytes entity_key, const ProtobufCMessage *message, struct sp_arena *arena,
                         struct sp_index_records *ret_records, struct sp_error *error) {
    struct sp_index_build build = {.entity_key = entity_key, .arena = arena, .error = error};
    unsigned kind = entity_key.size > 0 ? entity_key.data[0] : 0;
    if (kind >= sizeof(kinds) / sizeof(*kinds) || kinds[kind] == NULL ||
        message->descriptor != sp_kind_descriptor((enum sp_kind)kind))
        return sp_error_set(error, SP_ERR_INVALID, "an entity's key and message are of different kinds");
    enum sp_status status = kinds[kind](&build, message);
    if (status == SP_ERR_MEMORY)
        return sp_error_set(error, status, "out of memory while deriving indexes");
    if (status != SP_OK)
        return status;
    *ret_records = build.records;
    return SP_OK;
}

enum sp_status sp_derive_stored(struct sp_bytes entity_key, struct sp_bytes stored, struct sp_arena *arena,
                                struct sp_index_records *ret_records) {
    ProtobufCMessage *message;
    enum sp_status status = sp_entity_decode(entity_key, stored, arena, &message);
    if (status != SP_OK)
        return status;
    status = sp_derive(entity_key, message, arena, ret_records, NULL);
    if (status == SP_OK || status == SP_ERR_MEMORY)
        return status;
    return SP_ERR_CORRUPT;
}
