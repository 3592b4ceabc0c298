#include "admin/check_reach.h"

#include "admin/entities.h"
#include "admin/schema_names.h"
#include "base/moment.h"
#include "sallyport/store/v1/records.pb-c.h"

enum sp_status sp_admin_stored_reach(struct sp_admin_context *ctx, const Sallyport__Store__V1__StoredKey *stored,
                                     struct sp_admin_reach *ret_reach) {
    struct sp_permission_set claiming;
    enum sp_status status = sp_admin_claiming_permissions(ctx, &claiming);
    if (status != SP_OK)
        return status;
    return sp_admin_reach_of(stored, &claiming, ctx->arena, ret_reach, ctx->error);
}

enum sp_status sp_admin_acting_reach(struct sp_admin_context *ctx, const struct sp_admin_reach **ret_reach) {
    Sallyport__Store__V1__StoredKey *stored = NULL;
    if (ctx->is_operator || ctx->acting_reach != NULL) {
        *ret_reach = ctx->acting_reach;
        return SP_OK;
    }
    struct sp_admin_reach *reach = sp_arena_calloc(ctx->arena, 1, sizeof(*reach));
    if (reach == NULL)
        return SP_ERR_MEMORY;
    enum sp_status status = sp_admin_load_acting_key(ctx, &stored);
    if (status != SP_OK)
        return status;
    status = sp_admin_stored_reach(ctx, stored, reach);
    if (status != SP_OK)
        return status;
    reach->ends_at_s = sp_admin_key_end(stored->key);
    ctx->acting_reach = reach;
    *ret_reach = reach;
    return SP_OK;
}

enum sp_status sp_admin_check_within(struct sp_admin_context *ctx, const char *what,
                                     const struct sp_admin_reach *reach) {
    const struct sp_admin_reach *acting = NULL;
    enum sp_status status = sp_admin_acting_reach(ctx, &acting);
    if (status != SP_OK || acting == NULL)
        return status;
    const char *beyond = sp_admin_reach_beyond(acting, reach);
    if (beyond == NULL)
        return SP_OK;
    if (sp_admin_is_earlier_end(acting->ends_at_s, reach->ends_at_s)) {
        char end[SP_MOMENT_TEXT_BYTES];
        sp_moment_format(acting->ends_at_s, end);
        return sp_error_set(ctx->error, SP_ERR_PERMISSION,
                            "%s %s: you cannot give a key more access than your own, nor let it last beyond %s", what,
                            beyond, end);
    }
    return sp_error_set(ctx->error, SP_ERR_PERMISSION, "%s %s: you cannot give a key more access than your own", what,
                        beyond);
}

enum sp_status sp_admin_bind_to_actor(struct sp_admin_context *ctx, Sallyport__V1__ApiKey *key) {
    const struct sp_admin_reach *acting = NULL;
    enum sp_status status = sp_admin_acting_reach(ctx, &acting);
    if (status != SP_OK)
        return status;
    if (acting != NULL)
        key->not_after = sp_admin_earlier_end(key->not_after, acting->ends_at_s);
    return SP_OK;
}

enum sp_status sp_admin_bind_carried_key(struct sp_admin_context *ctx, Sallyport__Store__V1__StoredKey *stored,
                                         bool *ret_bound) {
    struct sp_admin_reach reach;
    if (stored->key == NULL)
        return SP_ERR_CORRUPT;
    int64_t before_s = stored->key->not_after;
    enum sp_status status = sp_admin_bind_to_actor(ctx, stored->key);
    if (status != SP_OK)
        return status;
    status = sp_admin_stored_reach(ctx, stored, &reach);
    if (status != SP_OK)
        return status;
    reach.registers = false;
    char *what = sp_arena_printf(ctx->arena, "key %s", stored->key->id);
    if (what == NULL)
        return SP_ERR_MEMORY;
    status = sp_admin_check_within(ctx, what, &reach);
    if (status != SP_OK)
        return status;
    *ret_bound = stored->key->not_after != before_s;
    return SP_OK;
}
