/* Users and service accounts of a workspace. */
#include "admin/principal.h"

#include "admin/cascade.h"
#include "admin/check_reach.h"
#include "admin/entities.h"
#include "admin/handlers.h"
#include "admin/mask.h"
#include "admin/message.h"
#include "admin/new_text.h"
#include "admin/page.h"
#include "admin/quota.h"
#include "base/array.h"
#include "sallyport/store/v1/records.pb-c.h"
#include "store/records/entity_key.h"
#include "store/records/index.h"
#include "store/records/index_walk.h"
#include "store/records/layout.h"
#include "store/records/next_number.h"
#include "wire/wire.h"

static bool is_user(const Sallyport__V1__Principal *principal) {
    return principal->kind == SALLYPORT__V1__PRINCIPAL_KIND__USER;
}

static bool is_enabled_user(const Sallyport__V1__Principal *principal) {
    return is_user(principal) && !principal->disabled;
}

static bool is_enabled_admin(const Sallyport__V1__Principal *principal) {
    return is_enabled_user(principal) && principal->role == SALLYPORT__V1__WORKSPACE_ROLE__WORKSPACE_ROLE_ADMIN;
}

/* For one more enabled user. */
static enum sp_status check_free_seat(struct sp_admin_context *ctx) {
    uint64_t used = 0;
    uint32_t seats = ctx->stored_workspace->workspace->seats;
    enum sp_status status = sp_index_count(ctx->view, ctx->stored_workspace->number, SP_COUNT_ENABLED_USERS, &used);
    if (status != SP_OK || used < seats)
        return status;
    return sp_error_set(ctx->error, SP_ERR_PRECONDITION,
                        "workspace %.*s has %u seats and %llu enabled users: disable or delete a user, or ask your "
                        "operator for more seats",
                        SP_STR_ARG(ctx->workspace), seats, (unsigned long long)used);
}

static enum sp_status check_new_service_account(struct sp_admin_context *ctx) {
    if (ctx->stored_workspace->workspace->seats <= 1)
        return sp_error_set(ctx->error, SP_ERR_PRECONDITION,
                            "service accounts require a workspace with more than one seat; %.*s has one",
                            SP_STR_ARG(ctx->workspace));
    return sp_admin_check_quota(ctx, SP_COUNT_SERVICE_ACCOUNTS, 1);
}

static enum sp_status check_workspace_role(struct sp_admin_context *ctx, const Sallyport__V1__Principal *principal) {
    if (principal->role == SALLYPORT__V1__WORKSPACE_ROLE__WORKSPACE_ROLE_MEMBER)
        return SP_OK;
    if (principal->role != SALLYPORT__V1__WORKSPACE_ROLE__WORKSPACE_ROLE_ADMIN)
        return sp_error_set(ctx->error, SP_ERR_INVALID, "role: WORKSPACE_ROLE_MEMBER or WORKSPACE_ROLE_ADMIN");
    if (!is_user(principal))
        return sp_error_set(ctx->error, SP_ERR_PRECONDITION, "role: service accounts are always MEMBER");
    return SP_OK;
}

static enum sp_status check_new_principal(struct sp_admin_context *ctx, const Sallyport__V1__Principal *principal) {
    if (!is_user(principal) && principal->kind != SALLYPORT__V1__PRINCIPAL_KIND__SERVICE_ACCOUNT)
        return sp_error_set(ctx->error, SP_ERR_INVALID, "kind: USER or SERVICE_ACCOUNT");
    enum sp_status status = sp_admin_check_new_name(principal->name, NULL, "name", ctx->error);
    if (status != SP_OK)
        return status;
    status = check_workspace_role(ctx, principal);
    if (status != SP_OK)
        return status;
    if (!is_user(principal))
        return check_new_service_account(ctx);
    return principal->disabled ? SP_OK : check_free_seat(ctx);
}

