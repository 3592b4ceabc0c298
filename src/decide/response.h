/* A decision as the API's message: the one place that fills a CheckResponse, whichever call
 * gives it. */
#ifndef SP_DECIDE_RESPONSE_H
#define SP_DECIDE_RESPONSE_H

#include "base/arena.h"
#include "decide/check.h"
#include "sallyport/v1/authorization.pb-c.h"
#include "store/records/head.h"

/* Fills all but `revision` and `decision_id`. Texts are copied into the arena, so that the
 * snapshot may be released. SP_ERR_MEMORY. */
enum sp_status sp_response_from_answer(const struct sp_answer *answer, struct sp_arena *arena,
                                       Sallyport__V1__CheckResponse *ret_response) SP_MUST_USE;

Sallyport__V1__Revision sp_response_revision(struct sp_revision revision);

#endif
