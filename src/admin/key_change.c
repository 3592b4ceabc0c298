/* Changing keys that exist: updates, on and off, deletion. */
#include "admin/check_reach.h"

#include "admin/entities.h"
#include "admin/handlers.h"
#include "admin/key.h"
#include "admin/lineage.h"
#include "admin/mask.h"
#include "admin/message.h"
#include "admin/new_text.h"
#include "admin/policy.h"
#include "admin/schema_names.h"
#include "base/moment.h"
#include "core/allowlist.h"
#include "core/schema.h"
#include "sallyport/store/v1/records.pb-c.h"
#include "store/records/layout.h"
#include "wire/wire.h"

typedef Sallyport__Store__V1__StoredKey stored_key;

static enum sp_status reply_with_key(struct sp_admin_context *ctx, Sallyport__V1__ApiKey *key,
                                     ProtobufCMessage **ret_reply) {
    Sallyport__V1__ApiKeyResponse *response =
        SP_ADMIN_NEW(ctx, Sallyport__V1__ApiKeyResponse, sallyport__v1__api_key_response);
    if (response == NULL)
        return SP_ERR_MEMORY;
    response->api_key = key;
    *ret_reply = &response->base;
    return SP_OK;
}

/* ---- update ---- */

enum { NAME, PERMISSIONS, ALLOWED_IPS, EXPIRES_AT, NOT_AFTER, HOLDER_MAY_NOT_DISABLE, FIELDS };

static const char *const fields[] = {
    [NAME] = "name",
    [PERMISSIONS] = "permissions",
    [ALLOWED_IPS] = "allowed_ips",
    [EXPIRES_AT] = "expires_at",
    [NOT_AFTER] = "not_after",
    [HOLDER_MAY_NOT_DISABLE] = "holder_may_not_disable",
    [FIELDS] = NULL,
};

/* Which fields the request changes. An allowlist is never changed by something left out. */
static enum sp_status read_key_mask(struct sp_admin_context *ctx, const Sallyport__V1__UpdateApiKeyRequest *request,
                                    bool takes[static FIELDS]) {
    for (size_t i = 0; i < FIELDS; i++)
        takes[i] = sp_admin_mask_has(request->update_mask, request->n_update_mask, fields[i]);
    if (request->clear_allowed_ips && (takes[ALLOWED_IPS] || request->allowed_ips != NULL))
        return sp_error_set(ctx->error, SP_ERR_INVALID, "clear_allowed_ips: cannot be combined with allowed_ips");
    if (takes[ALLOWED_IPS] && (request->allowed_ips == NULL || request->allowed_ips->n_entries == 0))
        return sp_error_set(ctx->error, SP_ERR_INVALID,
                            "allowed_ips: must have 1 to %d entries; to clear the list, set clear_allowed_ips",
                            SP_ALLOWLIST_MAX_GIVEN);
    if (!takes[ALLOWED_IPS] && request->allowed_ips != NULL)
        return sp_error_set(ctx->error, SP_ERR_INVALID, "allowed_ips: given but not listed in update_mask");
    if (request->clear_allowed_ips && request->n_update_mask == 0)
        return SP_OK;
    return sp_admin_check_mask(ctx, request->update_mask, request->n_update_mask, fields);
}

static enum sp_status take_permissions(struct sp_admin_context *ctx, const Sallyport__V1__Permissions *given,
                                       stored_key *stored) {
    Sallyport__V1__Permissions *copy = given == NULL ? NULL : (void *)sp_wire_copy(&given->base, ctx->arena);
    if (given != NULL && copy == NULL)
        return SP_ERR_MEMORY;
    return sp_admin_set_permissions(ctx, copy, sp_admin_key_lists(stored->key, SP_PERMISSION_REGISTER), stored);
}

static enum sp_status take_key_name(struct sp_admin_context *ctx, const char *given, Sallyport__V1__ApiKey *key) {
    enum sp_status status = sp_admin_check_new_name(given, key->name, "name", ctx->error);
    if (status != SP_OK)
        return status;
    key->name = sp_arena_strdup(ctx->arena, sp_str_from(given));
    return key->name == NULL ? SP_ERR_MEMORY : SP_OK;
}

/* Whichever of the two is left out of the request is brought forward along with the other, where it
 * must be. */
