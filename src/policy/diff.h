/* What must change so that one policy becomes another: a list of edits, in an order in which they
 * can be made. Pure. */
#ifndef SP_POLICY_DIFF_H
#define SP_POLICY_DIFF_H

#include "policy/read.h"

enum sp_policy_operation { SP_POLICY_ADD, SP_POLICY_CHANGE, SP_POLICY_REMOVE };

/* What is edited: the sections, with users and service accounts as one, and members apart. */
enum sp_policy_kind {
    SP_POLICY_PRINCIPAL,
    SP_POLICY_GROUP,
    SP_POLICY_MEMBER,
    SP_POLICY_RESOURCE,
    SP_POLICY_SHARE,
    SP_POLICY_KINDS,
};

/* `before` and `after` are entries of the two models, of the kind's type; NULL where there is
 * none. */
struct sp_policy_edit {
    enum sp_policy_operation operation;
    enum sp_policy_kind kind;
    const void *before;
    const void *after;
};

/* All memory is in the arena of `want`. */
struct sp_policy_edits {
    struct sp_policy_edit *list;
    size_t count, room;
    size_t counts[SP_POLICY_REMOVE + 1]; /* by operation */
    size_t kept; /* what `want` has not, and is left as it is because nothing shall be removed */
};

/* From `have`, which is in the store, to `want`, both sorted. Kinds of which `want` has no section
 * stay as they are; if not `prune`, nothing is removed. Members and shares that go with what is
 * removed are not edits of their own. Errors are what no edit can do: another kind under the same
 * id, another creator. SP_ERR_MEMORY. */
enum sp_status sp_policy_diff(const struct sp_policy *have, struct sp_policy *want, bool prune,
                              struct sp_policy_edits *ret_edits, struct sp_policy_errors *errors) SP_MUST_USE;

#endif
