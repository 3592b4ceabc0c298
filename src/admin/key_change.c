/* Changing keys that exist: updates, on and off, deletion, rotation. */
#include "admin/check_reach.h"
#include "admin/entities.h"
#include "admin/handlers.h"
#include "admin/key.h"
#include "admin/mask.h"
#include "admin/message.h"
#include "admin/schema_names.h"
#include "base/text.h"
#include "core/allowlist.h"
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

static enum sp_status put_key(struct sp_admin_context *ctx, const stored_key *stored) {
    return sp_admin_put(ctx, SP_KIND_KEY, stored->key->id, &stored->base);
}

/* An expiry that is brought forward is meant: the key cannot rotate itself past it. Putting it off
 * lifts that, unless the acting key's expiry was brought forward itself. */
static enum sp_status set_expiry(struct sp_admin_context *ctx, stored_key *stored, int64_t expires_at_s) {
    int64_t before_s = stored->key->expires_at;
    bool shortened = false;
    if (expires_at_s == before_s)
        return SP_OK;
    enum sp_status status = sp_admin_actor_is_shortened(ctx, &shortened);
    if (status != SP_OK)
        return status;
    bool earlier = expires_at_s != 0 && (before_s == 0 || expires_at_s < before_s);
    stored->shortened = earlier || shortened;
    stored->key->expires_at = expires_at_s;
    return SP_OK;
}

/* ---- update ---- */

enum { NAME, PERMISSIONS, ALLOWED_IPS, EXPIRES_AT, FIELDS };

static const char *const fields[] = {"name", "permissions", "allowed_ips", "expires_at", NULL};

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
                            SP_ALLOWLIST_MAX_ENTRIES);
    if (!takes[ALLOWED_IPS] && request->allowed_ips != NULL)
        return sp_error_set(ctx->error, SP_ERR_INVALID, "allowed_ips: given but not listed in update_mask");
    if (request->clear_allowed_ips && request->n_update_mask == 0)
        return SP_OK;
    return sp_admin_check_mask(ctx, request->update_mask, request->n_update_mask, fields);
}

static enum sp_status take_allowlist(struct sp_admin_context *ctx, const Sallyport__V1__AllowedIps *given,
                                     Sallyport__V1__ApiKey *key) {
    struct sp_str *entries = sp_arena_calloc(ctx->arena, given->n_entries, sizeof(*entries));
    if (entries == NULL)
        return SP_ERR_MEMORY;
    for (size_t i = 0; i < given->n_entries; i++)
        entries[i] = sp_str_from(given->entries[i]);
    return sp_admin_set_allowlist(ctx, entries, given->n_entries, key);
}

static enum sp_status take_permissions(struct sp_admin_context *ctx, const Sallyport__V1__Permissions *given,
                                       stored_key *stored) {
    Sallyport__V1__Permissions *copy = given == NULL ? NULL : (void *)sp_wire_copy(&given->base, ctx->arena);
    if (given != NULL && copy == NULL)
        return SP_ERR_MEMORY;
    return sp_admin_set_permissions(ctx, copy, stored);
}

static enum sp_status take_key_name(struct sp_admin_context *ctx, const char *given, Sallyport__V1__ApiKey *key) {
    enum sp_status status = sp_text_check_name(sp_str_from(given), "name", ctx->error);
    if (status != SP_OK)
        return status;
    key->name = sp_arena_strdup(ctx->arena, sp_str_from(given));
    return key->name == NULL ? SP_ERR_MEMORY : SP_OK;
}

static enum sp_status take_key_expiry(struct sp_admin_context *ctx, int64_t expires_at_s, stored_key *stored) {
    enum sp_status status = sp_admin_check_expiry(ctx, expires_at_s);
    if (status != SP_OK)
        return status;
    return set_expiry(ctx, stored, expires_at_s);
}

static enum sp_status take_key_fields(struct sp_admin_context *ctx, const Sallyport__V1__UpdateApiKeyRequest *request,
                                      const bool takes[static FIELDS], stored_key *stored) {
    enum sp_status status = takes[NAME] ? take_key_name(ctx, request->name, stored->key) : SP_OK;
    if (status != SP_OK)
        return status;
    status = takes[PERMISSIONS] ? take_permissions(ctx, request->permissions, stored) : SP_OK;
    if (status != SP_OK)
        return status;
    status = takes[ALLOWED_IPS] ? take_allowlist(ctx, request->allowed_ips, stored->key) : SP_OK;
    if (status != SP_OK)
        return status;
    if (request->clear_allowed_ips)
        stored->key->n_allowed_ips = 0;
    return takes[EXPIRES_AT] ? take_key_expiry(ctx, request->expires_at, stored) : SP_OK;
}

