#include "admin/entities.h"
#include "admin/new_text.h"

#include "admin/schema_names.h"

#include "base/random.h"
#include "base/text.h"
#include "core/principal_alias.h"
#include "sallyport/store/v1/records.pb-c.h"
#include "store/records/changeset.h"
#include "store/records/entity.h"
#include "store/records/entity_key.h"
#include "store/records/layout.h"
#include "wire/wire.h"

static enum sp_status make_key_by_id(struct sp_admin_context *ctx, enum sp_kind kind, const char *id,
                                     struct sp_entity_key *ret_key) {
    struct sp_str part = sp_str_from(id);
    switch ((int)kind) {
    case SP_KIND_SCHEMA:
        return sp_entity_key_make(kind, (struct sp_str){0}, NULL, 0, ret_key);
    case SP_KIND_OPERATOR:
        return sp_entity_key_1(kind, (struct sp_str){0}, part, ret_key);
    case SP_KIND_WORKSPACE:
        return sp_entity_key_make(kind, part, NULL, 0, ret_key);
    default:
        return sp_entity_key_1(kind, ctx->workspace, part, ret_key);
    }
}

static enum sp_status refuse_missing(struct sp_admin_context *ctx, const char *what, const char *id) {
    return sp_error_set(ctx->error, SP_ERR_NOT_FOUND, "%s %s not found in workspace %.*s", what, id,
                        SP_STR_ARG(ctx->workspace));
}

static enum sp_status check_id_of_kind(struct sp_admin_context *ctx, enum sp_kind kind, const char *field,
                                       const char *id) {
    if (kind == SP_KIND_PRINCIPAL)
        return sp_text_check_principal_id(sp_str_from(id), field, ctx->error);
    return sp_text_check_id(sp_str_from(id), field, ctx->error);
}

/* What looks like an alias would stand for two principals. */
static enum sp_status check_new_id_of_kind(struct sp_admin_context *ctx, enum sp_kind kind, const char *id) {
    if (kind == SP_KIND_PRINCIPAL && strncmp(id, SP_PRINCIPAL_ALIAS_PREFIX, sizeof(SP_PRINCIPAL_ALIAS_PREFIX) - 1) == 0)
        return sp_error_set(ctx->error, SP_ERR_INVALID,
                            "id: must not begin with " SP_PRINCIPAL_ALIAS_PREFIX ", as aliases of principals do");
    enum sp_status status = check_id_of_kind(ctx, kind, "id", id);
    if (status != SP_OK)
        return status;
    return sp_admin_refuse_key_text(sp_str_from(id), "id", ctx->error);
}

enum sp_status sp_admin_load(struct sp_admin_context *ctx, enum sp_kind kind, const char *what, const char *id,
                             ProtobufCMessage **ret_message) {
    struct sp_entity_key key;
    enum sp_status status = check_id_of_kind(ctx, kind, what, id);
    if (status != SP_OK)
        return status;
    status = make_key_by_id(ctx, kind, id, &key);
    if (status != SP_OK)
        return status;
    status = sp_entity_get(ctx->view, &key, ctx->arena, ret_message);
    return status == SP_ERR_NOT_FOUND ? refuse_missing(ctx, what, id) : status;
}

enum sp_status sp_admin_load_principal(struct sp_admin_context *ctx, const char *id,
                                       Sallyport__Store__V1__StoredPrincipal **ret_principal) {
    ProtobufCMessage *message = NULL;
    enum sp_status status = sp_admin_load(ctx, SP_KIND_PRINCIPAL, "principal", id, &message);
    if (status != SP_OK)
        return status;
    Sallyport__Store__V1__StoredPrincipal *principal = (void *)message;
    if (principal->deleting)
        return refuse_missing(ctx, "principal", id);
    *ret_principal = principal;
    return SP_OK;
}

enum sp_status sp_admin_load_group(struct sp_admin_context *ctx, const char *id,
                                   Sallyport__Store__V1__StoredGroup **ret_group) {
    ProtobufCMessage *message = NULL;
    enum sp_status status = sp_admin_load(ctx, SP_KIND_GROUP, "group", id, &message);
    if (status != SP_OK)
        return status;
    Sallyport__Store__V1__StoredGroup *group = (void *)message;
    if (group->deleting)
        return refuse_missing(ctx, "group", id);
    *ret_group = group;
    return SP_OK;
}

