/* The question, answered from a snapshot: the lookups of store/records/index.h between the tests of
 * core/decision.h.
 *
 * One thread per snapshot; no allocation, no system call but those of LMDB. */
#ifndef SP_DECIDE_CHECK_H
#define SP_DECIDE_CHECK_H

#include "decide/query.h"
#include "store/lmdb/view.h"
#include "store/records/head.h"

/* The answer. Texts are borrowed from the snapshot: use them before it is released. Zeroed:
 * DENY. */
struct sp_answer {
    bool allowed;
    enum sp_reason reason;
    enum sp_role role;
    enum sp_via via; /* what gave the role */
    bool key_found;  /* the fields below are set; they may be revealed */
    uint8_t principal_kind;
    struct sp_str workspace;
    struct sp_str principal;
    struct sp_str key_id;
    struct sp_revision revision;
};

/* Answers `query` at the revision of `view`. On an error *ret_answer is untouched, and there is no
 * answer: deny. SP_ERR_CORRUPT, SP_ERR_IO. */
enum sp_status sp_check(struct sp_view *view, const struct sp_query *query, struct sp_answer *ret_answer) SP_MUST_USE;

/* Steps 1 to 6 only: who presents the credential, from where. SP_REASON_NONE when all pass.
 * *ret_key is set (and its texts borrowed) when step 2 passed, *ret_principal when the principal
 * was looked up. */
struct sp_presented {
    enum sp_reason reason;
    bool key_found;
    struct sp_key key;
    struct sp_principal_state principal;
};
enum sp_status sp_check_credential(struct sp_view *view, const struct sp_query *query,
                                   struct sp_presented *ret_presented) SP_MUST_USE;

#endif