enum sp_status sp_admin_add_principal(struct sp_admin_context *ctx, const Sallyport__V1__Principal *template,
                                      Sallyport__Store__V1__StoredPrincipal **ret_principal) {
    Sallyport__V1__Principal *principal = (void *)sp_wire_copy(&template->base, ctx->arena);
    Sallyport__Store__V1__StoredPrincipal *stored =
        SP_ADMIN_NEW(ctx, Sallyport__Store__V1__StoredPrincipal, sallyport__store__v1__stored_principal);
    if (principal == NULL || stored == NULL)
        return SP_ERR_MEMORY;
    if (principal->role == SALLYPORT__V1__WORKSPACE_ROLE__WORKSPACE_ROLE_UNSPECIFIED)
        principal->role = SALLYPORT__V1__WORKSPACE_ROLE__WORKSPACE_ROLE_MEMBER;
    if (principal->created_at == 0)
        principal->created_at = ctx->now_s;
    principal->alias = (char *)(uintptr_t)protobuf_c_empty_string; /* worked out for replies, never stored */
    const char *id = NULL;
    const char *what = is_user(principal) ? "user" : "service account";
    enum sp_status status = check_new_principal(ctx, principal);
    if (status != SP_OK)
        return status;
    status = sp_admin_new_id(ctx, SP_KIND_PRINCIPAL, what, is_user(principal) ? "usr_" : "sa_", template->id, &id);
    if (status != SP_OK)
        return status;
    status = sp_write_next_subject(ctx->write, &stored->number);
    if (status != SP_OK)
        return status;
    principal->id = sp_arena_strdup(ctx->arena, sp_str_from(id));
    principal->workspace = sp_arena_strdup(ctx->arena, ctx->workspace);
    if (principal->id == NULL || principal->workspace == NULL)
        return SP_ERR_MEMORY;
    stored->principal = principal;
    stored->workspace_number = ctx->stored_workspace->number;
    status = sp_admin_put(ctx, SP_KIND_PRINCIPAL, id, &stored->base);
    if (status != SP_OK)
        return status;
    *ret_principal = stored;
    return SP_OK;
}

static enum sp_status reply_with_principal(struct sp_admin_context *ctx, Sallyport__V1__Principal *principal,
                                           ProtobufCMessage **ret_reply) {
    Sallyport__V1__PrincipalResponse *response =
        SP_ADMIN_NEW(ctx, Sallyport__V1__PrincipalResponse, sallyport__v1__principal_response);
    if (response == NULL)
        return SP_ERR_MEMORY;
    response->principal = principal;
    *ret_reply = &response->base;
    return SP_OK;
}

static enum sp_status create_principal(struct sp_admin_context *ctx, const Sallyport__V1__Principal *template,
                                       ProtobufCMessage **ret_reply) {
    Sallyport__Store__V1__StoredPrincipal *stored = NULL;
    enum sp_status status = sp_admin_add_principal(ctx, template, &stored);
    if (status != SP_OK)
        return status;
    return reply_with_principal(ctx, stored->principal, ret_reply);
}

enum sp_status sp_admin_create_user(struct sp_admin_context *ctx, const ProtobufCMessage *message,
                                    ProtobufCMessage **ret_reply) {
    const Sallyport__V1__CreateUserRequest *request = (const void *)message;
    Sallyport__V1__Principal template;
    sallyport__v1__principal__init(&template);
    template.id = request->id;
    template.name = request->name;
    template.kind = SALLYPORT__V1__PRINCIPAL_KIND__USER;
    template.role = request->role;
    return create_principal(ctx, &template, ret_reply);
}

enum sp_status sp_admin_create_service_account(struct sp_admin_context *ctx, const ProtobufCMessage *message,
                                               ProtobufCMessage **ret_reply) {
    const Sallyport__V1__CreateServiceAccountRequest *request = (const void *)message;
    Sallyport__V1__Principal template;
    sallyport__v1__principal__init(&template);
    template.id = request->id;
    template.name = request->name;
    template.kind = SALLYPORT__V1__PRINCIPAL_KIND__SERVICE_ACCOUNT;
    return create_principal(ctx, &template, ret_reply);
}

enum sp_status sp_admin_get_principal(struct sp_admin_context *ctx, const ProtobufCMessage *message,
                                      ProtobufCMessage **ret_reply) {
    const Sallyport__V1__GetPrincipalRequest *request = (const void *)message;
    Sallyport__Store__V1__StoredPrincipal *stored = NULL;
    enum sp_status status = sp_admin_load_principal(ctx, request->id, &stored);
    if (status != SP_OK)
        return status;
    *ret_reply = &stored->principal->base;
    return SP_OK;
}

struct principal_list {
    Sallyport__V1__PrincipalKind kind;
    Sallyport__V1__ListPrincipalsResponse *response;
};

static enum sp_status keep_principal(void *context, const ProtobufCMessage *stored, bool *ret_kept) {
    struct principal_list *list = context;
    Sallyport__V1__Principal *principal =
        ((const Sallyport__Store__V1__StoredPrincipal *)(const void *)stored)->principal;
    bool of_kind =
        list->kind == SALLYPORT__V1__PRINCIPAL_KIND__PRINCIPAL_KIND_UNSPECIFIED || principal->kind == list->kind;
    *ret_kept = of_kind && !((const Sallyport__Store__V1__StoredPrincipal *)(const void *)stored)->deleting;
    if (*ret_kept)
        list->response->principals[list->response->n_principals++] = principal;
    return SP_OK;
}