static enum sp_status take_key_end(struct sp_admin_context *ctx, const Sallyport__V1__UpdateApiKeyRequest *request,
                                   const bool takes[static FIELDS], Sallyport__V1__ApiKey *key) {
    enum sp_status status =
        takes[EXPIRES_AT] ? sp_moment_check_end("expires_at", request->expires_at, ctx->now_s, ctx->error) : SP_OK;
    if (status != SP_OK)
        return status;
    status = takes[NOT_AFTER] ? sp_moment_check_end("not_after", request->not_after, ctx->now_s, ctx->error) : SP_OK;
    if (status != SP_OK)
        return status;
    if (takes[NOT_AFTER])
        key->not_after = request->not_after;
    if (takes[NOT_AFTER] && !takes[EXPIRES_AT])
        key->expires_at = sp_admin_earlier_end(key->expires_at, request->not_after);
    if (takes[EXPIRES_AT] && !takes[NOT_AFTER] && sp_admin_is_earlier_end(request->expires_at, key->expires_at))
        sp_admin_bring_key_forward(key, request->expires_at);
    if (takes[EXPIRES_AT])
        key->expires_at = request->expires_at;
    return SP_OK;
}

static enum sp_status take_key_fields(struct sp_admin_context *ctx, const Sallyport__V1__UpdateApiKeyRequest *request,
                                      const bool takes[static FIELDS], stored_key *stored) {
    enum sp_status status = takes[NAME] ? take_key_name(ctx, request->name, stored->key) : SP_OK;
    if (status != SP_OK)
        return status;
    status = takes[PERMISSIONS] ? take_permissions(ctx, request->permissions, stored) : SP_OK;
    if (status != SP_OK)
        return status;
    if (takes[ALLOWED_IPS])
        status =
            sp_admin_set_allowlist(ctx, request->allowed_ips->entries, request->allowed_ips->n_entries, stored->key);
    if (status != SP_OK)
        return status;
    if (request->clear_allowed_ips)
        stored->key->n_allowed_ips = 0;
    if (takes[HOLDER_MAY_NOT_DISABLE])
        stored->key->holder_may_not_disable = request->holder_may_not_disable;
    return take_key_end(ctx, request, takes, stored->key);
}

/* Rules about a key's end bind an update that touches it: a key that broke them before can still be
 * renamed and narrowed. */
static enum sp_status check_updated_end(struct sp_admin_context *ctx, const bool takes[static FIELDS],
                                        const struct sp_admin_reach *before, int64_t expired_at_s,
                                        const Sallyport__V1__ApiKey *after) {
    bool may_rotate_now = !before->rotates && sp_admin_key_lists(after, SP_PERMISSION_ROTATE);
    if (takes[EXPIRES_AT] || takes[NOT_AFTER] || may_rotate_now) {
        enum sp_status status = sp_admin_check_key_end(ctx, after);
        if (status != SP_OK)
            return status;
    }
    return sp_admin_is_earlier_end(expired_at_s, after->expires_at) ? sp_admin_check_lifetime(ctx, after) : SP_OK;
}

/* Narrowing needs nothing; what widens must end within the acting key, and with it. */
static enum sp_status check_not_widened(struct sp_admin_context *ctx, const struct sp_admin_reach *before,
                                        stored_key *stored) {
    struct sp_admin_reach after;
    enum sp_status status = sp_admin_stored_reach(ctx, stored, &after);
    if (status != SP_OK)
        return status;
    bool widens = sp_admin_reach_widens(before, &after);
    ctx->narrowed = !widens && sp_admin_reach_widens(&after, before);
    if (!widens)
        return SP_OK;
    status = sp_admin_bind_to_actor(ctx, stored->key);
    if (status != SP_OK)
        return status;
    status = sp_admin_stored_reach(ctx, stored, &after);
    if (status != SP_OK)
        return status;
    char *what = sp_arena_printf(ctx->arena, "key %s, once updated,", stored->key->id);
    return what == NULL ? SP_ERR_MEMORY : sp_admin_check_within(ctx, what, &after);
}

/* An operator gives a key resource_register or takes it away; the rest is its workspace's. */
static enum sp_status check_operator_update(struct sp_admin_context *ctx, const bool takes[static FIELDS],
                                            const struct sp_admin_reach *before, const stored_key *stored) {
    struct sp_admin_reach after;
    bool other_field = takes[NAME] || takes[ALLOWED_IPS] || takes[EXPIRES_AT] || takes[NOT_AFTER] ||
                       takes[HOLDER_MAY_NOT_DISABLE] || !takes[PERMISSIONS];
    if (!ctx->is_operator)
        return SP_OK;
    enum sp_status status = sp_admin_stored_reach(ctx, stored, &after);
    if (status != SP_OK)
        return status;
    if (!other_field && after.rotates == before->rotates &&
        sp_permission_set_covers(&before->permissions, &after.permissions) &&
        sp_permission_set_covers(&after.permissions, &before->permissions))
        return SP_OK;
    return sp_error_set(ctx->error, SP_ERR_PERMISSION,
                        "operators can only add or remove " SP_PERMISSION_REGISTER
                        " on a key: send its other permissions unchanged, and no other fields");
}

