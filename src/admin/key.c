#include "admin/key.h"

#include "admin/check_reach.h"
#include "admin/entities.h"
#include "admin/handlers.h"
#include "admin/key_secret.h"
#include "admin/message.h"
#include "admin/new_text.h"
#include "admin/policy.h"
#include "admin/quota.h"
#include "admin/schema_names.h"
#include "base/moment.h"
#include "base/text.h"
#include "core/allowlist.h"
#include "core/digest.h"
#include "core/key_text.h"
#include "core/schema.h"
#include "sallyport/store/v1/records.pb-c.h"
#include "store/records/index.h"
#include "store/records/layout.h"
#include "store/records/settings.h"
#include "wire/wire.h"

typedef Sallyport__Store__V1__StoredKey stored_key;

enum { HINT_MAX_BYTES = SP_KEY_HINT_BYTES - 1 };

/* ---- the parts of a key ---- */

/* Whether the workspace may give a key a new allowlist. */
static enum sp_status check_allowlist_feature(struct sp_admin_context *ctx) {
    const Sallyport__V1__Workspace *workspace = ctx->stored_workspace->workspace;
    if (workspace->plan != SALLYPORT__V1__PLAN__PLAN_ENTERPRISE)
        return sp_error_set(ctx->error, SP_ERR_PRECONDITION,
                            "allowed_ips: IP allowlists require the ENTERPRISE plan; workspace %s is not on it",
                            workspace->id);
    for (size_t i = 0; i < workspace->n_features; i++)
        if (workspace->features[i] == SALLYPORT__V1__FEATURE__FEATURE_IP_ALLOWLIST)
            return SP_OK;
    return sp_error_set(ctx->error, SP_ERR_PRECONDITION,
                        "allowed_ips: IP allowlists are not enabled for workspace %s: ask your operator",
                        workspace->id);
}

enum sp_status sp_admin_set_allowlist(struct sp_admin_context *ctx, char *const *given, size_t count,
                                      Sallyport__V1__ApiKey *key) {
    const char **texts = NULL;
    size_t kept = 0;
    struct sp_str *entries = sp_arena_calloc(ctx->arena, count, sizeof(*entries));
    if (entries == NULL)
        return SP_ERR_MEMORY;
    for (size_t i = 0; i < count; i++)
        entries[i] = sp_str_from(given[i]);
    enum sp_status status = sp_allowlist_normalise(
        entries, count, ctx->stored_workspace->workspace->allow_private_ranges, ctx->arena, &texts, &kept, ctx->error);
    if (status != SP_OK)
        return status;
    status = check_allowlist_feature(ctx);
    if (status != SP_OK)
        return status;
    key->allowed_ips = sp_arena_calloc(ctx->arena, kept, sizeof(*key->allowed_ips));
    if (key->allowed_ips == NULL)
        return SP_ERR_MEMORY;
    memcpy(key->allowed_ips, texts, kept * sizeof(*texts));
    key->n_allowed_ips = kept;
    return SP_OK;
}

static enum sp_status refuse_permissions(struct sp_admin_context *ctx, const char *why) {
    return sp_error_set(ctx->error, SP_ERR_INVALID, "permissions: %s", why);
}

static enum sp_status resolve_permissions(struct sp_admin_context *ctx, const Sallyport__V1__Permissions *permissions,
                                          struct sp_permission_set *set) {
    if (permissions->n_names > SP_PERMISSIONS_MAX)
        return refuse_permissions(ctx, "more names than a schema can have");
    for (size_t i = 0; i < permissions->n_names; i++) {
        uint8_t number = 0;
        bool claims = sp_schema_permission_claims(sp_str_from(permissions->names[i]));
        if (permissions->all && !claims)
            return refuse_permissions(ctx, "together with all, names may list only " SP_PERMISSION_REGISTER
                                           " and " SP_PERMISSION_ROTATE ", which all does not include");
        enum sp_status status = sp_admin_permission_number(ctx, "permissions", permissions->names[i], &number);
        if (status != SP_OK)
            return status;
        if (sp_permission_set_has(set, number, true))
            return sp_error_set(ctx->error, SP_ERR_INVALID, "permissions: %s is listed twice", permissions->names[i]);
        sp_permission_set_add(set, number);
    }
    return SP_OK;
}

