/* Edits are made in an order in which each may be: shares and members go before what they are of;
 * seats are given back before others are taken, unless the last ADMIN would go; things come before
 * what refers to them. */
#include "policy/diff.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"

struct comparison {
    const struct sp_policy *have;
    struct sp_policy *want;
    bool prune;
    struct sp_policy_edits *edits;
    struct sp_policy_errors *errors;
};

static enum sp_status add_edit(struct comparison *comparison, enum sp_policy_kind kind, const void *before,
                               const void *after) {
    struct sp_policy_edits *edits = comparison->edits;
    enum sp_policy_operation operation = before == NULL  ? SP_POLICY_ADD
                                         : after == NULL ? SP_POLICY_REMOVE
                                                         : SP_POLICY_CHANGE;
    if (operation == SP_POLICY_REMOVE && !comparison->prune) {
        edits->kept++;
        return SP_OK;
    }
    struct sp_policy_edit *list =
        sp_array_reserve_in(comparison->want->arena, edits->list, edits->count, &edits->room, sizeof(*edits->list));
    if (list == NULL)
        return SP_ERR_MEMORY;
    edits->list = list;
    edits->list[edits->count++] = (struct sp_policy_edit){operation, kind, before, after};
    edits->counts[operation]++;
    return SP_OK;
}

/* ---- what is left alone, and what goes by itself ---- */

static bool wants_principals_like(const struct sp_policy *want, const struct sp_policy_principal *principal) {
    return want->has[principal->service_account ? SP_POLICY_SERVICE_ACCOUNTS : SP_POLICY_USERS];
}

static bool is_principal_removed(const struct comparison *comparison, const char *id) {
    const struct sp_policy_principal *had = sp_policy_find_principal(comparison->have, id);
    return had != NULL && wants_principals_like(comparison->want, had) &&
           sp_policy_find_principal(comparison->want, id) == NULL;
}

static bool is_group_removed(const struct comparison *comparison, const char *id) {
    return comparison->want->has[SP_POLICY_GROUPS] && sp_policy_find_group(comparison->want, id) == NULL;
}

static bool is_resource_removed(const struct comparison *comparison, const char *ref) {
    return comparison->want->has[SP_POLICY_RESOURCES] && sp_policy_find_resource(comparison->have, ref) != NULL &&
           sp_policy_find_resource(comparison->want, ref) == NULL;
}

static bool goes_with_another(const struct comparison *comparison, enum sp_policy_kind kind, const void *entry) {
    if (kind == SP_POLICY_MEMBER) {
        const struct sp_policy_member *member = entry;
        return is_group_removed(comparison, member->group) || is_principal_removed(comparison, member->principal);
    }
    if (kind != SP_POLICY_SHARE)
        return false;
    const struct sp_policy_share *share = entry;
    return is_resource_removed(comparison, share->resource) ||
           (share->to_group ? is_group_removed(comparison, share->subject)
                            : is_principal_removed(comparison, share->subject));
}

/* ---- two entries of one thing ---- */

static bool is_principal_changed(const struct comparison *comparison, const struct sp_policy_principal *before,
                                 const struct sp_policy_principal *after) {
    if (before->service_account != after->service_account)
        sp_policy_add_error(comparison->errors, comparison->want, &after->place,
                            "%s is a %s in the store; ids are never used for something else, so choose another one",
                            after->id, before->service_account ? "service account" : "user");
    return strcmp(before->name, after->name) != 0 || before->admin != after->admin ||
           before->disabled != after->disabled;
}

static bool is_resource_changed(const struct comparison *comparison, const struct sp_policy_resource *before,
                                const struct sp_policy_resource *after) {
    if (after->creator == NULL || (before->creator != NULL && strcmp(before->creator, after->creator) == 0))
        return false;
    sp_policy_add_error(comparison->errors, comparison->want, &after->place,
                        "the store has %s as the creator of %s, which cannot be changed; correct or remove it",
                        before->creator == NULL ? "nobody" : before->creator, after->ref);
    return false;
}

static bool is_entry_changed(const struct comparison *comparison, enum sp_policy_kind kind, const void *before,
                             const void *after) {
    switch (kind) {
    case SP_POLICY_PRINCIPAL:
        return is_principal_changed(comparison, before, after);
    case SP_POLICY_GROUP:
        return strcmp(((const struct sp_policy_group *)before)->name, ((const struct sp_policy_group *)after)->name) !=
               0;
    case SP_POLICY_RESOURCE:
        return is_resource_changed(comparison, before, after);
    case SP_POLICY_SHARE:
        return ((const struct sp_policy_share *)before)->role != ((const struct sp_policy_share *)after)->role;
    case SP_POLICY_MEMBER:
    case SP_POLICY_KINDS:
        break;
    }
    return false;
}

static int compare_entries(enum sp_policy_kind kind, const void *a, const void *b) {
    if (kind == SP_POLICY_MEMBER)
        return sp_policy_compare_members(a, b);
    if (kind == SP_POLICY_SHARE)
        return sp_policy_compare_shares(a, b);
    const char *first_a, *first_b; /* the text that each begins with */
    memcpy(&first_a, a, sizeof(first_a));
    memcpy(&first_b, b, sizeof(first_b));
    return strcmp(first_a, first_b);
}

/* ---- walking both ---- */

struct entries {
    const void *list;
    size_t count, size;
};

