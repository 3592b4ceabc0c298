/* Keys that exist: what may be changed of them, by whom, and how they are found and switched off. */
#include "admin/internal.h"
#include "base/text.h"
#include "store/records/index.h"
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

/* An end that is brought forward is meant: the key cannot rotate itself past it. One that is put off is its own again, where
 * the acting key's own end is not such a one. */
static enum sp_status set_expiry(struct sp_admin_context *ctx, stored_key *stored, int64_t expires_at_s) {
    int64_t before_s = stored->key->expires_at;
    bool shortened = false;
    if (expires_at_s == before_s)
        return SP_OK;
    enum sp_status status = sp_admin_actor_is_shortened(ctx, &shortened);
    bool earlier = expires_at_s != 0 && (before_s == 0 || expires_at_s < before_s);
    stored->shortened = earlier || shortened;
    stored->key->expires_at = expires_at_s;
    return status;
}

/* ---- update ---- */

enum { NAME, PERMISSIONS, ALLOWED_IPS, EXPIRES_AT, FIELDS };

static const char *const fields[] = {"name", "permissions", "allowed_ips", "expires_at", NULL};

/* Which fields the request changes. An allowlist is never changed by something left out. */
static enum sp_status read_mask(struct sp_admin_context *ctx, const Sallyport__V1__UpdateApiKeyRequest *request,
                                bool takes[static FIELDS]) {
    for (size_t i = 0; i < FIELDS; i++)
        takes[i] = sp_admin_mask_has(request->update_mask, request->n_update_mask, fields[i]);
    if (request->clear_allowed_ips && (takes[ALLOWED_IPS] || request->allowed_ips != NULL))
        return sp_error_set(ctx->error, SP_ERR_INVALID, "clear_allowed_ips: not together with allowed_ips");
    if (takes[ALLOWED_IPS] && (request->allowed_ips == NULL || request->allowed_ips->n_entries == 0))
        return sp_error_set(ctx->error, SP_ERR_INVALID,
                            "allowed_ips: must have 1 to %d entries; to clear the list, set clear_allowed_ips",
                            SP_ALLOWLIST_MAX_ENTRIES);
    if (!takes[ALLOWED_IPS] && request->allowed_ips != NULL)
        return sp_error_set(ctx->error, SP_ERR_INVALID, "allowed_ips: given, but not named in update_mask");
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

static enum sp_status take_masked(struct sp_admin_context *ctx, const Sallyport__V1__UpdateApiKeyRequest *request,
                                  const bool takes[static FIELDS], stored_key *stored) {
    Sallyport__V1__ApiKey *key = stored->key;
    enum sp_status status = SP_OK;
    if (takes[NAME]) {
        key->name = sp_arena_strdup(ctx->arena, sp_str_from(request->name));
        if (key->name == NULL)
            return SP_ERR_MEMORY;
        status = sp_text_check_name(sp_str_from(request->name), "name", ctx->error);
    }
    if (status == SP_OK && takes[PERMISSIONS])
        status = take_permissions(ctx, request->permissions, stored);
    if (status == SP_OK && takes[ALLOWED_IPS])
        status = take_allowlist(ctx, request->allowed_ips, key);
    if (request->clear_allowed_ips)
        key->n_allowed_ips = 0;
    if (status == SP_OK && takes[EXPIRES_AT]) {
        status = sp_admin_check_expiry(ctx, request->expires_at);
        if (status == SP_OK)
            status = set_expiry(ctx, stored, request->expires_at);
    }
    return status;
}

/* Narrowing needs nothing; what widens must end within the acting key. */
static enum sp_status check_not_widened(struct sp_admin_context *ctx, const struct sp_admin_reach *before,
                                        const stored_key *stored) {
    struct sp_admin_reach after;
    enum sp_status status = sp_admin_reach_of(stored, ctx->arena, &after, ctx->error);
    if (status != SP_OK || sp_admin_reach_beyond(before, &after) == NULL)
        return status;
    char *what = sp_arena_printf(ctx->arena, "key %s as it would be", stored->key->id);
    return what == NULL ? SP_ERR_MEMORY : sp_admin_check_within(ctx, what, &after);
}

enum sp_status sp_admin_update_api_key(struct sp_admin_context *ctx, const ProtobufCMessage *message,
                                       ProtobufCMessage **ret_reply) {
    const Sallyport__V1__UpdateApiKeyRequest *request = (const void *)message;
    bool takes[FIELDS];
    stored_key *stored = NULL;
    struct sp_admin_reach before;
    enum sp_status status = read_mask(ctx, request, takes);
    if (status == SP_OK)
        status = sp_admin_load_key(ctx, request->id, &stored);
    if (status == SP_OK)
        status = sp_admin_reach_of(stored, ctx->arena, &before, ctx->error);
    if (status == SP_OK)
        status = take_masked(ctx, request, takes, stored);
    if (status == SP_OK)
        status = check_not_widened(ctx, &before, stored);
    if (status == SP_OK)
        status = put_key(ctx, stored);
    return status == SP_OK ? reply_with_key(ctx, stored->key, ret_reply) : status;
}

/* ---- on and off ---- */

static enum sp_status disable(struct sp_admin_context *ctx, const char *id, const char *reason,
                              ProtobufCMessage **ret_reply) {
    stored_key *stored = NULL;
    enum sp_status status = SP_OK;
    if (reason[0] != '\0')
        status = sp_text_check_name(sp_str_from(reason), "reason", ctx->error);
    if (status == SP_OK)
        status = sp_admin_load_key(ctx, id, &stored);
    if (status != SP_OK)
        return status;
    /* The first reason stays: a second call changes nothing, and its audit entry would say that it had. */
    if (stored->key->disabled)
        return reply_with_key(ctx, stored->key, ret_reply);
    stored->key->disabled = true;
    stored->key->disabled_reason = sp_arena_strdup(ctx->arena, sp_str_from(reason));
    if (stored->key->disabled_reason == NULL)
        return SP_ERR_MEMORY;
    status = put_key(ctx, stored);
    return status == SP_OK ? reply_with_key(ctx, stored->key, ret_reply) : status;
}

enum sp_status sp_admin_disable_api_key(struct sp_admin_context *ctx, const ProtobufCMessage *message,
                                        ProtobufCMessage **ret_reply) {
    const Sallyport__V1__DisableApiKeyRequest *request = (const void *)message;
    return disable(ctx, request->id, request->reason, ret_reply);
}

enum sp_status sp_admin_disable_self(struct sp_admin_context *ctx, const ProtobufCMessage *message,
                                     ProtobufCMessage **ret_reply) {
    const Sallyport__V1__DisableSelfRequest *request = (const void *)message;
    if (ctx->is_operator)
        return sp_error_set(ctx->error, SP_ERR_PERMISSION,
                            "an operator's key is revoked offline: sallyport-sync operator revoke");
    char *id = sp_arena_strdup(ctx->arena, ctx->key.id);
    return id == NULL ? SP_ERR_MEMORY : disable(ctx, id, request->reason, ret_reply);
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
    char none[] = "";
    stored->key->disabled = false;
    stored->key->disabled_reason = sp_arena_strdup(ctx->arena, sp_str_from(none));
    if (stored->key->disabled_reason == NULL)
        return SP_ERR_MEMORY;
    status = put_key(ctx, stored);
    return status == SP_OK ? reply_with_key(ctx, stored->key, ret_reply) : status;
}

/* ---- deletion ---- */

static enum sp_status load_owner(struct sp_admin_context *ctx, const stored_key *stored,
                                 Sallyport__Store__V1__StoredPrincipal **ret_owner) {
    ProtobufCMessage *message = NULL;
    enum sp_status status = sp_admin_load(ctx, SP_KIND_PRINCIPAL, "principal", stored->key->principal, &message);
    if (status == SP_ERR_NOT_FOUND) {
        status = SP_ERR_CORRUPT;
        (void)sp_error_set(ctx->error, status, "key %s has no principal: run 'sallyport-sync verify'", stored->key->id);
    }
    if (status == SP_OK)
        *ret_owner = (void *)message;
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
    if (status == SP_OK)
        status = load_owner(ctx, stored, &owner);
    if (status == SP_OK)
        status = sp_admin_check_operator_reach(ctx, owner->principal);
    if (status == SP_OK)
        status = sp_admin_delete(ctx, SP_KIND_KEY, request->id);
    if (status == SP_OK)
        *ret_reply = &response->base;
    return status;
}

/* ---- rotation ---- */

enum { GRACE_MAX_S = 90 * 24 * 60 * 60 };

static bool is_self(const struct sp_admin_context *ctx, const char *id) {
    return sp_str_equal(sp_str_from(id), ctx->key.id);
}

/* Who may rotate which key: an ADMIN any of the workspace, a key permitted api_key_rotate itself. */
static enum sp_status find_rotated(struct sp_admin_context *ctx, const Sallyport__V1__RotateApiKeyRequest *request,
                                   stored_key **ret_stored) {
    const char *id = request->id;
    if (id[0] == '\0')
        id = sp_arena_strdup(ctx->arena, ctx->key.id);
    if (id == NULL)
        return SP_ERR_MEMORY;
    if (ctx->is_admin || (is_self(ctx, id) && sp_admin_key_has_permission(ctx, "api_key_rotate")))
        return sp_admin_load_key(ctx, id, ret_stored);
    (void)sp_error_set(ctx->error, SP_ERR_PERMISSION,
                       "RotateApiKey needs the key of an ADMIN user of the workspace, permitted workspace_write, or a "
                       "key permitted api_key_rotate that rotates itself");
    return SP_ERR_PERMISSION;
}

static enum sp_status check_rotatable(struct sp_admin_context *ctx, const Sallyport__V1__ApiKey *key) {
    if (key->disabled)
        return sp_error_set(ctx->error, SP_ERR_PRECONDITION, "key %s is disabled: make a new key instead", key->id);
    if (key->expires_at != 0 && key->expires_at <= ctx->now_s)
        return sp_error_set(ctx->error, SP_ERR_PRECONDITION, "key %s has expired: make a new key instead", key->id);
    return SP_OK;
}

/* The old lifetime from now. */
static int64_t renewed(const Sallyport__V1__ApiKey *key, int64_t now_s) {
    if (key->expires_at == 0)
        return 0;
    /* An imported key may say that it was created later than now: what it has left is its lifetime then. */
    int64_t begin_s = key->created_at > 0 && key->created_at <= now_s ? key->created_at : now_s;
    int64_t lifetime_s = key->expires_at - begin_s;
    return lifetime_s > INT64_MAX - now_s ? INT64_MAX : now_s + lifetime_s;
}

/* The expiry that a rotation gives by itself. Whoever holds an old text must not use its grace to outlive it. */
static int64_t expiry_of_successor(const struct sp_admin_context *ctx, const stored_key *old) {
    return old->shortened && is_self(ctx, old->key->id) ? old->key->expires_at : renewed(old->key, ctx->now_s);
}

/* A key permitted api_key_rotate renews its own lifetime, which is the point of rotating, but never lengthens it. Else the
 * new key must be within the acting one. */
static enum sp_status check_rotation(struct sp_admin_context *ctx, const stored_key *old, int64_t expires_at_s) {
    if (is_self(ctx, old->key->id) && sp_admin_key_has_permission(ctx, "api_key_rotate")) {
        int64_t latest_s = expiry_of_successor(ctx, old);
        if (latest_s == 0 || (expires_at_s != 0 && expires_at_s <= latest_s))
            return SP_OK;
        return sp_error_set(ctx->error, SP_ERR_PERMISSION,
                            "expires_at: a key that rotates itself cannot live longer than it did, which is until %lld",
                            (long long)latest_s);
    }
    struct sp_admin_reach reach;
    enum sp_status status = sp_admin_reach_of(old, ctx->arena, &reach, ctx->error);
    reach.expires_at_s = expires_at_s;
    return status == SP_OK ? sp_admin_check_within(ctx, "the new key", &reach) : status;
}

static enum sp_status shorten(struct sp_admin_context *ctx, stored_key *old, uint32_t grace_s) {
    if (grace_s == 0)
        return SP_OK;
    int64_t end_s = ctx->now_s + grace_s;
    if (old->key->expires_at != 0 && old->key->expires_at <= end_s)
        return SP_OK;
    enum sp_status status = set_expiry(ctx, old, end_s);
    return status == SP_OK ? put_key(ctx, old) : status;
}

static enum sp_status add_successor(struct sp_admin_context *ctx, const Sallyport__V1__RotateApiKeyRequest *request,
                                    const stored_key *old, Sallyport__V1__ApiKeySecretResponse *response) {
    Sallyport__Store__V1__StoredPrincipal *owner = NULL;
    Sallyport__V1__ApiKey template = SALLYPORT__V1__API_KEY__INIT;
    template.name = request->name[0] == '\0' ? old->key->name : request->name;
    template.rotated_from = old->key->id;
    template.expires_at = request->expires_at == 0 ? expiry_of_successor(ctx, old) : request->expires_at;
    enum sp_status status = sp_admin_check_expiry(ctx, template.expires_at);
    if (status == SP_OK)
        status = check_rotation(ctx, old, template.expires_at);
    if (status == SP_OK)
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
        return sp_error_set(ctx->error, SP_ERR_INVALID, "grace_s: 1 to %d seconds, or 0 for no end", GRACE_MAX_S);
    stored_key *old = NULL;
    enum sp_status status = find_rotated(ctx, request, &old);
    if (status == SP_OK)
        status = check_rotatable(ctx, old->key);
    if (status == SP_OK)
        status = add_successor(ctx, request, old, response);
    if (status == SP_OK)
        status = shorten(ctx, old, request->grace_s);
    if (status == SP_OK)
        *ret_reply = &response->base;
    return status;
}

/* ---- a leaked text ---- */

static enum sp_status no_such_key(struct sp_admin_context *ctx) {
    return sp_error_set(ctx->error, SP_ERR_NOT_FOUND, "no key has this text");
}

enum sp_status sp_admin_find_key(struct sp_admin_context *ctx, const ProtobufCMessage *message,
                                 ProtobufCMessage **ret_reply) {
    const Sallyport__V1__FindKeyRequest *request = (const void *)message;
    struct sp_str text = sp_str_from(request->api_key);
    if (text.size == 0 || text.size > SP_KEY_PRESENTED_MAX_BYTES)
        return sp_error_set(ctx->error, SP_ERR_INVALID, "api_key: 1 to %d bytes", SP_KEY_PRESENTED_MAX_BYTES);
    uint8_t digest[SP_DIGEST_BYTES];
    struct sp_key found;
    sp_key_digest_from_text(text, digest);
    enum sp_status status = sp_index_key(ctx->view, digest, &found);
    if (status == SP_ERR_NOT_FOUND ||
        (status == SP_OK && !ctx->is_operator && !sp_str_equal(found.workspace, ctx->key.workspace)))
        return no_such_key(ctx);
    if (status != SP_OK)
        return status;
    struct sp_entity_key key;
    ProtobufCMessage *stored = NULL;
    status = sp_entity_key_1(SP_KIND_KEY, found.workspace, found.id, &key);
    if (status == SP_OK)
        status = sp_entity_get(ctx->view, &key, ctx->arena, &stored);
    if (status == SP_OK)
        *ret_reply = &((stored_key *)(void *)stored)->key->base;
    return status == SP_ERR_NOT_FOUND ? SP_ERR_CORRUPT : status;
}
