#include "policy/model.h"

#include <stdlib.h>

#include "base/array.h"

const char *sp_policy_section_name(enum sp_policy_section section) {
    static const char *const names[SP_POLICY_SECTIONS] = {
        [SP_POLICY_USERS] = "users",   [SP_POLICY_SERVICE_ACCOUNTS] = "service_accounts",
        [SP_POLICY_GROUPS] = "groups", [SP_POLICY_RESOURCES] = "resources",
        [SP_POLICY_SHARES] = "shares",
    };
    return names[section];
}

/* ---- texts ---- */

/* FNV-1a. Only files of one's own fill the table: nobody gains by collisions but time for
 * themselves. */
static size_t hash_policy_text(const char *text, size_t size) {
    uint64_t hash = 14695981039346656037ULL;
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ (uint8_t)text[i]) * 1099511628211ULL;
    return (size_t)(hash ^ hash >> 32);
}

/* The slot of the text, or the free one where it belongs. There is always a free one. */
static const char **find_text_slot(const struct sp_policy *policy, struct sp_str text) {
    size_t mask = policy->text_room - 1;
    size_t at = hash_policy_text(text.data, text.size) & mask;
    while (policy->texts[at] != NULL && !sp_str_equal(sp_str_from(policy->texts[at]), text))
        at = (at + 1) & mask;
    return &policy->texts[at];
}

static enum sp_status grow_text_table(struct sp_policy *policy) {
    enum { FIRST_ROOM = 1024 };
    const char **old = policy->texts;
    size_t old_room = policy->text_room, room = old_room == 0 ? FIRST_ROOM : old_room * 2;
    const char **texts = sp_arena_calloc(policy->arena, room, sizeof(*texts));
    if (texts == NULL)
        return SP_ERR_MEMORY;
    policy->texts = texts;
    policy->text_room = room;
    for (size_t i = 0; i < old_room; i++)
        if (old[i] != NULL)
            *find_text_slot(policy, sp_str_from(old[i])) = old[i];
    return SP_OK;
}

const char *sp_policy_text(struct sp_policy *policy, struct sp_str text) {
    if (policy->text_count * 2 >= policy->text_room && grow_text_table(policy) != SP_OK)
        return NULL;
    const char **slot = find_text_slot(policy, text);
    if (*slot != NULL)
        return *slot;
    *slot = sp_arena_strdup(policy->arena, text);
    policy->text_count += *slot != NULL;
    return *slot;
}

enum sp_status sp_policy_add_file(struct sp_policy *policy, const char *name, uint16_t *ret_file) {
    if (policy->file_count > UINT16_MAX)
        return SP_ERR_INVALID;
    const char **files = sp_array_reserve_in(policy->arena, policy->files, policy->file_count, &policy->file_room,
                                             sizeof(*policy->files));
    const char *copy = sp_arena_strdup(policy->arena, sp_str_from(name));
    if (files == NULL || copy == NULL)
        return SP_ERR_MEMORY;
    policy->files = files;
    *ret_file = (uint16_t)policy->file_count;
    policy->files[policy->file_count++] = copy;
    return SP_OK;
}

/* ---- entries ---- */

/* Room for one more in one of the model's arrays. */
#define RESERVE(policy, array, count, room)                                                                            \
    sp_array_reserve_in((policy)->arena, (policy)->array, (policy)->count, &(policy)->room, sizeof(*(policy)->array))

enum sp_status sp_policy_add_principal(struct sp_policy *policy, const struct sp_policy_principal *entry) {
    struct sp_policy_principal *principals = RESERVE(policy, principals, principal_count, principal_room);
    if (principals == NULL)
        return SP_ERR_MEMORY;
    policy->principals = principals;
    policy->principals[policy->principal_count++] = *entry;
    return SP_OK;
}

enum sp_status sp_policy_add_group(struct sp_policy *policy, const struct sp_policy_group *entry) {
    struct sp_policy_group *groups = RESERVE(policy, groups, group_count, group_room);
    if (groups == NULL)
        return SP_ERR_MEMORY;
    policy->groups = groups;
    policy->groups[policy->group_count++] = *entry;
    return SP_OK;
}

enum sp_status sp_policy_add_member(struct sp_policy *policy, const struct sp_policy_member *entry) {
    struct sp_policy_member *members = RESERVE(policy, members, member_count, member_room);
    if (members == NULL)
        return SP_ERR_MEMORY;
    policy->members = members;
    policy->members[policy->member_count++] = *entry;
    return SP_OK;
}

enum sp_status sp_policy_add_resource(struct sp_policy *policy, const struct sp_policy_resource *entry) {
    struct sp_policy_resource *resources = RESERVE(policy, resources, resource_count, resource_room);
    if (resources == NULL)
        return SP_ERR_MEMORY;
    policy->resources = resources;
    policy->resources[policy->resource_count++] = *entry;
    return SP_OK;
}

