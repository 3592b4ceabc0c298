/* Rotation of keys: a key for the same principal, with the same permissions and allowlist. */
#include "admin/check_reach.h"

#include "admin/entities.h"
#include "admin/handlers.h"
#include "admin/key.h"
#include "admin/message.h"
#include "admin/new_text.h"
#include "admin/policy.h"
#include "admin/schema_names.h"
#include "base/moment.h"
#include "base/text.h"
#include "core/schema.h"
#include "sallyport/store/v1/records.pb-c.h"
#include <assert.h>

typedef Sallyport__Store__V1__StoredKey stored_key;

enum { DAY_S = 24 * 60 * 60, GRACE_MAX_S = 90 * DAY_S, HOLDER_GRACE_MIN_S = DAY_S };

static bool is_acting_id(const struct sp_admin_context *ctx, const char *id) {
    return sp_str_equal(sp_str_from(id), ctx->key.id);
}

/* An ADMIN may rotate any key of the workspace, a key that lists api_key_rotate itself. */
static enum sp_status load_rotated(struct sp_admin_context *ctx, const char *id, stored_key **ret_stored) {
    if (id[0] == '\0')
        id = sp_arena_strdup(ctx->arena, ctx->key.id);
    if (id == NULL)
        return SP_ERR_MEMORY;
    bool may = ctx->is_admin;
    enum sp_status status = SP_OK;
    if (!may && is_acting_id(ctx, id))
        status = sp_admin_key_has_permission(ctx, SP_PERMISSION_ROTATE, &may);
    if (status != SP_OK)
        return status;
    if (!may)
        return sp_error_set(
            ctx->error, SP_ERR_PERMISSION,
            "RotateApiKey requires the key of an ADMIN user of the workspace, permitted workspace_write, "
            "or a key that lists api_key_rotate and rotates itself");
    status = sp_admin_load_key(ctx, id, ret_stored);
    if (status != SP_OK || ctx->is_admin || sp_admin_key_rotates_itself((*ret_stored)->key))
        return status;
    return sp_error_set(ctx->error, SP_ERR_PERMISSION,
                        "key %s expires and has no not_after, so it cannot rotate itself: ask an admin to set "
                        "not_after, the end of all its rotations",
                        id);
}

/* ---- one live successor ---- */

/* Whether the id, which an import may have given, is that of a key that works. */
static enum sp_status is_live_key(struct sp_admin_context *ctx, const char *id, int64_t *ret_until_s, bool *ret_live) {
    stored_key *stored = NULL;
    *ret_live = false;
    if (sp_text_check_id(sp_str_from(id), "id", NULL) != SP_OK)
        return SP_OK;
    enum sp_status status = sp_admin_load_stored_key(ctx, id, &stored);
    if (status == SP_ERR_NOT_FOUND) {
        *ctx->error = (struct sp_error){0};
        return SP_OK;
    }
    if (status != SP_OK)
        return status;
    *ret_until_s = stored->key->expires_at;
    *ret_live = !stored->key->disabled && (stored->key->expires_at == 0 || stored->key->expires_at > ctx->now_s);
    return SP_OK;
}

/* A line of keys that rotate themselves has two that work at most: the one that was replaced, until
 * its grace ends, and its successor. Otherwise any key would be a source of any number of
 * others. */
static enum sp_status check_line(struct sp_admin_context *ctx, const Sallyport__V1__ApiKey *key) {
    bool live = false;
    int64_t until_s = 0;
    char until[SP_MOMENT_TEXT_BYTES];
    if (ctx->is_admin)
        return SP_OK;
    enum sp_status status = is_live_key(ctx, key->rotated_to, &until_s, &live);
    if (status != SP_OK)
        return status;
    if (live)
        return sp_error_set(ctx->error, SP_ERR_PRECONDITION,
                            "key %s was rotated before, to key %s, which works: use that one; if its text is lost, ask "
                            "an admin to disable it",
                            key->id, key->rotated_to);
    status = is_live_key(ctx, key->rotated_from, &until_s, &live);
    if (status != SP_OK || !live)
        return status;
    sp_moment_format(until_s, until);
    return until_s == 0
               ? sp_error_set(ctx->error, SP_ERR_PRECONDITION,
                              "key %s, which key %s replaced, still works: ask an admin to delete it first",
                              key->rotated_from, key->id)
               : sp_error_set(ctx->error, SP_ERR_PRECONDITION,
                              "key %s, which key %s replaced, works until %s: rotate again after that, or ask an admin "
                              "to delete it first",
                              key->rotated_from, key->id, until);
}

