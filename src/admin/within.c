/* No key widens: whether one key reaches no further than the acting one. */
#include "admin/internal.h"
#include "core/allowlist.h"

static enum sp_status refuse(struct sp_admin_context *ctx, const char *what, const char *beyond) {
    return sp_error_set(ctx->error, SP_ERR_PERMISSION, "%s %s: no call may widen a key beyond the acting one", what,
                        beyond);
}

enum sp_status sp_admin_check_within(struct sp_admin_context *ctx, const char *what,
                                     const struct sp_permission_set *permissions, bool has_allowlist,
                                     struct sp_bytes ranges, int64_t expires_at_s) {
    if (ctx->is_operator)
        return SP_OK;
    const struct sp_key *own = &ctx->key;
    if (!sp_permission_set_covers(&own->permissions, permissions))
        return refuse(ctx, what, "has permissions that the acting key has not");
    if (own->has_allowlist && !has_allowlist)
        return refuse(ctx, what, "may be used from any address, the acting key only from those of its allowlist");
    if (own->has_allowlist && !sp_allowlist_covers(own->allowed_ranges, ranges))
        return refuse(ctx, what, "may be used from addresses outside the acting key's allowlist");
    if (own->expires_at_s != 0 && (expires_at_s == 0 || expires_at_s > own->expires_at_s))
        return refuse(ctx, what, "outlives the acting key");
    return SP_OK;
}

enum sp_status sp_admin_check_key_within(struct sp_admin_context *ctx, const Sallyport__Store__V1__StoredKey *stored) {
    const Sallyport__V1__ApiKey *key = stored->key;
    struct sp_permission_set permissions = {.all = key->permissions != NULL && key->permissions->all};
    if (!permissions.all && stored->permission_bits.len != SP_PERMISSION_SET_BYTES)
        return sp_error_set(ctx->error, SP_ERR_CORRUPT, "key %s: its permissions are damaged", key->id);
    if (!permissions.all)
        memcpy(permissions.bits, stored->permission_bits.data, SP_PERMISSION_SET_BYTES);
    struct sp_bytes ranges = {0};
    enum sp_status status = sp_allowlist_compile((const char *const *)key->allowed_ips, key->n_allowed_ips, ctx->arena,
                                                 &ranges, ctx->error);
    if (status != SP_OK)
        return status;
    char *what = sp_arena_printf(ctx->arena, "key %s", key->id);
    if (what == NULL)
        return SP_ERR_MEMORY;
    return sp_admin_check_within(ctx, what, &permissions, key->n_allowed_ips > 0, ranges, key->expires_at);
}