enum sp_status sp_admin_update_api_key(struct sp_admin_context *ctx, const ProtobufCMessage *message,
                                       ProtobufCMessage **ret_reply) {
    const Sallyport__V1__UpdateApiKeyRequest *request = (const void *)message;
    bool takes[FIELDS];
    stored_key *stored = NULL;
    struct sp_admin_reach before;
    enum sp_status status = read_key_mask(ctx, request, takes);
    if (status != SP_OK)
        return status;
    status = sp_admin_load_key(ctx, request->id, &stored);
    if (status != SP_OK)
        return status;
    status = sp_admin_stored_reach(ctx, stored, &before);
    if (status != SP_OK)
        return status;
    int64_t expired_at_s = stored->key->expires_at;
    status = take_key_fields(ctx, request, takes, stored);
    if (status != SP_OK)
        return status;
    status = check_operator_update(ctx, takes, &before, stored);
    if (status != SP_OK)
        return status;
    status = check_updated_end(ctx, takes, &before, expired_at_s, stored->key);
    if (status != SP_OK)
        return status;
    status = check_not_widened(ctx, &before, stored);
    if (status != SP_OK)
        return status;
    status = sp_admin_put_key(ctx, stored);
    if (status != SP_OK)
        return status;
    return reply_with_key(ctx, stored->key, ret_reply);
}

/* ---- on and off ---- */

static enum sp_status check_reason(struct sp_admin_context *ctx, const char *reason) {
    return reason[0] == '\0' ? SP_OK : sp_admin_check_new_name(reason, NULL, "reason", ctx->error);
}

/* The first reason stays: a second call changes nothing, so it must not leave an audit entry that
 * says it did. *ret_changed may be NULL. */
static enum sp_status disable_key(struct sp_admin_context *ctx, stored_key *stored, const char *reason,
                                  bool *ret_changed) {
    if (ret_changed != NULL)
        *ret_changed = !stored->key->disabled;
    if (stored->key->disabled)
        return SP_OK;
    stored->key->disabled = true;
    stored->key->disabled_reason = sp_arena_strdup(ctx->arena, sp_str_from(reason));
    if (stored->key->disabled_reason == NULL)
        return SP_ERR_MEMORY;
    return sp_admin_put_key(ctx, stored);
}

/* Disables a key that the reply shows, with the permissions that it holds. A schema that cannot be
 * read must not be in the way. */
static enum sp_status disable_shown_key(struct sp_admin_context *ctx, stored_key *stored, const char *reason) {
    enum sp_status status = disable_key(ctx, stored, reason, NULL);
    if (status != SP_OK)
        return status;
    if (sp_admin_trim_permissions(ctx, stored) != SP_OK)
        *ctx->error = (struct sp_error){0};
    return SP_OK;
}

static enum sp_status disable_descendants(struct sp_admin_context *ctx, const char *id, const char *reason,
                                          Sallyport__V1__ApiKeyResponse *response) {
    char **ids = NULL;
    size_t count = 0;
    enum sp_status status = sp_admin_find_descendants(ctx, ctx->workspace, id, &ids, &count);
    if (status != SP_OK)
        return status;
    response->disabled_descendants = ids;
    for (size_t i = 0; i < count; i++) {
        stored_key *stored = NULL;
        bool changed = false;
        status = sp_admin_load_stored_key(ctx, ids[i], &stored);
        if (status != SP_OK)
            return status;
        status = disable_key(ctx, stored, reason, &changed);
        if (status != SP_OK)
            return status;
        if (changed)
            ids[response->n_disabled_descendants++] = ids[i];
    }
    return SP_OK;
}

/* A key that was deleted does nothing more, but its descendants do: with them, it may be named. */
static enum sp_status disable_named_key(struct sp_admin_context *ctx,
                                        const Sallyport__V1__DisableApiKeyRequest *request,
                                        Sallyport__V1__ApiKey **ret_key) {
    stored_key *stored = NULL;
    enum sp_status status = sp_admin_load_stored_key(ctx, request->id, &stored);
    if (status == SP_ERR_NOT_FOUND && request->with_descendants &&
        sp_admin_find_deleted_key(ctx, ctx->workspace, sp_str_from(request->id), ret_key) == SP_OK) {
        *ctx->error = (struct sp_error){0};
        return SP_OK;
    }
    if (status != SP_OK)
        return status;
    status = disable_shown_key(ctx, stored, request->reason);
    if (status != SP_OK)
        return status;
    *ret_key = stored->key;
    return SP_OK;
}

