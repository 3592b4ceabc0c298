#include "admin/quota.h"

#include "admin/removed_types.h"
#include "store/records/index.h"
#include "store/records/layout.h"

/* A quota: which count it limits, its field, and what 0 means (as entities.proto says with each
 * field). */
struct quota {
    const char *name;
    size_t offset;
    uint32_t otherwise;
};

static const struct quota *find_quota(enum sp_count what) {
#define QUOTA(field, otherwise)                                                                                        \
    { #field, offsetof(Sallyport__V1__Quotas, field), otherwise }
    static const struct quota quotas[] = {
        [SP_COUNT_SERVICE_ACCOUNTS] = QUOTA(service_accounts, 20),
        [SP_COUNT_KEYS] = QUOTA(keys, 1000),
        [SP_COUNT_GROUPS] = QUOTA(groups, 500),
        [SP_COUNT_MEMBERS] = QUOTA(members, 10000),
        [SP_COUNT_GRANTS] = QUOTA(grants, 100000),
        [SP_COUNT_RESOURCES] = QUOTA(resources, 100000),
    };
#undef QUOTA
    bool known = (size_t)what < sizeof(quotas) / sizeof(*quotas) && quotas[what].name != NULL;
    return known ? &quotas[what] : NULL;
}

/* Counts those of removed types that are not deleted yet. Only called when the quota would be
 * exceeded, because it walks. */
static enum sp_status count_dead(struct sp_admin_context *ctx, enum sp_count what, uint64_t *ret_count) {
    *ret_count = 0;
    if (what != SP_COUNT_GRANTS && what != SP_COUNT_RESOURCES)
        return SP_OK;
    return sp_admin_count_of_removed_types(ctx, what == SP_COUNT_GRANTS ? SP_KIND_GRANT : SP_KIND_RESOURCE, ret_count);
}

static bool fits_quota(uint64_t limit, uint64_t used, uint64_t adding) {
    return adding == 0 || (adding <= limit && used <= limit - adding);
}

enum sp_status sp_admin_check_quota(struct sp_admin_context *ctx, enum sp_count what, uint64_t adding) {
    const struct quota *quota = find_quota(what);
    if (quota == NULL)
        return sp_error_set(ctx->error, SP_ERR_INTERNAL, "no quota for count %d", (int)what);
    const Sallyport__V1__Quotas *quotas = ctx->stored_workspace->workspace->quotas;
    uint32_t set = 0;
    if (quotas != NULL)
        memcpy(&set, (const char *)quotas + quota->offset, sizeof(set));
    uint64_t limit = set > 0 ? set : quota->otherwise;
    uint64_t used = 0;
    enum sp_status status = sp_index_count(ctx->view, ctx->stored_workspace->number, what, &used);
    if (status != SP_OK)
        return status;
    if (fits_quota(limit, used, adding))
        return SP_OK;
    uint64_t dead = 0;
    status = count_dead(ctx, what, &dead);
    if (status != SP_OK)
        return status;
    used -= dead < used ? dead : used;
    if (fits_quota(limit, used, adding))
        return SP_OK;
    return sp_error_set(
        ctx->error, SP_ERR_EXHAUSTED,
        "quota %s of workspace %.*s exceeded: %llu of %llu used, %llu more requested; an operator can raise it",
        quota->name, SP_STR_ARG(ctx->workspace), (unsigned long long)used, (unsigned long long)limit,
        (unsigned long long)adding);
}