enum sp_status sp_admin_load_stored_key(struct sp_admin_context *ctx, const char *id,
                                        Sallyport__Store__V1__StoredKey **ret_key) {
    ProtobufCMessage *message = NULL;
    enum sp_status status = sp_admin_load(ctx, SP_KIND_KEY, "key", id, &message);
    if (status != SP_OK)
        return status;
    *ret_key = (void *)message;
    return SP_OK;
}

enum sp_status sp_admin_load_key(struct sp_admin_context *ctx, const char *id,
                                 Sallyport__Store__V1__StoredKey **ret_key) {
    enum sp_status status = sp_admin_load_stored_key(ctx, id, ret_key);
    if (status != SP_OK)
        return status;
    return sp_admin_trim_permissions(ctx, *ret_key);
}

static enum sp_status check_id_unused(struct sp_admin_context *ctx, enum sp_kind kind, const char *what,
                                      const char *id) {
    struct sp_entity_key key;
    struct sp_entity_key tombstone;
    bool exists = false;
    bool existed = false;
    enum sp_status status = make_key_by_id(ctx, kind, id, &key);
    if (status != SP_OK)
        return status;
    status = sp_entity_exists(ctx->view, &key, &exists);
    if (status != SP_OK)
        return status;
    if (exists)
        return sp_error_set(ctx->error, SP_ERR_EXISTS, "%s %s already exists", what, id);
    status = sp_entity_key_tombstone(sp_entity_key_bytes(&key), false, &tombstone);
    if (status != SP_OK)
        return status;
    status = sp_entity_exists(ctx->view, &tombstone, &existed);
    if (status != SP_OK)
        return status;
    if (existed)
        return sp_error_set(ctx->error, SP_ERR_EXISTS,
                            "%s id %s was used before, and ids cannot be reused: choose another", what, id);
    return SP_OK;
}

enum sp_status sp_admin_load_acting_key(struct sp_admin_context *ctx, Sallyport__Store__V1__StoredKey **ret_key) {
    const char *id = sp_arena_strdup(ctx->arena, ctx->key.id);
    if (id == NULL)
        return SP_ERR_MEMORY;
    enum sp_status status = sp_admin_load_key(ctx, id, ret_key);
    if (status == SP_ERR_NOT_FOUND)
        return sp_error_set(ctx->error, SP_ERR_CORRUPT, "the acting key has no record: run `sallyport-sync verify`");
    return status;
}

enum sp_status sp_admin_new_id(struct sp_admin_context *ctx, enum sp_kind kind, const char *what, const char *prefix,
                               const char *given, const char **ret_id) {
    char generated[SP_RANDOM_ID_BYTES];
    bool generate = given == NULL || given[0] == '\0';
    const char *id = generate ? generated : given;
    enum sp_status status = generate ? sp_random_id(prefix, generated) : check_new_id_of_kind(ctx, kind, given);
    if (status != SP_OK)
        return status;
    status = check_id_unused(ctx, kind, what, id);
    if (status != SP_OK)
        return status;
    char *kept = sp_arena_strdup(ctx->arena, sp_str_from(id));
    if (kept == NULL)
        return SP_ERR_MEMORY;
    *ret_id = kept;
    return SP_OK;
}

enum sp_status sp_admin_put(struct sp_admin_context *ctx, enum sp_kind kind, const char *id,
                            const ProtobufCMessage *message) {
    struct sp_entity_key key;
    enum sp_status status = make_key_by_id(ctx, kind, id, &key);
    if (status != SP_OK)
        return status;
    return sp_changeset_put(ctx->changes, &key, message);
}

enum sp_status sp_admin_put_if_changed(struct sp_admin_context *ctx, enum sp_kind kind, const char *id,
                                       struct sp_bytes before, const ProtobufCMessage *message) {
    struct sp_bytes after;
    enum sp_status status = sp_wire_pack(message, ctx->arena, &after);
    if (status != SP_OK || sp_bytes_equal(before, after))
        return status;
    return sp_admin_put(ctx, kind, id, message);
}

enum sp_status sp_admin_delete(struct sp_admin_context *ctx, enum sp_kind kind, const char *id) {
    struct sp_entity_key key;
    enum sp_status status = make_key_by_id(ctx, kind, id, &key);
    if (status != SP_OK)
        return status;
    return sp_changeset_delete(ctx->changes, &key, ctx->now_s);
}
