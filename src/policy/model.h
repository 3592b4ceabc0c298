/* A workspace's policy as files hold it and as the admin API exports it: users, service accounts,
 * groups with their members, resources and shares. Never keys, schema or routes. Pure.
 *
 * A model is filled entry by entry in any order, then sorted, and only read from then on. All its
 * memory is in its arena; texts are NUL-terminated, and equal texts are one. A million shares take
 * about 40 MB, with the names of as many resources about 100 MB. One thread. */
#ifndef SP_POLICY_MODEL_H
#define SP_POLICY_MODEL_H

#include <stdbool.h>

#include "base/arena.h"
#include "core/role.h"

enum { SP_POLICY_REF_BYTES = 64 + 1 + 256 + 1 }; /* of a "type/id" with its NUL */

/* The sections of a file. A kind of which no file has the section is left alone. */
enum sp_policy_section {
    SP_POLICY_USERS,
    SP_POLICY_SERVICE_ACCOUNTS,
    SP_POLICY_GROUPS, /* with their members */
    SP_POLICY_RESOURCES,
    SP_POLICY_SHARES,
    SP_POLICY_SECTIONS,
};

/* "users", "service_accounts", "groups", "resources", "shares". A constant. */
const char *sp_policy_section_name(enum sp_policy_section section);

/* Where an entry stands. All 0: not in a file. */
struct sp_policy_place {
    uint32_t line; /* from 1 */
    uint16_t column;
    uint16_t file; /* index in sp_policy.files */
};

struct sp_policy_principal {
    const char *id;
    const char *name;
    bool service_account;
    bool admin; /* workspace role ADMIN; users only */
    bool disabled;
    struct sp_policy_place place;
};

struct sp_policy_group {
    const char *id;
    const char *name;
    struct sp_policy_place place;
};

struct sp_policy_member {
    const char *group;
    const char *principal;
    struct sp_policy_place place;
};

struct sp_policy_resource {
    const char *ref;     /* "type/id"; a type has no '/' */
    const char *creator; /* NULL: the files do not say; then any will do */
    struct sp_policy_place place;
};

struct sp_policy_share {
    const char *resource; /* "type/id" */
    const char *subject;
    struct sp_policy_place place;
    bool to_group; /* the subject is a group */
    uint8_t role;  /* enum sp_role */
};

/* Zeroed but for the arena: empty. */
struct sp_policy {
    struct sp_arena *arena;
    const char *workspace; /* NULL: not given */
    struct sp_policy_place workspace_place;
    bool has[SP_POLICY_SECTIONS];
    const char **files;
    size_t file_count, file_room;
    struct sp_policy_principal *principals; /* by id, once sorted, as the next two */
    size_t principal_count, principal_room;
    struct sp_policy_group *groups;
    size_t group_count, group_room;
    struct sp_policy_member *members; /* by group, then by principal */
    size_t member_count, member_room;
    struct sp_policy_resource *resources; /* by ref */
    size_t resource_count, resource_room;
    struct sp_policy_share *shares; /* by resource; groups before principals; then by subject */
    size_t share_count, share_room;
    const char **texts; /* inside: a table of those that are held */
    size_t text_count, text_room;
};

/* The one copy of a text; NULL when out of memory. */
const char *sp_policy_text(struct sp_policy *policy, struct sp_str text);

/* Adds a file's name, for places. SP_ERR_INVALID: more than 65,535. SP_ERR_MEMORY. */
enum sp_status sp_policy_add_file(struct sp_policy *policy, const char *name, uint16_t *ret_file) SP_MUST_USE;

/* Each adds a copy of the entry, whose texts are the model's. SP_ERR_MEMORY. */
enum sp_status sp_policy_add_principal(struct sp_policy *policy, const struct sp_policy_principal *entry) SP_MUST_USE;
enum sp_status sp_policy_add_group(struct sp_policy *policy, const struct sp_policy_group *entry) SP_MUST_USE;
enum sp_status sp_policy_add_member(struct sp_policy *policy, const struct sp_policy_member *entry) SP_MUST_USE;
enum sp_status sp_policy_add_resource(struct sp_policy *policy, const struct sp_policy_resource *entry) SP_MUST_USE;
enum sp_status sp_policy_add_share(struct sp_policy *policy, const struct sp_policy_share *entry) SP_MUST_USE;

void sp_policy_sort(struct sp_policy *policy);

/* Orders as the sorted arrays; 0: the same thing. */
int sp_policy_compare_members(const struct sp_policy_member *a, const struct sp_policy_member *b);
int sp_policy_compare_shares(const struct sp_policy_share *a, const struct sp_policy_share *b);

/* In a sorted model; NULL for none. */
const struct sp_policy_principal *sp_policy_find_principal(const struct sp_policy *policy, const char *id);
const struct sp_policy_group *sp_policy_find_group(const struct sp_policy *policy, const char *id);
const struct sp_policy_resource *sp_policy_find_resource(const struct sp_policy *policy, const char *ref);

#endif
