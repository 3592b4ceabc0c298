#include "policy/update.h"

#include <stdlib.h>

#include "policy/write.h"

/* ---- places ---- */

/* In which file most entries of a section are; the first, if there are none. */
struct file_counts {
    size_t *counts; /* by file */
    uint16_t most;
};

static void count_place(struct file_counts *counted, const struct sp_policy_place *place) {
    if (++counted->counts[place->file] > counted->counts[counted->most])
        counted->most = place->file;
}

static uint16_t find_fullest_file(const struct sp_policy *files, enum sp_policy_section section, size_t *counts) {
    struct file_counts counted = {.counts = counts};
    memset(counts, 0, files->file_count * sizeof(*counts));
    for (size_t i = 0; section <= SP_POLICY_SERVICE_ACCOUNTS && i < files->principal_count; i++)
        if (files->principals[i].service_account == (section == SP_POLICY_SERVICE_ACCOUNTS))
            count_place(&counted, &files->principals[i].place);
    for (size_t i = 0; section == SP_POLICY_GROUPS && i < files->group_count; i++)
        count_place(&counted, &files->groups[i].place);
    for (size_t i = 0; section == SP_POLICY_RESOURCES && i < files->resource_count; i++)
        count_place(&counted, &files->resources[i].place);
    for (size_t i = 0; section == SP_POLICY_SHARES && i < files->share_count; i++)
        count_place(&counted, &files->shares[i].place);
    return counted.most;
}

static struct sp_policy_place choose_place(const struct sp_policy_place *there, uint16_t home) {
    return there != NULL ? *there : (struct sp_policy_place){.file = home};
}

/* A principal may have become another kind only under another id, so one look by id finds it. */
static void place_principals(struct sp_policy *policy, const struct sp_policy *files, const uint16_t *homes) {
    size_t kept = 0;
    for (size_t i = 0; i < policy->principal_count; i++) {
        struct sp_policy_principal *entry = &policy->principals[i];
        enum sp_policy_section section = entry->service_account ? SP_POLICY_SERVICE_ACCOUNTS : SP_POLICY_USERS;
        const struct sp_policy_principal *there = sp_policy_find_principal(files, entry->id);
        entry->place = choose_place(there == NULL ? NULL : &there->place, homes[section]);
        if (files->has[section])
            policy->principals[kept++] = *entry;
    }
    policy->principal_count = kept;
}

/* Both are sorted, so that one walk finds all. */
static void place_members(struct sp_policy *policy, const struct sp_policy *files) {
    size_t next = 0;
    for (size_t i = 0; i < policy->member_count; i++) {
        struct sp_policy_member *entry = &policy->members[i];
        while (next < files->member_count && sp_policy_compare_members(&files->members[next], entry) < 0)
            next++;
        bool there = next < files->member_count && sp_policy_compare_members(&files->members[next], entry) == 0;
        entry->place = there ? files->members[next].place : (struct sp_policy_place){0};
    }
}

static void place_groups(struct sp_policy *policy, const struct sp_policy *files, uint16_t home) {
    if (!files->has[SP_POLICY_GROUPS])
        policy->group_count = policy->member_count = 0;
    for (size_t i = 0; i < policy->group_count; i++) {
        const struct sp_policy_group *there = sp_policy_find_group(files, policy->groups[i].id);
        policy->groups[i].place = choose_place(there == NULL ? NULL : &there->place, home);
    }
    place_members(policy, files);
}

/* What the files do not say of a creator is not said in them from now on either. */
static void place_resources(struct sp_policy *policy, const struct sp_policy *files, uint16_t home) {
    if (!files->has[SP_POLICY_RESOURCES])
        policy->resource_count = 0;
    for (size_t i = 0; i < policy->resource_count; i++) {
        struct sp_policy_resource *entry = &policy->resources[i];
        const struct sp_policy_resource *there = sp_policy_find_resource(files, entry->ref);
        entry->place = choose_place(there == NULL ? NULL : &there->place, home);
        if (there != NULL && there->creator == NULL)
            entry->creator = NULL;
    }
}

/* A new share goes where the shares of its resource are. */
static void place_shares(struct sp_policy *policy, const struct sp_policy *files, uint16_t home) {
    size_t next = 0;
    if (!files->has[SP_POLICY_SHARES])
        policy->share_count = 0;
    for (size_t i = 0; i < policy->share_count; i++) {
        struct sp_policy_share *entry = &policy->shares[i];
        while (next < files->share_count && sp_policy_compare_shares(&files->shares[next], entry) < 0)
            next++;
        const struct sp_policy_share *near = next < files->share_count ? &files->shares[next] : NULL;
        if (near != NULL && sp_policy_compare_shares(near, entry) == 0)
            entry->place = near->place;
        else if (near != NULL && strcmp(near->resource, entry->resource) == 0)
            entry->place = (struct sp_policy_place){.file = near->place.file};
        else if (next > 0 && files->shares != NULL && strcmp(files->shares[next - 1].resource, entry->resource) == 0)
            entry->place = (struct sp_policy_place){.file = files->shares[next - 1].place.file};
        else
            entry->place = (struct sp_policy_place){.file = home};
    }
}

enum sp_status sp_policy_adopt_places(struct sp_policy *policy, const struct sp_policy *files) {
    uint16_t homes[SP_POLICY_SECTIONS];
    size_t *counts = sp_arena_calloc(policy->arena, files->file_count, sizeof(*counts));
    if (counts == NULL)
        return SP_ERR_MEMORY;
    for (enum sp_policy_section section = 0; section < SP_POLICY_SECTIONS; section++)
        homes[section] = find_fullest_file(files, section, counts);
    place_principals(policy, files, homes);
    place_groups(policy, files, homes[SP_POLICY_GROUPS]);
    place_resources(policy, files, homes[SP_POLICY_RESOURCES]);
    place_shares(policy, files, homes[SP_POLICY_SHARES]);
    return SP_OK;
}

/* ---- a file ---- */

enum sp_status sp_policy_write_file(const struct sp_policy *policy, const struct sp_policy *files, uint16_t file,
                                    struct sp_str text, FILE *out) {
    struct sp_policy_notes notes;
    enum sp_status status = sp_policy_read_notes(files, file, text, policy->arena, &notes);
    if (status != SP_OK)
        return status;
    (void)fputs(notes.head, out);
    if (files->workspace != NULL && files->workspace_place.file == file) {
        (void)fputs("workspace: ", out);
        sp_policy_write_text(files->workspace, out);
        (void)fputc('\n', out);
    }
    for (enum sp_policy_section section = 0; section < SP_POLICY_SECTIONS; section++)
        sp_policy_write_part(policy, section, file, &notes, out);
    (void)fputs(notes.foot, out);
    return SP_OK;
}
