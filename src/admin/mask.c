#include "admin/mask.h"

bool sp_admin_mask_has(char *const *mask, size_t count, const char *name) {
    for (size_t i = 0; i < count; i++)
        if (strcmp(mask[i], name) == 0)
            return true;
    return false;
}

static bool is_maskable(const char *name, const char *const *allowed) {
    for (; *allowed != NULL; allowed++)
        if (strcmp(name, *allowed) == 0)
            return true;
    return false;
}

static const char *join_names(struct sp_arena *arena, const char *const *names) {
    const char *joined = *names;
    for (names++; joined != NULL && *names != NULL; names++)
        joined = sp_arena_printf(arena, "%s, %s", joined, *names);
    return joined == NULL ? "" : joined;
}

enum sp_status sp_admin_check_mask(struct sp_admin_context *ctx, char *const *mask, size_t count,
                                   const char *const *allowed) {
    if (count == 0)
        return sp_error_set(ctx->error, SP_ERR_INVALID, "update_mask: list at least one of: %s",
                            join_names(ctx->arena, allowed));
    for (size_t i = 0; i < count; i++) {
        if (!is_maskable(mask[i], allowed))
            return sp_error_set(ctx->error, SP_ERR_INVALID, "update_mask[%zu]: must be one of: %s", i,
                                join_names(ctx->arena, allowed));
        if (sp_admin_mask_has(mask, i, mask[i]))
            return sp_error_set(ctx->error, SP_ERR_INVALID, "update_mask[%zu]: %s is listed twice", i, mask[i]);
    }
    return SP_OK;
}
