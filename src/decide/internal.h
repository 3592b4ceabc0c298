/* What the files of this folder share and nobody else needs. */
#ifndef SP_DECIDE_INTERNAL_H
#define SP_DECIDE_INTERNAL_H

#include "base/arena.h"
#include "core/allowlist.h"
#include "decide/check.h"

/* Steps 1 and 2. *ret_key is set where *ret_reason is SP_REASON_NONE; else that is KEY_MALFORMED or KEY_UNKNOWN. */
enum sp_status sp_check_find_key(struct sp_view *view, const struct sp_query *query, struct sp_key *ret_key,
                                 enum sp_reason *ret_reason) SP_MUST_USE;

/* The principal's role on the resource: ADMIN for an ADMIN user of the workspace, else the highest of the grants. An
 * empty `resource_key` (no id, or one too long to exist) names no resource, on which nobody has a role. */
enum sp_status sp_check_effective_role(struct sp_view *view, const struct sp_key *key,
                                       const struct sp_principal_state *principal, struct sp_bytes resource_key,
                                       enum sp_role *ret_role) SP_MUST_USE;

/* Everything that an explanation tells of, gathered as far as it was found. */
struct sp_facts {
    const struct sp_query *query;
    bool tested[SP_STEP_COUNT];
    enum sp_reason reasons[SP_STEP_COUNT]; /* SP_REASON_NONE: passed, where tested */
    bool has_key;                          /* key, workspace and principal are set */
    struct sp_key key;
    struct sp_workspace_state workspace;
    struct sp_principal_state principal;
    struct sp_action action;
    const char *permission; /* the name of action.permission; NULL where it has none */
    enum sp_role role;
};

/* The test of a step; a constant. */
const char *sp_explain_test(enum sp_step step);

/* What a step compared with what, and what would have to change for it to pass, in words; allocated in `arena`. NULL
 * when out of memory. A change is only asked for where a step failed. */
const char *sp_explain_evidence(const struct sp_facts *facts, enum sp_step step, struct sp_arena *arena);
const char *sp_explain_change(const struct sp_facts *facts, enum sp_step step, struct sp_arena *arena);

#endif
