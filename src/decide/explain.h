/* The decision with its evidence: every step that can be tested, the grants considered, and what
 * would have to change. Its answer is that of sp_check. Allocates in the caller's arena. */
#ifndef SP_DECIDE_EXPLAIN_H
#define SP_DECIDE_EXPLAIN_H

#include "base/arena.h"
#include "decide/check.h"
#include "sallyport/v1/authorization.pb-c.h"
#include "store/lmdb/view.h"

/* Fills everything of the reply but answer.decision_id, in `arena`; nothing of it is borrowed from
 * the view. For an unknown credential, nothing about any key is revealed. SP_ERR_CORRUPT,
 * SP_ERR_MEMORY. */
enum sp_status sp_explain(struct sp_view *view, const struct sp_query *query, struct sp_arena *arena,
                          Sallyport__V1__ExplainResponse **ret_explanation) SP_MUST_USE;

#endif