enum sp_status sp_admin_list_principals(struct sp_admin_context *ctx, const ProtobufCMessage *message,
                                        ProtobufCMessage **ret_reply) {
    const Sallyport__V1__ListPrincipalsRequest *request = (const void *)message;
    struct principal_list list = {
        .kind = request->kind,
        .response = SP_ADMIN_NEW(ctx, Sallyport__V1__ListPrincipalsResponse, sallyport__v1__list_principals_response)};
    if (list.response == NULL)
        return SP_ERR_MEMORY;
    list.response->principals = sp_arena_calloc(ctx->arena, SP_ADMIN_PAGE_MAX, sizeof(void *));
    if (list.response->principals == NULL)
        return SP_ERR_MEMORY;
    struct sp_entity_key prefix;
    enum sp_status status = sp_entity_key_make(SP_KIND_PRINCIPAL, ctx->workspace, NULL, 0, &prefix);
    if (status != SP_OK)
        return status;
    status = sp_admin_page(ctx, (struct sp_bytes){prefix.bytes, prefix.size},
                           &sallyport__store__v1__stored_principal__descriptor, request->page_size, request->page_token,
                           keep_principal, &list, &list.response->next_page_token);
    if (status != SP_OK)
        return status;
    *ret_reply = &list.response->base;
    return SP_OK;
}

/* Nobody could administer a workspace without an enabled ADMIN. */
static enum sp_status check_admin_remains(struct sp_admin_context *ctx, const Sallyport__V1__Principal *leaving) {
    uint64_t admins = 0;
    enum sp_status status = sp_index_count(ctx->view, ctx->stored_workspace->number, SP_COUNT_ENABLED_ADMINS, &admins);
    if (status != SP_OK || admins > 1)
        return status;
    return sp_error_set(ctx->error, SP_ERR_PRECONDITION,
                        "%s is the last enabled ADMIN of workspace %.*s: make another user an ADMIN first", leaving->id,
                        SP_STR_ARG(ctx->workspace));
}

/* The ids of a principal's keys. */
struct key_ids {
    struct sp_arena *arena;
    const char **ids;
    size_t count;
    size_t capacity;
};

static enum sp_status collect_key_id(void *context, struct sp_str key_id) {
    struct key_ids *keys = context;
    const char **ids = sp_array_reserve_in(keys->arena, keys->ids, keys->count, &keys->capacity, sizeof(*ids));
    const char *id = sp_arena_strdup(keys->arena, key_id);
    if (ids == NULL || id == NULL)
        return SP_ERR_MEMORY;
    keys->ids = ids;
    keys->ids[keys->count++] = id;
    return SP_OK;
}

static bool is_key_in_force(const Sallyport__V1__ApiKey *key, int64_t now_s) {
    return !key->disabled && (key->expires_at == 0 || now_s < key->expires_at);
}

/* Enabling or promoting a principal gives reach to its keys: only as much as the acting key has
 * itself, and no longer. */
static enum sp_status bind_keys_to_actor(struct sp_admin_context *ctx, uint64_t principal_number) {
    struct key_ids keys = {.arena = ctx->arena};
    enum sp_status status = sp_index_walk_principal_keys(ctx->view, principal_number, collect_key_id, &keys);
    if (status != SP_OK)
        return status;
    for (size_t i = 0; i < keys.count; i++) {
        Sallyport__Store__V1__StoredKey *key = NULL;
        status = sp_admin_load_key(ctx, keys.ids[i], &key);
        if (status != SP_OK)
            return status;
        if (!is_key_in_force(key->key, ctx->now_s))
            continue;
        bool bound = false;
        status = sp_admin_bind_carried_key(ctx, key, &bound);
        if (status != SP_OK)
            return status;
        status = bound ? sp_admin_put(ctx, SP_KIND_KEY, key->key->id, &key->base) : SP_OK;
        if (status != SP_OK)
            return status;
    }
    return SP_OK;
}

static enum sp_status check_principal_update(struct sp_admin_context *ctx, const Sallyport__V1__Principal *before,
                                             const Sallyport__Store__V1__StoredPrincipal *stored) {
    const Sallyport__V1__Principal *after = stored->principal;
    bool leaves = is_enabled_admin(before) && !is_enabled_admin(after);
    bool enters = !is_enabled_user(before) && is_enabled_user(after);
    bool enabled = before->disabled && !after->disabled;
    bool promoted = before->role != after->role && after->role == SALLYPORT__V1__WORKSPACE_ROLE__WORKSPACE_ROLE_ADMIN;
    enum sp_status status = sp_admin_check_new_name(after->name, before->name, "name", ctx->error);
    if (status != SP_OK)
        return status;
    status = check_workspace_role(ctx, after);
    if (status != SP_OK)
        return status;
    status = leaves ? check_admin_remains(ctx, after) : SP_OK;
    if (status != SP_OK)
        return status;
    status = enters ? check_free_seat(ctx) : SP_OK;
    if (status != SP_OK)
        return status;
    return enabled || promoted ? bind_keys_to_actor(ctx, stored->number) : SP_OK;
}

