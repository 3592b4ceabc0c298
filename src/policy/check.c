#include "policy/check.h"

static void refuse_twice(struct sp_policy_errors *errors, const struct sp_policy *policy,
                         const struct sp_policy_place *first, const struct sp_policy_place *second, const char *what) {
    sp_policy_add_error(errors, policy, second, "%s is already listed at %s:%u; remove one", what,
                        policy->files[first->file], (unsigned)first->line);
}

static void report_duplicates(const struct sp_policy *policy, struct sp_policy_errors *errors) {
    for (size_t i = 1; i < policy->principal_count; i++) {
        const struct sp_policy_principal *a = &policy->principals[i - 1], *b = &policy->principals[i];
        if (a->id == b->id)
            refuse_twice(errors, policy, &a->place, &b->place, b->id);
    }
    for (size_t i = 1; i < policy->group_count; i++) {
        const struct sp_policy_group *a = &policy->groups[i - 1], *b = &policy->groups[i];
        if (a->id == b->id)
            refuse_twice(errors, policy, &a->place, &b->place, b->id);
    }
    for (size_t i = 1; i < policy->member_count; i++) {
        const struct sp_policy_member *a = &policy->members[i - 1], *b = &policy->members[i];
        if (sp_policy_compare_members(a, b) == 0)
            refuse_twice(errors, policy, &a->place, &b->place, b->principal);
    }
    for (size_t i = 1; i < policy->resource_count; i++) {
        const struct sp_policy_resource *a = &policy->resources[i - 1], *b = &policy->resources[i];
        if (a->ref == b->ref)
            refuse_twice(errors, policy, &a->place, &b->place, b->ref);
    }
    for (size_t i = 1; i < policy->share_count; i++) {
        const struct sp_policy_share *a = &policy->shares[i - 1], *b = &policy->shares[i];
        if (sp_policy_compare_shares(a, b) == 0)
            refuse_twice(errors, policy, &a->place, &b->place, "this share");
    }
}

/* An id that the files do not have may still be in the store, of a kind that they leave alone. */
static void check_principal_is_there(const struct sp_policy *policy, struct sp_policy_errors *errors,
                                     const struct sp_policy_place *place, const char *id) {
    if (!policy->has[SP_POLICY_USERS] || !policy->has[SP_POLICY_SERVICE_ACCOUNTS] ||
        sp_policy_find_principal(policy, id) != NULL)
        return;
    sp_policy_add_error(errors, policy, place, "%s is not among the users and service accounts; add it there", id);
}

static void report_unknown_ids(const struct sp_policy *policy, struct sp_policy_errors *errors) {
    for (size_t i = 0; i < policy->member_count; i++)
        check_principal_is_there(policy, errors, &policy->members[i].place, policy->members[i].principal);
    for (size_t i = 0; i < policy->share_count; i++) {
        const struct sp_policy_share *share = &policy->shares[i];
        if (!share->to_group)
            check_principal_is_there(policy, errors, &share->place, share->subject);
        else if (policy->has[SP_POLICY_GROUPS] && sp_policy_find_group(policy, share->subject) == NULL)
            sp_policy_add_error(errors, policy, &share->place, "%s is not among the groups; add it there",
                                share->subject);
    }
}

void sp_policy_check(struct sp_policy *policy, struct sp_policy_errors *errors) {
    sp_policy_sort(policy);
    report_duplicates(policy, errors);
    report_unknown_ids(policy, errors);
}