enum sp_status sp_policy_add_share(struct sp_policy *policy, const struct sp_policy_share *entry) {
    struct sp_policy_share *shares = RESERVE(policy, shares, share_count, share_room);
    if (shares == NULL)
        return SP_ERR_MEMORY;
    policy->shares = shares;
    policy->shares[policy->share_count++] = *entry;
    return SP_OK;
}

/* ---- order ---- */

/* Equal texts of one model are one. */
static int compare_policy_texts(const char *a, const char *b) {
    return a == b ? 0 : strcmp(a, b);
}

int sp_policy_compare_members(const struct sp_policy_member *a, const struct sp_policy_member *b) {
    int order = compare_policy_texts(a->group, b->group);
    return order != 0 ? order : compare_policy_texts(a->principal, b->principal);
}

int sp_policy_compare_shares(const struct sp_policy_share *a, const struct sp_policy_share *b) {
    int order = compare_policy_texts(a->resource, b->resource);
    if (order != 0)
        return order;
    if (a->to_group != b->to_group)
        return a->to_group ? -1 : 1;
    return compare_policy_texts(a->subject, b->subject);
}

/* What stands first comes first, so that the second of two that are the same is reported. */
static int compare_places(const struct sp_policy_place *a, const struct sp_policy_place *b) {
    if (a->file != b->file)
        return a->file < b->file ? -1 : 1;
    if (a->line != b->line)
        return a->line < b->line ? -1 : 1;
    return (a->column > b->column) - (a->column < b->column);
}

static int order_principals(const void *left, const void *right) {
    const struct sp_policy_principal *a = left, *b = right;
    int order = compare_policy_texts(a->id, b->id);
    return order != 0 ? order : compare_places(&a->place, &b->place);
}

static int order_groups(const void *left, const void *right) {
    const struct sp_policy_group *a = left, *b = right;
    int order = compare_policy_texts(a->id, b->id);
    return order != 0 ? order : compare_places(&a->place, &b->place);
}

static int order_members(const void *left, const void *right) {
    const struct sp_policy_member *a = left, *b = right;
    int order = sp_policy_compare_members(a, b);
    return order != 0 ? order : compare_places(&a->place, &b->place);
}

static int order_resources(const void *left, const void *right) {
    const struct sp_policy_resource *a = left, *b = right;
    int order = compare_policy_texts(a->ref, b->ref);
    return order != 0 ? order : compare_places(&a->place, &b->place);
}

static int order_shares(const void *left, const void *right) {
    const struct sp_policy_share *a = left, *b = right;
    int order = sp_policy_compare_shares(a, b);
    return order != 0 ? order : compare_places(&a->place, &b->place);
}

static void sort_entries(void *entries, size_t count, size_t size, int (*order)(const void *, const void *)) {
    if (count > 1)
        qsort(entries, count, size, order);
}

void sp_policy_sort(struct sp_policy *policy) {
    sort_entries(policy->principals, policy->principal_count, sizeof(*policy->principals), order_principals);
    sort_entries(policy->groups, policy->group_count, sizeof(*policy->groups), order_groups);
    sort_entries(policy->members, policy->member_count, sizeof(*policy->members), order_members);
    sort_entries(policy->resources, policy->resource_count, sizeof(*policy->resources), order_resources);
    sort_entries(policy->shares, policy->share_count, sizeof(*policy->shares), order_shares);
}

/* ---- finding ---- */

/* Each entry begins with the text that it is sorted by. */
static int compare_with_first_text(const void *text, const void *entry) {
    const char *first;
    memcpy(&first, entry, sizeof(first));
    return strcmp(text, first);
}

static const void *find_entry(const char *text, const void *entries, size_t count, size_t size) {
    return count == 0 ? NULL : bsearch(text, entries, count, size, compare_with_first_text);
}

_Static_assert(offsetof(struct sp_policy_principal, id) == 0 && offsetof(struct sp_policy_group, id) == 0 &&
                   offsetof(struct sp_policy_resource, ref) == 0,
               "find_entry reads the first text");

const struct sp_policy_principal *sp_policy_find_principal(const struct sp_policy *policy, const char *id) {
    return find_entry(id, policy->principals, policy->principal_count, sizeof(*policy->principals));
}

const struct sp_policy_group *sp_policy_find_group(const struct sp_policy *policy, const char *id) {
    return find_entry(id, policy->groups, policy->group_count, sizeof(*policy->groups));
}

const struct sp_policy_resource *sp_policy_find_resource(const struct sp_policy *policy, const char *ref) {
    return find_entry(ref, policy->resources, policy->resource_count, sizeof(*policy->resources));
}