/* Whoever registers takes ids from all other workspaces, so a workspace cannot give it to
 * itself. */
static enum sp_status check_register_grant(struct sp_admin_context *ctx, const stored_key *key) {
    if (ctx->is_operator || !sp_admin_key_lists(key->key, SP_PERMISSION_REGISTER))
        return SP_OK;
    return sp_error_set(ctx->error, SP_ERR_PERMISSION,
                        "permissions: only an operator can give a key " SP_PERMISSION_REGISTER
                        ": ask an operator to add it with `sallyport key update` after creating the key");
}

enum sp_status sp_admin_set_permissions(struct sp_admin_context *ctx, Sallyport__V1__Permissions *permissions,
                                        bool had_register, stored_key *key) {
    if (permissions == NULL || (!permissions->all && permissions->n_names == 0))
        return refuse_permissions(ctx, "required: either all, or at least one name");
    struct sp_permission_set set = {0};
    enum sp_status status = resolve_permissions(ctx, permissions, &set);
    if (status != SP_OK)
        return status;
    key->permission_bits = (ProtobufCBinaryData){0};
    if (permissions->n_names > 0) {
        uint8_t *bits = sp_arena_alloc(ctx->arena, SP_PERMISSION_SET_BYTES);
        if (bits == NULL)
            return SP_ERR_MEMORY;
        memcpy(bits, set.bits, SP_PERMISSION_SET_BYTES);
        key->permission_bits = (ProtobufCBinaryData){SP_PERMISSION_SET_BYTES, bits};
    }
    key->key->permissions = permissions;
    return had_register ? SP_OK : check_register_grant(ctx, key);
}

static enum sp_status refuse_late_expiry(struct sp_admin_context *ctx, int64_t not_after_s) {
    char end[SP_MOMENT_TEXT_BYTES];
    sp_moment_format(not_after_s, end);
    return sp_error_set(
        ctx->error, SP_ERR_INVALID,
        "expires_at: must not be later than not_after (%s): choose an earlier expiry, or a later not_after", end);
}

enum sp_status sp_admin_check_key_end(struct sp_admin_context *ctx, const Sallyport__V1__ApiKey *key) {
    bool rotates = sp_admin_key_lists(key, SP_PERMISSION_ROTATE);
    if (key->not_after != 0 && (key->expires_at == 0 || key->expires_at > key->not_after))
        return refuse_late_expiry(ctx, key->not_after);
    if (rotates && key->expires_at != 0 && key->not_after == 0)
        return sp_error_set(ctx->error, SP_ERR_INVALID,
                            "not_after: required for a key that expires and may rotate itself (" SP_PERMISSION_ROTATE
                            "): give the latest time that its rotations can reach");
    return SP_OK;
}

/* ---- a key that exists ---- */

enum sp_status sp_admin_put_key(struct sp_admin_context *ctx, const stored_key *stored) {
    return sp_admin_put(ctx, SP_KIND_KEY, stored->key->id, &stored->base);
}

void sp_admin_bring_key_forward(Sallyport__V1__ApiKey *key, int64_t expires_at_s) {
    key->expires_at = expires_at_s;
    if (sp_admin_key_lists(key, SP_PERMISSION_ROTATE))
        key->not_after = sp_admin_earlier_end(key->not_after, expires_at_s);
}

enum sp_status sp_admin_load_key_owner(struct sp_admin_context *ctx, const stored_key *stored,
                                       Sallyport__Store__V1__StoredPrincipal **ret_owner) {
    enum sp_status status = sp_admin_load_principal(ctx, stored->key->principal, ret_owner);
    if (status == SP_ERR_NOT_FOUND)
        return sp_error_set(ctx->error, SP_ERR_CORRUPT, "key %s has no principal: run `sallyport-sync verify`",
                            stored->key->id);
    return status;
}

/* ---- a new key ---- */

