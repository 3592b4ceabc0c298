/* Inside core/schema: what a schema's text says, before anything is looked up in it. */
#ifndef SP_CORE_SCHEMA_DRAFT_H
#define SP_CORE_SCHEMA_DRAFT_H

#include "config/yaml.h"
#include "core/register.h"
#include "core/role.h"
#include "core/route.h"
#include "core/schema_finding.h"

/* What is common to named things while they are gathered: lists, newest first. */
struct sp_draft {
    struct sp_draft *next;
    struct sp_yaml_scalar name;
};

struct sp_draft_list {
    struct sp_draft *newest;
    size_t count;
};

struct sp_draft_permission {
    struct sp_draft draft;
    struct sp_str description;
};

struct sp_draft_action {
    struct sp_draft draft;
    struct sp_yaml_scalar permission; /* empty: none */
    enum sp_role role;
    unsigned seen;
};

struct sp_draft_type {
    struct sp_draft draft;
    struct sp_str description;
    bool workspace_scoped;
    enum sp_register register_level; /* 0: not given */
    struct sp_draft_list actions;
    unsigned seen;
};

struct sp_draft_route {
    struct sp_draft_route *next;
    struct sp_route route;
    struct sp_yaml_scalar key, target;
};

/* What was read, before anything is looked up in it: sp_yaml's `user`. */
struct sp_drafts {
    struct sp_draft_list permissions;
    struct sp_draft_list types;
    size_t action_count;
    struct sp_draft_route *first_route, *last_route;
    size_t route_count;
    unsigned seen; /* of the keys on top */
    unsigned version;
    bool stored;                         /* the text was accepted once */
    struct sp_schema_findings *findings; /* NULL: the first error ends it */
};

static inline struct sp_drafts *sp_drafts_of(const struct sp_yaml *yaml) {
    return yaml->user;
}

/* Reads the text into the drafts that are yaml->user. SP_ERR_INVALID only for the first error of a
 * caller who gathers none, and where the text cannot be read any further. */
enum sp_status sp_schema_read_drafts(struct sp_yaml *yaml, struct sp_str text) SP_MUST_USE;

/* A name's draft, zeroed, of `size` bytes, at the head of the list. SP_ERR_INVALID: `what` cannot
 * have the name. */
enum sp_status sp_draft_add(const struct sp_yaml *yaml, const struct sp_yaml_scalar *name, const char *what,
                            size_t size, struct sp_draft_list *list, struct sp_draft **ret_draft) SP_MUST_USE;

/* Lets a caller who gathers findings go on behind what was refused: the error becomes a finding,
 * and SP_OK is returned. Any other status stays. */
enum sp_status sp_schema_keep_error(const struct sp_yaml *yaml, enum sp_status status) SP_MUST_USE;

/* Adds something that looks wrong, if findings are gathered. Out of memory, it is counted. */
void sp_schema_add_finding(struct sp_schema_findings *findings, const struct sp_schema_finding *finding);

#endif
