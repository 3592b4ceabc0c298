/* What a caller may learn about the key that a decision was about. Pure. */
#ifndef SP_DECIDE_DISCLOSURE_H
#define SP_DECIDE_DISCLOSURE_H

#include "decide/check.h"

/* Whose key it was. All empty, kind 0 and no role, unless the presented key is known. */
struct sp_disclosure {
    struct sp_str workspace, principal, key_id; /* borrowed, as the answer's */
    uint8_t principal_kind;
    enum sp_role role;
    enum sp_via via;
};

/* The only way from an answer to a reply or a log: whatever else the answer holds stays hidden. */
struct sp_disclosure sp_answer_disclose(const struct sp_answer *answer);

#endif