static enum sp_status make_key_text(struct sp_admin_context *ctx, stored_key *key, uint8_t *digest, char **ret_secret) {
    char *text = sp_arena_alloc(ctx->arena, SP_KEY_TEXT_BYTES);
    char *hint = sp_arena_alloc(ctx->arena, SP_KEY_HINT_BYTES);
    if (text == NULL || hint == NULL)
        return SP_ERR_MEMORY;
    enum sp_status status = sp_admin_make_secret(ctx->view, text);
    if (status != SP_OK)
        return status;
    sp_key_hint(sp_str_from(text), hint);
    sp_key_digest_from_text(sp_str_from(text), digest);
    key->key->hint = hint;
    *ret_secret = text;
    return SP_OK;
}

/* Two keys with one text would be one credential for two principals. */
static enum sp_status take_imported_text(struct sp_admin_context *ctx, const uint8_t *sha256, const stored_key *key,
                                         uint8_t *digest) {
    struct sp_key there;
    size_t hint_size = strlen(key->key->hint);
    if (hint_size > HINT_MAX_BYTES || !sp_text_is_printable(sp_str_from(key->key->hint)))
        return sp_error_set(ctx->error, SP_ERR_INVALID, "hint: at most %d bytes, the last characters of the key",
                            HINT_MAX_BYTES);
    sp_key_digest_from_sha256(sha256, digest);
    enum sp_status status = sp_index_key(ctx->view, digest, &there);
    if (status == SP_OK)
        return sp_error_set(ctx->error, SP_ERR_EXISTS, "sha256: the store already has a key with this text");
    if (status != SP_ERR_NOT_FOUND)
        return status;
    return sp_write_accept_foreign(ctx->write);
}

static enum sp_status fill_key_reach(struct sp_admin_context *ctx, const struct sp_admin_new_key *new_key,
                                     stored_key *key) {
    if (new_key->carried != NULL) {
        key->permission_bits = new_key->carried->permission_bits;
        key->key->permissions = new_key->carried->key->permissions;
        key->key->n_allowed_ips = new_key->carried->key->n_allowed_ips;
        key->key->allowed_ips = new_key->carried->key->allowed_ips;
        return SP_OK;
    }
    const Sallyport__V1__ApiKey *given = new_key->template;
    enum sp_status status = sp_admin_set_permissions(ctx, given->permissions, false, key);
    if (status != SP_OK || given->n_allowed_ips == 0)
        return status;
    return sp_admin_set_allowlist(ctx, given->allowed_ips, given->n_allowed_ips, key->key);
}

/* A key that is imported may have ended: it stays so. */
static enum sp_status check_new_end(struct sp_admin_context *ctx, const struct sp_admin_new_key *new_key,
                                    const char *field, int64_t end_s) {
    if (new_key->imported && end_s <= ctx->now_s)
        return sp_moment_check(field, end_s, ctx->error);
    return sp_moment_check_end(field, end_s, ctx->now_s, ctx->error);
}

static enum sp_status check_new_key(struct sp_admin_context *ctx, const struct sp_admin_new_key *new_key) {
    const Sallyport__V1__ApiKey *given = new_key->template;
    const char *carried = new_key->carried == NULL ? NULL : new_key->carried->key->name;
    enum sp_status status = sp_admin_check_new_name(given->name, carried, "name", ctx->error);
    if (status != SP_OK)
        return status;
    status = check_new_end(ctx, new_key, "not_after", given->not_after);
    if (status != SP_OK)
        return status;
    status = check_new_end(ctx, new_key, "expires_at", given->expires_at);
    if (status != SP_OK)
        return status;
    return sp_admin_check_quota(ctx, SP_COUNT_KEYS, new_key->unflushed + 1);
}

/* What only an import brings along, and what is never stored. */
static enum sp_status fill_key_history(struct sp_admin_context *ctx, const struct sp_admin_new_key *new_key,
                                       Sallyport__V1__ApiKey *key) {
    key->usage = NULL;
    key->beyond_max_lifetime = false;
    key->n_descendants = 0;
    if (key->created_at == 0)
        key->created_at = ctx->now_s;
    if (new_key->imported)
        return SP_OK;
    key->created_by_key = sp_arena_strdup(ctx->arena, ctx->is_operator ? (struct sp_str){0} : ctx->key.id);
    return key->created_by_key == NULL ? SP_ERR_MEMORY : SP_OK;
}

/* An operator gave resource_register to the key that is carried along, so that the acting key need
 * not have it, unless it would last longer than it was given. */