/* ---- what may be rotated ---- */

static enum sp_status check_rotatable(struct sp_admin_context *ctx, const Sallyport__V1__ApiKey *key) {
    if (key->disabled)
        return sp_error_set(ctx->error, SP_ERR_PRECONDITION, "key %s is disabled: create a new key instead", key->id);
    if (key->expires_at != 0 && key->expires_at <= ctx->now_s)
        return sp_error_set(ctx->error, SP_ERR_PRECONDITION, "key %s has expired: create a new key instead", key->id);
    return check_line(ctx, key);
}

/* ---- when keys end ---- */

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

/* A key that rotates itself renews its lifetime, which is the point of rotating, but never
 * lengthens it, nor puts off its end for good. */
static enum sp_status check_self_rotation(struct sp_admin_context *ctx, const stored_key *old,
                                          const Sallyport__V1__ApiKey *template) {
    int64_t latest_s = sp_admin_earlier_end(renew_expiry(old->key, ctx->now_s), template->not_after);
    if (latest_s == 0 || (template->expires_at != 0 && template->expires_at <= latest_s))
        return SP_OK;
    char latest[SP_MOMENT_TEXT_BYTES];
    sp_moment_format(latest_s, latest);
    return sp_error_set(ctx->error, SP_ERR_PERMISSION,
                        "expires_at: a key that rotates itself cannot extend its lifetime: the latest allowed is %s",
                        latest);
}

/* A key that lists resource_register keeps the end with which an operator gave it that, unless
 * whoever rotates it has it too or is the key itself. */
static enum sp_status keeps_end(struct sp_admin_context *ctx, const Sallyport__V1__ApiKey *old, bool by_itself,
                                bool *ret_keeps) {
    const struct sp_admin_reach *acting = NULL;
    *ret_keeps = false;
    if (by_itself || !sp_admin_key_lists(old, SP_PERMISSION_REGISTER))
        return SP_OK;
    enum sp_status status = sp_admin_acting_reach(ctx, &acting);
    if (status != SP_OK)
        return status;
    *ret_keeps = acting != NULL && !acting->registers;
    return SP_OK;
}

/* When the new key ends: as asked for, else as the old one. Whoever holds an old text must not use
 * its grace to outlive it. */
static enum sp_status choose_end(struct sp_admin_context *ctx, const Sallyport__V1__RotateApiKeyRequest *request,
                                 const Sallyport__V1__ApiKey *old, bool by_itself, Sallyport__V1__ApiKey *template) {
    bool keeps = false;
    template->not_after = request->not_after == 0 ? old->not_after : request->not_after;
    if (by_itself)
        template->not_after = sp_admin_earlier_end(template->not_after, old->not_after);
    template->expires_at = request->expires_at;
    if (request->expires_at != 0)
        return SP_OK;
    enum sp_status status = keeps_end(ctx, old, by_itself, &keeps);
    if (status != SP_OK)
        return status;
    int64_t expires_at_s = keeps ? old->expires_at : renew_expiry(old, ctx->now_s);
    template->expires_at = sp_admin_earlier_end(expires_at_s, template->not_after);
    template->expires_at = sp_admin_earlier_end(template->expires_at, sp_admin_latest_expiry(ctx, ctx->now_s));
    return SP_OK;
}

/* A rotation must not do what the holder may not: end the key, at once or by a successor that ends
 * before it would have. */