/* Narrowing needs nothing; what widens must end within the acting key. */
static enum sp_status check_not_widened(struct sp_admin_context *ctx, const struct sp_admin_reach *before,
                                        const stored_key *stored) {
    struct sp_admin_reach after;
    enum sp_status status = sp_admin_reach_of(stored, ctx->arena, &after, ctx->error);
    if (status != SP_OK || sp_admin_reach_beyond(before, &after) == NULL)
        return status;
    char *what = sp_arena_printf(ctx->arena, "key %s, once updated,", stored->key->id);
    return what == NULL ? SP_ERR_MEMORY : sp_admin_check_within(ctx, what, &after);
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
    status = sp_admin_reach_of(stored, ctx->arena, &before, ctx->error);
    if (status != SP_OK)
        return status;
    status = take_key_fields(ctx, request, takes, stored);
    if (status != SP_OK)
        return status;
    status = check_not_widened(ctx, &before, stored);
    if (status != SP_OK)
        return status;
    status = put_key(ctx, stored);
    if (status != SP_OK)
        return status;
    return reply_with_key(ctx, stored->key, ret_reply);
}

/* ---- on and off ---- */

static enum sp_status disable_key(struct sp_admin_context *ctx, const char *id, const char *reason,
                                  ProtobufCMessage **ret_reply) {
    stored_key *stored = NULL;
    if (reason[0] != '\0') {
        enum sp_status status = sp_text_check_name(sp_str_from(reason), "reason", ctx->error);
        if (status != SP_OK)
            return status;
    }
    enum sp_status status = sp_admin_load_key(ctx, id, &stored);
    if (status != SP_OK)
        return status;
    /* The first reason stays: a second call changes nothing, so it must not leave an audit entry
     * that says it did. */
    if (stored->key->disabled)
        return reply_with_key(ctx, stored->key, ret_reply);
    stored->key->disabled = true;
    stored->key->disabled_reason = sp_arena_strdup(ctx->arena, sp_str_from(reason));
    if (stored->key->disabled_reason == NULL)
        return SP_ERR_MEMORY;
    status = put_key(ctx, stored);
    if (status != SP_OK)
        return status;
    return reply_with_key(ctx, stored->key, ret_reply);
}

enum sp_status sp_admin_disable_api_key(struct sp_admin_context *ctx, const ProtobufCMessage *message,
                                        ProtobufCMessage **ret_reply) {
    const Sallyport__V1__DisableApiKeyRequest *request = (const void *)message;
    return disable_key(ctx, request->id, request->reason, ret_reply);
}

enum sp_status sp_admin_disable_self(struct sp_admin_context *ctx, const ProtobufCMessage *message,
                                     ProtobufCMessage **ret_reply) {
    const Sallyport__V1__DisableSelfRequest *request = (const void *)message;
    if (ctx->is_operator)
        return sp_error_set(ctx->error, SP_ERR_PERMISSION,
                            "an operator's key can only be revoked offline: run 'sallyport-sync operator revoke'");
    char *id = sp_arena_strdup(ctx->arena, ctx->key.id);
    return id == NULL ? SP_ERR_MEMORY : disable_key(ctx, id, request->reason, ret_reply);
}

enum sp_status sp_admin_enable_api_key(struct sp_admin_context *ctx, const ProtobufCMessage *message,
                                       ProtobufCMessage **ret_reply) {
    const Sallyport__V1__EnableApiKeyRequest *request = (const void *)message;
    stored_key *stored = NULL;
    enum sp_status status = sp_admin_load_key(ctx, request->id, &stored);
    if (status != SP_OK)
        return status;
    if (!stored->key->disabled)
        return reply_with_key(ctx, stored->key, ret_reply);
    status = sp_admin_check_key_within(ctx, stored);
    if (status != SP_OK)
        return status;
    stored->key->disabled = false;
    stored->key->disabled_reason = sp_arena_strdup(ctx->arena, (struct sp_str){0});
    if (stored->key->disabled_reason == NULL)
        return SP_ERR_MEMORY;
    status = put_key(ctx, stored);
    if (status != SP_OK)
        return status;
    return reply_with_key(ctx, stored->key, ret_reply);
}

