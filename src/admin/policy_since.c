#include "admin/policy_since.h"

#include "admin/changes.h"
#include "store/records/change.h"

enum { SCRATCH_BYTES = 64 * 1024, SCRATCH_BUDGET_BYTES = 256 * 1024 * 1024 };

static bool is_policy_kind(Sallyport__V1__EntityKind kind) {
    return kind == SALLYPORT__V1__ENTITY_KIND__ENTITY_PRINCIPAL || kind == SALLYPORT__V1__ENTITY_KIND__ENTITY_GROUP ||
           kind == SALLYPORT__V1__ENTITY_KIND__ENTITY_MEMBERSHIP ||
           kind == SALLYPORT__V1__ENTITY_KIND__ENTITY_RESOURCE || kind == SALLYPORT__V1__ENTITY_KIND__ENTITY_GRANT;
}

struct policy_touch {
    struct sp_str workspace;
    uint64_t number; /* of the first change that touched it; 0: none did */
};

static enum sp_status find_policy_touch(void *context, const Sallyport__V1__Change *change) {
    struct policy_touch *touch = context;
    for (size_t i = 0; i < change->n_entities; i++) {
        const Sallyport__V1__EntityChange *entity = change->entities[i];
        if (!is_policy_kind(entity->kind) || !sp_str_equal(sp_str_from(entity->workspace), touch->workspace))
            continue;
        touch->number = change->revision == NULL ? 0 : change->revision->number;
        return touch->number == 0 ? SP_ERR_CORRUPT : SP_WALK_END;
    }
    return SP_OK;
}

enum sp_status sp_admin_check_policy_since(struct sp_admin_context *ctx, const Sallyport__V1__Revision *since) {
    struct policy_touch touch = {.workspace = ctx->workspace};
    struct sp_arena scratch;
    uint64_t from = 0;
    if (since == NULL)
        return SP_OK;
    enum sp_status status = sp_admin_changes_after(ctx->view, since, &from, ctx->error);
    if (status != SP_OK)
        return status;
    status = sp_arena_init(&scratch, SCRATCH_BYTES, SCRATCH_BUDGET_BYTES);
    if (status != SP_OK)
        return status;
    status = sp_change_walk_of(ctx->view, ctx->workspace, from, &scratch, find_policy_touch, &touch);
    sp_arena_fini(&scratch);
    if (status == SP_ERR_OUT_OF_RANGE)
        return sp_admin_refuse_trimmed("unchanged_since", from, ctx->error);
    if (status != SP_OK || touch.number == 0)
        return status;
    return sp_error_set(ctx->error, SP_ERR_ABORTED,
                        "the policy of workspace %.*s was changed since revision %llu, at revision %llu: read it again",
                        SP_STR_ARG(ctx->workspace), (unsigned long long)since->number,
                        (unsigned long long)touch.number);
}