static enum sp_status check_holder_rotation(struct sp_admin_context *ctx,
                                            const Sallyport__V1__RotateApiKeyRequest *request,
                                            const Sallyport__V1__ApiKey *old, const Sallyport__V1__ApiKey *template) {
    char until[SP_MOMENT_TEXT_BYTES];
    int64_t grace_end_s = ctx->now_s + request->grace_s;
    int64_t as_long_s = sp_admin_earlier_end(old->expires_at, sp_admin_latest_expiry(ctx, ctx->now_s));
    if (!sp_admin_holder_may_not_disable(ctx, old))
        return SP_OK;
    if (request->grace_s != 0 && request->grace_s < HOLDER_GRACE_MIN_S &&
        sp_admin_is_earlier_end(grace_end_s, old->expires_at))
        return sp_error_set(ctx->error, SP_ERR_PRECONDITION,
                            "grace_s: key %s may not be disabled by its holder, so it must keep working for at least "
                            "%d seconds",
                            old->id, HOLDER_GRACE_MIN_S);
    if (!sp_admin_is_earlier_end(template->expires_at, as_long_s))
        return SP_OK;
    sp_moment_format(as_long_s, until);
    return sp_error_set(ctx->error, SP_ERR_PRECONDITION,
                        "expires_at: key %s may not be disabled by its holder, so its successor must last as long as "
                        "it would%s%s",
                        old->id, as_long_s == 0 ? "" : ", until ", as_long_s == 0 ? ": indefinitely" : until);
}

/* The old key names its successor, and ends with its grace. */
static enum sp_status put_rotated_key(struct sp_admin_context *ctx, stored_key *old, char *successor,
                                      uint32_t grace_s) {
    int64_t end_s = ctx->now_s + grace_s;
    old->key->rotated_to = successor;
    if (grace_s != 0 && sp_admin_is_earlier_end(end_s, old->key->expires_at))
        sp_admin_bring_key_forward(old->key, end_s);
    return sp_admin_put_key(ctx, old);
}

/* ---- RotateApiKey ---- */

static enum sp_status add_successor(struct sp_admin_context *ctx, const Sallyport__V1__RotateApiKeyRequest *request,
                                    const stored_key *old, Sallyport__V1__ApiKeySecretResponse *response) {
    Sallyport__Store__V1__StoredPrincipal *owner = NULL;
    Sallyport__V1__ApiKey template = SALLYPORT__V1__API_KEY__INIT;
    template.name = request->name[0] == '\0' ? old->key->name : request->name;
    template.rotated_from = old->key->id;
    template.holder_may_not_disable = old->key->holder_may_not_disable;
    bool by_itself = is_acting_id(ctx, old->key->id) && sp_admin_key_rotates_itself(old->key);
    enum sp_status status = choose_end(ctx, request, old->key, by_itself, &template);
    if (status != SP_OK)
        return status;
    status = by_itself ? check_self_rotation(ctx, old, &template) : SP_OK;
    if (status != SP_OK)
        return status;
    status = check_holder_rotation(ctx, request, old->key, &template);
    if (status != SP_OK)
        return status;
    status = sp_admin_load_key_owner(ctx, old, &owner);
    if (status != SP_OK)
        return status;
    struct sp_admin_new_key successor = {
        .id = request->new_id, .principal = owner, .template = &template, .carried = old, .within_actor = !by_itself};
    status = sp_admin_add_key(ctx, &successor, &response->api_key, &response->secret);
    if (status != SP_OK)
        sp_admin_rename_field(ctx->error, "id", "new_id");
    return status;
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
    assert(old != NULL);
    status = check_rotatable(ctx, old->key);
    if (status != SP_OK)
        return status;
    status = add_successor(ctx, request, old, response);
    if (status != SP_OK)
        return status;
    status = put_rotated_key(ctx, old, response->api_key->id, request->grace_s);
    if (status != SP_OK)
        return status;
    response->old_expires_at = old->key->expires_at;
    *ret_reply = &response->base;
    return SP_OK;
}