enum sp_status sp_admin_disable_api_key(struct sp_admin_context *ctx, const ProtobufCMessage *message,
                                        ProtobufCMessage **ret_reply) {
    const Sallyport__V1__DisableApiKeyRequest *request = (const void *)message;
    Sallyport__V1__ApiKeyResponse *response =
        SP_ADMIN_NEW(ctx, Sallyport__V1__ApiKeyResponse, sallyport__v1__api_key_response);
    if (response == NULL)
        return SP_ERR_MEMORY;
    enum sp_status status = check_reason(ctx, request->reason);
    if (status != SP_OK)
        return status;
    status = disable_named_key(ctx, request, &response->api_key);
    if (status != SP_OK)
        return status;
    status = request->with_descendants ? disable_descendants(ctx, request->id, request->reason, response) : SP_OK;
    if (status != SP_OK)
        return status;
    *ret_reply = &response->base;
    return SP_OK;
}

enum sp_status sp_admin_disable_self(struct sp_admin_context *ctx, const ProtobufCMessage *message,
                                     ProtobufCMessage **ret_reply) {
    const Sallyport__V1__DisableSelfRequest *request = (const void *)message;
    if (ctx->is_operator)
        return sp_error_set(ctx->error, SP_ERR_PERMISSION,
                            "an operator's key can only be revoked offline: run `sallyport-sync operator revoke`");
    stored_key *stored = NULL;
    char *id = sp_arena_strdup(ctx->arena, ctx->key.id);
    if (id == NULL)
        return SP_ERR_MEMORY;
    enum sp_status status = check_reason(ctx, request->reason);
    if (status != SP_OK)
        return status;
    status = sp_admin_load_stored_key(ctx, id, &stored);
    if (status != SP_OK)
        return status;
    status = sp_admin_check_holder_may_disable(ctx, stored->key);
    if (status != SP_OK)
        return status;
    status = disable_shown_key(ctx, stored, request->reason);
    if (status != SP_OK)
        return status;
    return reply_with_key(ctx, stored->key, ret_reply);
}

enum sp_status sp_admin_enable_api_key(struct sp_admin_context *ctx, const ProtobufCMessage *message,
                                       ProtobufCMessage **ret_reply) {
    const Sallyport__V1__EnableApiKeyRequest *request = (const void *)message;
    stored_key *stored = NULL;
    bool bound = false;
    enum sp_status status = sp_admin_load_key(ctx, request->id, &stored);
    if (status != SP_OK)
        return status;
    if (!stored->key->disabled)
        return reply_with_key(ctx, stored->key, ret_reply);
    status = sp_admin_bind_carried_key(ctx, stored, &bound);
    if (status != SP_OK)
        return status;
    stored->key->disabled = false;
    stored->key->disabled_reason = sp_arena_strdup(ctx->arena, (struct sp_str){0});
    if (stored->key->disabled_reason == NULL)
        return SP_ERR_MEMORY;
    status = sp_admin_put_key(ctx, stored);
    if (status != SP_OK)
        return status;
    return reply_with_key(ctx, stored->key, ret_reply);
}

/* ---- deletion ---- */

enum sp_status sp_admin_delete_api_key(struct sp_admin_context *ctx, const ProtobufCMessage *message,
                                       ProtobufCMessage **ret_reply) {
    const Sallyport__V1__DeleteApiKeyRequest *request = (const void *)message;
    Sallyport__V1__MutationResponse *response =
        SP_ADMIN_NEW(ctx, Sallyport__V1__MutationResponse, sallyport__v1__mutation_response);
    if (response == NULL)
        return SP_ERR_MEMORY;
    stored_key *stored = NULL;
    Sallyport__Store__V1__StoredPrincipal *owner = NULL;
    enum sp_status status = sp_admin_load_stored_key(ctx, request->id, &stored);
    if (status != SP_OK)
        return status;
    status = sp_admin_load_key_owner(ctx, stored, &owner);
    if (status != SP_OK)
        return status;
    status = sp_admin_check_operator_reach(ctx, owner->principal);
    if (status != SP_OK)
        return status;
    status = sp_admin_delete(ctx, SP_KIND_KEY, request->id);
    if (status != SP_OK)
        return status;
    *ret_reply = &response->base;
    return SP_OK;
}