static enum sp_status pass_carried_register(struct sp_admin_context *ctx, const stored_key *carried,
                                            struct sp_admin_reach *reach) {
    struct sp_admin_reach before;
    enum sp_status status = sp_admin_stored_reach(ctx, carried, &before);
    if (status != SP_OK)
        return status;
    reach->registers = reach->registers && sp_admin_reach_widens(&before, reach);
    return SP_OK;
}

/* What was asked for, first on its own and then as the acting key and the workspace allow it. */
static enum sp_status settle_new_key_end(struct sp_admin_context *ctx, const struct sp_admin_new_key *new_key,
                                         stored_key *key) {
    struct sp_admin_reach reach;
    if (key->key->expires_at == 0)
        key->key->expires_at = key->key->not_after;
    enum sp_status status = sp_admin_check_key_end(ctx, key->key);
    if (status != SP_OK || new_key->imported)
        return status;
    status = sp_admin_check_lifetime(ctx, key->key);
    if (status != SP_OK || !new_key->within_actor)
        return status;
    status = sp_admin_bind_to_actor(ctx, key->key);
    if (status != SP_OK)
        return status;
    status = sp_admin_stored_reach(ctx, key, &reach);
    if (status != SP_OK)
        return status;
    status = new_key->carried != NULL ? pass_carried_register(ctx, new_key->carried, &reach) : SP_OK;
    if (status != SP_OK)
        return status;
    return sp_admin_check_within(ctx, "the new key", &reach);
}

/* Everything but id and text. `key->key` is a shallow copy of the template. */
static enum sp_status fill_key(struct sp_admin_context *ctx, const struct sp_admin_new_key *new_key, stored_key *key) {
    const Sallyport__Store__V1__StoredPrincipal *principal = new_key->principal;
    key->key->workspace = ctx->stored_workspace->workspace->id;
    key->key->principal = principal->principal->id;
    key->key->permissions = NULL;
    key->key->n_allowed_ips = 0;
    key->principal_number = principal->number;
    key->workspace_number = ctx->stored_workspace->number;
    key->principal_kind = principal->principal->kind;
    enum sp_status status = fill_key_history(ctx, new_key, key->key);
    if (status != SP_OK)
        return status;
    status = fill_key_reach(ctx, new_key, key);
    if (status != SP_OK)
        return status;
    return settle_new_key_end(ctx, new_key, key);
}

enum sp_status sp_admin_add_key(struct sp_admin_context *ctx, const struct sp_admin_new_key *new_key,
                                Sallyport__V1__ApiKey **ret_key, char **ret_secret) {
    uint8_t digest[SP_DIGEST_BYTES];
    Sallyport__V1__ApiKey key = *new_key->template;
    stored_key stored = SALLYPORT__STORE__V1__STORED_KEY__INIT;
    stored.key = &key;
    stored.digest = (ProtobufCBinaryData){sizeof(digest), digest};
    const char *id = NULL;
    char *secret = NULL;
    enum sp_status status = check_new_key(ctx, new_key);
    if (status != SP_OK)
        return status;
    status = fill_key(ctx, new_key, &stored);
    if (status != SP_OK)
        return status;
    status = sp_admin_new_id(ctx, SP_KIND_KEY, "key", "key_", new_key->id, &id);
    if (status != SP_OK)
        return status;
    status = new_key->imported_sha256 == NULL ? make_key_text(ctx, &stored, digest, &secret)
                                              : take_imported_text(ctx, new_key->imported_sha256, &stored, digest);
    if (status != SP_OK)
        return status;
    key.id = sp_arena_strdup(ctx->arena, sp_str_from(id));
    if (key.id == NULL)
        return SP_ERR_MEMORY;
    status = sp_admin_put(ctx, SP_KIND_KEY, id, &stored.base);
    if (status != SP_OK)
        return status;
    if (ret_key != NULL) {
        Sallyport__V1__ApiKey *copy = (void *)sp_wire_copy(&key.base, ctx->arena);
        if (copy == NULL)
            return SP_ERR_MEMORY;
        *ret_key = copy;
    }
    *ret_secret = secret;
    return SP_OK;
}