static enum sp_status take_principal_fields(struct sp_admin_context *ctx,
                                            const Sallyport__V1__UpdatePrincipalRequest *request,
                                            Sallyport__V1__Principal *principal) {
    enum { NAME, ROLE, DISABLED };
    static const char *const fields[] = {
        [NAME] = "name", [ROLE] = "role", [DISABLED] = "disabled", [DISABLED + 1] = NULL};
    enum sp_status status = sp_admin_check_mask(ctx, request->update_mask, request->n_update_mask, fields);
    if (status != SP_OK)
        return status;
    const Sallyport__V1__Principal *given = (const void *)sp_wire_copy(&request->principal->base, ctx->arena);
    if (given == NULL)
        return SP_ERR_MEMORY;
    if (sp_admin_mask_has(request->update_mask, request->n_update_mask, fields[NAME]))
        principal->name = given->name;
    if (sp_admin_mask_has(request->update_mask, request->n_update_mask, fields[ROLE]))
        principal->role = given->role;
    if (sp_admin_mask_has(request->update_mask, request->n_update_mask, fields[DISABLED]))
        principal->disabled = given->disabled;
    return SP_OK;
}

enum sp_status sp_admin_update_principal(struct sp_admin_context *ctx, const ProtobufCMessage *message,
                                         ProtobufCMessage **ret_reply) {
    const Sallyport__V1__UpdatePrincipalRequest *request = (const void *)message;
    if (request->principal == NULL)
        return sp_error_set(ctx->error, SP_ERR_INVALID, "principal: required");
    Sallyport__Store__V1__StoredPrincipal *stored = NULL;
    enum sp_status status = sp_admin_load_principal(ctx, request->principal->id, &stored);
    if (status != SP_OK)
        return status;
    const Sallyport__V1__Principal before = *stored->principal;
    struct sp_bytes packed_before;
    status = sp_wire_pack(&stored->base, ctx->arena, &packed_before);
    if (status != SP_OK)
        return status;
    status = take_principal_fields(ctx, request, stored->principal);
    if (status != SP_OK)
        return status;
    status = check_principal_update(ctx, &before, stored);
    if (status != SP_OK)
        return status;
    status = sp_admin_put_if_changed(ctx, SP_KIND_PRINCIPAL, before.id, packed_before, &stored->base);
    if (status != SP_OK)
        return status;
    return reply_with_principal(ctx, stored->principal, ret_reply);
}

static enum sp_status load_leaving_principal(struct sp_admin_context *ctx, const char *id,
                                             Sallyport__Store__V1__StoredPrincipal **ret_stored) {
    Sallyport__Store__V1__StoredPrincipal *stored = NULL;
    enum sp_status status = sp_admin_load_principal(ctx, id, &stored);
    if (status != SP_OK)
        return status;
    if (is_enabled_admin(stored->principal)) {
        status = check_admin_remains(ctx, stored->principal);
        if (status != SP_OK)
            return status;
    }
    *ret_stored = stored;
    return SP_OK;
}

enum sp_status sp_admin_remove_principal(struct sp_admin_context *ctx, const char *id, size_t limit) {
    Sallyport__Store__V1__StoredPrincipal *stored = NULL;
    bool cut = false;
    enum sp_status status = load_leaving_principal(ctx, id, &stored);
    if (status != SP_OK)
        return status;
    status = sp_admin_delete_principal_tree(ctx, stored, limit, &cut);
    if (status != SP_OK || !cut)
        return status;
    return sp_admin_refuse_cut(ctx, "principal", id);
}

enum sp_status sp_admin_delete_principal(struct sp_admin_context *ctx, const ProtobufCMessage *message,
                                         ProtobufCMessage **ret_reply) {
    const Sallyport__V1__DeletePrincipalRequest *request = (const void *)message;
    Sallyport__V1__MutationResponse *response =
        SP_ADMIN_NEW(ctx, Sallyport__V1__MutationResponse, sallyport__v1__mutation_response);
    if (response == NULL)
        return SP_ERR_MEMORY;
    Sallyport__Store__V1__StoredPrincipal *stored = NULL;
    enum sp_status status = load_leaving_principal(ctx, request->id, &stored);
    if (status != SP_OK)
        return status;
    status = sp_admin_delete_principal_in_pieces(ctx, stored, request->request_id);
    if (status != SP_OK)
        return status;
    *ret_reply = &response->base;
    return SP_OK;
}
