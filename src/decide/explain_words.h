/* The words of an explanation: what was compared with what, and what would have to change. */
#ifndef SP_DECIDE_EXPLAIN_WORDS_H
#define SP_DECIDE_EXPLAIN_WORDS_H

#include "base/arena.h"
#include "decide/query.h"

/* Everything that an explanation is made of, as far as it was found. */
struct sp_facts {
    const struct sp_query *query;
    bool tested[SP_STEP_COUNT];
    enum sp_reason reasons[SP_STEP_COUNT]; /* SP_REASON_NONE: passed, if tested */
    bool has_key;                          /* key, workspace and principal are set */
    struct sp_key key;
    struct sp_workspace_state workspace;
    struct sp_principal_state principal;
    struct sp_action action;
    const char *permission; /* the name of action.permission; NULL if it has none */
    enum sp_role role;
};

/* The test of a step; a constant. */
const char *sp_explain_test(enum sp_step step);

/* What a step compared with what, and what would have to change for a failed step to pass. In
 * `arena`; NULL when out of memory. */
const char *sp_explain_evidence(const struct sp_facts *facts, enum sp_step step, struct sp_arena *arena);
const char *sp_explain_change(const struct sp_facts *facts, enum sp_step step, struct sp_arena *arena);

#endif