enum sp_status sp_admin_check_operator_reach(struct sp_admin_context *ctx, const Sallyport__V1__Principal *principal) {
    if (!ctx->is_operator || (principal->kind == SALLYPORT__V1__PRINCIPAL_KIND__USER &&
                              principal->role == SALLYPORT__V1__WORKSPACE_ROLE__WORKSPACE_ROLE_ADMIN))
        return SP_OK;
    return sp_error_set(ctx->error, SP_ERR_PERMISSION,
                        "operators can create and delete only keys of ADMIN users; %s is not one", principal->id);
}

/* ---- CreateApiKey ---- */

/* What a holder makes is under the rule that its own key is under. */
static enum sp_status inherit_holder_rule(struct sp_admin_context *ctx, bool asked, Sallyport__V1__ApiKey *template) {
    stored_key *acting = NULL;
    template->holder_may_not_disable = asked;
    if (asked || ctx->is_admin || ctx->is_operator)
        return SP_OK;
    enum sp_status status = sp_admin_load_acting_key(ctx, &acting);
    if (status == SP_OK)
        template->holder_may_not_disable = acting->key->holder_may_not_disable;
    return status;
}

static enum sp_status read_new_key(struct sp_admin_context *ctx, const Sallyport__V1__CreateApiKeyRequest *request,
                                   Sallyport__V1__ApiKey *template) {
    template->name = request->name;
    template->permissions = request->permissions;
    template->expires_at = request->expires_at;
    template->not_after = request->not_after;
    enum sp_status status = inherit_holder_rule(ctx, request->holder_may_not_disable, template);
    if (status != SP_OK || request->allowed_ips == NULL)
        return status;
    if (request->allowed_ips->n_entries == 0)
        return sp_error_set(ctx->error, SP_ERR_INVALID,
                            "allowed_ips: must have 1 to %d entries; leave it out to allow any address",
                            SP_ALLOWLIST_MAX_GIVEN);
    template->n_allowed_ips = request->allowed_ips->n_entries;
    template->allowed_ips = request->allowed_ips->entries;
    return SP_OK;
}

/* Admins, operators, and by the workspace's policy holders for themselves. Before the principal is
 * looked up: nobody else learns which exist. */
static enum sp_status check_may_create(struct sp_admin_context *ctx, const char *principal) {
    bool may = ctx->is_admin || ctx->is_operator;
    enum sp_status status = may ? SP_OK : sp_admin_may_holder_create(ctx, &may);
    if (status != SP_OK)
        return status;
    if (may && (ctx->is_admin || ctx->is_operator || sp_str_equal(sp_str_from(principal), ctx->key.principal)))
        return SP_OK;
    return sp_error_set(ctx->error, SP_ERR_PERMISSION,
                        "CreateApiKey requires an operator's key, the key of an ADMIN user of the workspace permitted "
                        "workspace_write, or, where the workspace's policy lets holders create keys, one for its own "
                        "principal that lists " SP_PERMISSION_ROTATE);
}

enum sp_status sp_admin_create_api_key(struct sp_admin_context *ctx, const ProtobufCMessage *message,
                                       ProtobufCMessage **ret_reply) {
    const Sallyport__V1__CreateApiKeyRequest *request = (const void *)message;
    Sallyport__V1__ApiKeySecretResponse *response =
        SP_ADMIN_NEW(ctx, Sallyport__V1__ApiKeySecretResponse, sallyport__v1__api_key_secret_response);
    if (response == NULL)
        return SP_ERR_MEMORY;
    Sallyport__V1__ApiKey template = SALLYPORT__V1__API_KEY__INIT;
    Sallyport__Store__V1__StoredPrincipal *principal = NULL;
    enum sp_status status = check_may_create(ctx, request->principal);
    if (status != SP_OK)
        return status;
    status = read_new_key(ctx, request, &template);
    if (status != SP_OK)
        return status;
    status = sp_admin_load_principal(ctx, request->principal, &principal);
    if (status != SP_OK)
        return status;
    status = sp_admin_check_operator_reach(ctx, principal->principal);
    if (status != SP_OK)
        return status;
    struct sp_admin_new_key new_key = {
        .id = request->id, .principal = principal, .template = &template, .within_actor = true};
    status = sp_admin_add_key(ctx, &new_key, &response->api_key, &response->secret);
    if (status != SP_OK)
        return status;
    *ret_reply = &response->base;
    return SP_OK;
}
