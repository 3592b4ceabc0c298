#include "admin/check_reach.h"
#include "sallyport/store/v1/records.pb-c.h"

enum sp_status sp_admin_check_within(struct sp_admin_context *ctx, const char *what,
                                     const struct sp_admin_reach *reach) {
    if (ctx->is_operator)
        return SP_OK;
    const struct sp_admin_reach acting = {.permissions = ctx->key.permissions,
                                          .has_allowlist = ctx->key.has_allowlist,
                                          .ranges = ctx->key.allowed_ranges,
                                          .expires_at_s = ctx->key.expires_at_s};
    const char *beyond = sp_admin_reach_beyond(&acting, reach);
    if (beyond == NULL)
        return SP_OK;
    return sp_error_set(ctx->error, SP_ERR_PERMISSION, "%s %s: you cannot give a key more reach than your own has",
                        what, beyond);
}

enum sp_status sp_admin_check_key_within(struct sp_admin_context *ctx, const Sallyport__Store__V1__StoredKey *stored) {
    struct sp_admin_reach reach;
    enum sp_status status = sp_admin_reach_of(stored, ctx->arena, &reach, ctx->error);
    if (status != SP_OK)
        return status;
    char *what = sp_arena_printf(ctx->arena, "key %s", stored->key->id);
    return what == NULL ? SP_ERR_MEMORY : sp_admin_check_within(ctx, what, &reach);
}