static struct entries list_entries(const struct sp_policy *policy, enum sp_policy_kind kind) {
    switch (kind) {
    case SP_POLICY_PRINCIPAL:
        return (struct entries){policy->principals, policy->principal_count, sizeof(*policy->principals)};
    case SP_POLICY_GROUP:
        return (struct entries){policy->groups, policy->group_count, sizeof(*policy->groups)};
    case SP_POLICY_MEMBER:
        return (struct entries){policy->members, policy->member_count, sizeof(*policy->members)};
    case SP_POLICY_RESOURCE:
        return (struct entries){policy->resources, policy->resource_count, sizeof(*policy->resources)};
    case SP_POLICY_SHARE:
        return (struct entries){policy->shares, policy->share_count, sizeof(*policy->shares)};
    case SP_POLICY_KINDS:
        break;
    }
    return (struct entries){0};
}

static const void *entry_at(const struct entries *entries, size_t i) {
    return i < entries->count ? (const char *)entries->list + i * entries->size : NULL;
}

static bool is_left_alone(const struct comparison *comparison, enum sp_policy_kind kind, const void *before) {
    const struct sp_policy *want = comparison->want;
    static const enum sp_policy_section sections[SP_POLICY_KINDS] = {
        [SP_POLICY_GROUP] = SP_POLICY_GROUPS,
        [SP_POLICY_MEMBER] = SP_POLICY_GROUPS,
        [SP_POLICY_RESOURCE] = SP_POLICY_RESOURCES,
        [SP_POLICY_SHARE] = SP_POLICY_SHARES,
    };
    return kind == SP_POLICY_PRINCIPAL ? !wants_principals_like(want, before) : !want->has[sections[kind]];
}

static enum sp_status compare_pair(struct comparison *comparison, enum sp_policy_kind kind, const void *before,
                                   const void *after) {
    if (before != NULL && after == NULL &&
        (is_left_alone(comparison, kind, before) || goes_with_another(comparison, kind, before)))
        return SP_OK;
    if (before != NULL && after != NULL && !is_entry_changed(comparison, kind, before, after))
        return SP_OK;
    return add_edit(comparison, kind, before, after);
}

static enum sp_status compare_kind(struct comparison *comparison, enum sp_policy_kind kind) {
    struct entries have = list_entries(comparison->have, kind), want = list_entries(comparison->want, kind);
    size_t i = 0, j = 0;
    while (i < have.count || j < want.count) {
        const void *before = entry_at(&have, i), *after = entry_at(&want, j);
        int order = before == NULL ? 1 : after == NULL ? -1 : compare_entries(kind, before, after);
        enum sp_status status = compare_pair(comparison, kind, order <= 0 ? before : NULL, order >= 0 ? after : NULL);
        if (status != SP_OK)
            return status;
        i += order <= 0;
        j += order >= 0;
    }
    return SP_OK;
}

/* ---- order ---- */

static bool is_admin_in_force(const struct sp_policy_principal *principal) {
    return principal != NULL && principal->admin && !principal->disabled;
}

enum rank { SEATS_FREED, ADMINS_MADE, ADMINS_GONE, SEATS_TAKEN, PRINCIPAL_RANKS };

static enum rank rank_principal_edit(const struct sp_policy_edit *edit) {
    const struct sp_policy_principal *before = edit->before, *after = edit->after;
    if (is_admin_in_force(before) && !is_admin_in_force(after))
        return ADMINS_GONE;
    if (after == NULL || (before != NULL && after->disabled))
        return SEATS_FREED;
    return is_admin_in_force(after) ? ADMINS_MADE : SEATS_TAKEN;
}

static int rank_edit(const struct sp_policy_edit *edit) {
    static const int removals[SP_POLICY_KINDS] = {
        [SP_POLICY_SHARE] = 0, [SP_POLICY_MEMBER] = 1, [SP_POLICY_RESOURCE] = 2, [SP_POLICY_GROUP] = 3};
    enum { AFTER_REMOVALS = 4, AFTER_PRINCIPALS = AFTER_REMOVALS + PRINCIPAL_RANKS };
    if (edit->kind == SP_POLICY_PRINCIPAL)
        return AFTER_REMOVALS + (int)rank_principal_edit(edit);
    return edit->operation == SP_POLICY_REMOVE ? removals[edit->kind] : AFTER_PRINCIPALS + (int)edit->kind;
}

/* Within a rank, the order of the arrays, which is that of the ids. */
static int order_edits(const void *left, const void *right) {
    const struct sp_policy_edit *a = left, *b = right;
    int order = rank_edit(a) - rank_edit(b);
    if (order != 0)
        return order;
    return compare_entries(a->kind, a->after != NULL ? a->after : a->before, b->after != NULL ? b->after : b->before);
}

enum sp_status sp_policy_diff(const struct sp_policy *have, struct sp_policy *want, bool prune,
                              struct sp_policy_edits *ret_edits, struct sp_policy_errors *errors) {
    struct sp_policy_edits edits = {0};
    struct comparison comparison = {.have = have, .want = want, .prune = prune, .edits = &edits, .errors = errors};
    for (enum sp_policy_kind kind = 0; kind < SP_POLICY_KINDS; kind++) {
        enum sp_status status = compare_kind(&comparison, kind);
        if (status != SP_OK)
            return status;
    }
    if (edits.count > 1)
        qsort(edits.list, edits.count, sizeof(*edits.list), order_edits);
    *ret_edits = edits;
    return SP_OK;
}