/* ---- deletion ---- */

static enum sp_status load_owner(struct sp_admin_context *ctx, const stored_key *stored,
                                 Sallyport__Store__V1__StoredPrincipal **ret_owner) {
    enum sp_status status = sp_admin_load_principal(ctx, stored->key->principal, ret_owner);
    if (status == SP_ERR_NOT_FOUND)
        return sp_error_set(ctx->error, SP_ERR_CORRUPT, "key %s has no principal: run 'sallyport-sync verify'",
                            stored->key->id);
    return status;
}

enum sp_status sp_admin_delete_api_key(struct sp_admin_context *ctx, const ProtobufCMessage *message,
                                       ProtobufCMessage **ret_reply) {
    const Sallyport__V1__DeleteApiKeyRequest *request = (const void *)message;
    Sallyport__V1__MutationResponse *response =
        SP_ADMIN_NEW(ctx, Sallyport__V1__MutationResponse, sallyport__v1__mutation_response);
    if (response == NULL)
        return SP_ERR_MEMORY;
    stored_key *stored = NULL;
    Sallyport__Store__V1__StoredPrincipal *owner = NULL;
    enum sp_status status = sp_admin_load_key(ctx, request->id, &stored);
    if (status != SP_OK)
        return status;
    status = load_owner(ctx, stored, &owner);
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

/* ---- rotation ---- */

enum { GRACE_MAX_S = 90 * 24 * 60 * 60 };

static bool is_acting_id(const struct sp_admin_context *ctx, const char *id) {
    return sp_str_equal(sp_str_from(id), ctx->key.id);
}

/* The key is the acting one, and it is permitted api_key_rotate. */
static enum sp_status rotates_itself(struct sp_admin_context *ctx, const char *id, bool *ret_rotates) {
    *ret_rotates = false;
    return is_acting_id(ctx, id) ? sp_admin_key_has_permission(ctx, "api_key_rotate", ret_rotates) : SP_OK;
}

/* An ADMIN may rotate any key of the workspace, a key permitted api_key_rotate itself. */
static enum sp_status load_rotated(struct sp_admin_context *ctx, const char *id, stored_key **ret_stored) {
    bool may = ctx->is_admin;
    if (id[0] == '\0')
        id = sp_arena_strdup(ctx->arena, ctx->key.id);
    if (id == NULL)
        return SP_ERR_MEMORY;
    enum sp_status status = may ? SP_OK : rotates_itself(ctx, id, &may);
    if (status != SP_OK)
        return status;
    if (!may)
        return sp_error_set(
            ctx->error, SP_ERR_PERMISSION,
            "RotateApiKey requires the key of an ADMIN user of the workspace, permitted workspace_write, "
            "or a key permitted api_key_rotate that rotates itself");
    return sp_admin_load_key(ctx, id, ret_stored);
}

static enum sp_status check_rotatable(struct sp_admin_context *ctx, const Sallyport__V1__ApiKey *key) {
    if (key->disabled)
        return sp_error_set(ctx->error, SP_ERR_PRECONDITION, "key %s is disabled: create a new key instead", key->id);
    if (key->expires_at != 0 && key->expires_at <= ctx->now_s)
        return sp_error_set(ctx->error, SP_ERR_PRECONDITION, "key %s has expired: create a new key instead", key->id);
    return SP_OK;
}

/* The old lifetime from now. */
static int64_t renew_expiry(const Sallyport__V1__ApiKey *key, int64_t now_s) {
    if (key->expires_at == 0)
        return 0;
    /* An imported key may have a creation time in the future: what it has left then counts as its
     * lifetime. */
    int64_t begin_s = key->created_at > 0 && key->created_at <= now_s ? key->created_at : now_s;
    int64_t lifetime_s = key->expires_at - begin_s;
    return lifetime_s > INT64_MAX - now_s ? INT64_MAX : now_s + lifetime_s;
}

/* The expiry that a rotation gives by itself. Whoever holds an old text must not use its grace to
 * outlive it. */
static int64_t choose_expiry(const struct sp_admin_context *ctx, const stored_key *old) {
    if (old->shortened && is_acting_id(ctx, old->key->id))
        return old->key->expires_at;
    return renew_expiry(old->key, ctx->now_s);
}

/* A key permitted api_key_rotate renews its lifetime, which is the point of rotating, but never
 * lengthens it. In any other case the new key must be within the acting one. */
static enum sp_status check_rotation(struct sp_admin_context *ctx, const stored_key *old, int64_t expires_at_s) {
    struct sp_admin_reach reach;
    bool by_itself = false;
    enum sp_status status = rotates_itself(ctx, old->key->id, &by_itself);
    if (status != SP_OK)
        return status;
    if (by_itself) {
        int64_t latest_s = choose_expiry(ctx, old);
        if (latest_s == 0 || (expires_at_s != 0 && expires_at_s <= latest_s))
            return SP_OK;
        return sp_error_set(
            ctx->error, SP_ERR_PERMISSION,
            "expires_at: a key that rotates itself cannot extend its lifetime: the latest allowed is %lld",
            (long long)latest_s);
    }
    status = sp_admin_reach_of(old, ctx->arena, &reach, ctx->error);
    if (status != SP_OK)
        return status;
    reach.expires_at_s = expires_at_s;
    return sp_admin_check_within(ctx, "the new key", &reach);
}

static enum sp_status begin_grace(struct sp_admin_context *ctx, stored_key *old, uint32_t grace_s) {
    if (grace_s == 0)
        return SP_OK;
    int64_t end_s = ctx->now_s + grace_s;
    if (old->key->expires_at != 0 && old->key->expires_at <= end_s)
        return SP_OK;
    enum sp_status status = set_expiry(ctx, old, end_s);
    if (status != SP_OK)
        return status;
    return put_key(ctx, old);
}

static enum sp_status add_successor(struct sp_admin_context *ctx, const Sallyport__V1__RotateApiKeyRequest *request,
                                    const stored_key *old, Sallyport__V1__ApiKeySecretResponse *response) {
    Sallyport__Store__V1__StoredPrincipal *owner = NULL;
    Sallyport__V1__ApiKey template = SALLYPORT__V1__API_KEY__INIT;
    template.name = request->name[0] == '\0' ? old->key->name : request->name;
    template.rotated_from = old->key->id;
    template.expires_at = request->expires_at == 0 ? choose_expiry(ctx, old) : request->expires_at;
    enum sp_status status = sp_admin_check_expiry(ctx, template.expires_at);
    if (status != SP_OK)
        return status;
    status = check_rotation(ctx, old, template.expires_at);
    if (status != SP_OK)
        return status;
    status = load_owner(ctx, old, &owner);
    if (status != SP_OK)
        return status;
    struct sp_admin_new_key successor = {
        .id = request->new_id, .principal = owner, .template = &template, .carried = old};
    return sp_admin_add_key(ctx, &successor, &response->api_key, &response->secret);
}

enum sp_status sp_admin_rotate_api_key(struct sp_admin_context *ctx, const ProtobufCMessage *message,
                                       ProtobufCMessage **ret_reply) {
    const Sallyport__V1__RotateApiKeyRequest *request = (const void *)message;
    Sallyport__V1__ApiKeySecretResponse *response =
        SP_ADMIN_NEW(ctx, Sallyport__V1__ApiKeySecretResponse, sallyport__v1__api_key_secret_response);
    if (response == NULL)
        return SP_ERR_MEMORY;
    if (request->grace_s > GRACE_MAX_S)
        return sp_error_set(ctx->error, SP_ERR_INVALID,
                            "grace_s: 1 to %d seconds, or 0 to keep the old key until it expires", GRACE_MAX_S);
    stored_key *old = NULL;
    enum sp_status status = load_rotated(ctx, request->id, &old);
    if (status != SP_OK)
        return status;
    status = check_rotatable(ctx, old->key);
    if (status != SP_OK)
        return status;
    status = add_successor(ctx, request, old, response);
    if (status != SP_OK)
        return status;
    status = begin_grace(ctx, old, request->grace_s);
    if (status != SP_OK)
        return status;
    *ret_reply = &response->base;
    return SP_OK;
}
