#include "admin/policy.h"

#include "admin/check_reach.h"
#include "base/moment.h"
#include "sallyport/store/v1/records.pb-c.h"

/* A hundred years: sums with times cannot overflow. */
#define LIFETIME_MAX_S (UINT64_C(100) * 366 * 24 * 60 * 60)

static const Sallyport__V1__WorkspacePolicy *get_workspace_policy(const struct sp_admin_context *ctx) {
    static const Sallyport__V1__WorkspacePolicy none = SALLYPORT__V1__WORKSPACE_POLICY__INIT;
    const Sallyport__V1__WorkspacePolicy *policy = ctx->stored_workspace->workspace->policy;
    return policy == NULL ? &none : policy;
}

enum sp_status sp_admin_check_policy(struct sp_admin_context *ctx, const Sallyport__V1__WorkspacePolicy *policy) {
    if (policy == NULL)
        return SP_OK;
    if (policy->max_key_lifetime_s > LIFETIME_MAX_S)
        return sp_error_set(ctx->error, SP_ERR_INVALID,
                            "policy.max_key_lifetime_s: at most 100 years, or 0 for no limit");
    if (protobuf_c_enum_descriptor_get_value(&sallyport__v1__key_creators__descriptor, (int)policy->key_creators) ==
        NULL)
        return sp_error_set(ctx->error, SP_ERR_INVALID,
                            "policy.key_creators: KEY_CREATORS_ADMINS or KEY_CREATORS_HOLDERS");
    return SP_OK;
}

int64_t sp_admin_latest_expiry(const struct sp_admin_context *ctx, int64_t created_at_s) {
    uint64_t max_s = get_workspace_policy(ctx)->max_key_lifetime_s;
    /* An imported key may have been made in the future: its life begins now. */
    int64_t begin_s = created_at_s > 0 && created_at_s <= ctx->now_s ? created_at_s : ctx->now_s;
    return max_s == 0 || max_s > LIFETIME_MAX_S ? 0 : begin_s + (int64_t)max_s;
}

bool sp_admin_is_beyond_max_lifetime(const struct sp_admin_context *ctx, const Sallyport__V1__ApiKey *key) {
    int64_t latest_s = sp_admin_latest_expiry(ctx, key->created_at);
    return latest_s != 0 && (key->expires_at == 0 || key->expires_at > latest_s);
}

enum sp_status sp_admin_check_lifetime(struct sp_admin_context *ctx, const Sallyport__V1__ApiKey *key) {
    if (!sp_admin_is_beyond_max_lifetime(ctx, key))
        return SP_OK;
    char latest[SP_MOMENT_TEXT_BYTES];
    sp_moment_format(sp_admin_latest_expiry(ctx, key->created_at), latest);
    return sp_error_set(ctx->error, SP_ERR_PRECONDITION,
                        "expires_at: keys of workspace %.*s live at most %llu seconds: choose an expiry up to %s",
                        SP_STR_ARG(ctx->workspace), (unsigned long long)get_workspace_policy(ctx)->max_key_lifetime_s,
                        latest);
}

bool sp_admin_holder_may_not_disable(const struct sp_admin_context *ctx, const Sallyport__V1__ApiKey *key) {
    return !ctx->is_admin && !ctx->is_operator &&
           (key->holder_may_not_disable || get_workspace_policy(ctx)->holders_may_not_disable);
}

enum sp_status sp_admin_check_holder_may_disable(struct sp_admin_context *ctx, const Sallyport__V1__ApiKey *key) {
    if (!sp_admin_holder_may_not_disable(ctx, key))
        return SP_OK;
    return sp_error_set(ctx->error, SP_ERR_PRECONDITION,
                        "key %s may not be disabled by its holder: ask an admin of workspace %.*s to disable it",
                        key->id, SP_STR_ARG(ctx->workspace));
}

enum sp_status sp_admin_may_holder_create(struct sp_admin_context *ctx, bool *ret_may) {
    const struct sp_admin_reach *acting = NULL;
    *ret_may = false;
    if (ctx->is_operator ||
        get_workspace_policy(ctx)->key_creators != SALLYPORT__V1__KEY_CREATORS__KEY_CREATORS_HOLDERS)
        return SP_OK;
    enum sp_status status = sp_admin_acting_reach(ctx, &acting);
    if (status != SP_OK)
        return status;
    *ret_may = acting != NULL && acting->rotates;
    return SP_OK;
}
