/* A batch of questions, as CheckBatch and CheckStream share it: read all, then answer all from one snapshot. */
#ifndef SP_SERVER_BATCH_H
#define SP_SERVER_BATCH_H

#include "server/question.h"
#include "server/service.h"

/* Reads every question before the first is answered, and makes room for the answers, in `arena`. SP_ERR_INVALID naming the field. */
enum sp_status sp_batch_read(struct sp_service *service, const Sallyport__V1__CheckBatchRequest *request,
                             struct sp_arena *arena, struct sp_question **ret_questions,
                             Sallyport__V1__CheckBatchResponse *response, struct sp_error *error) SP_MUST_USE;

/* Answers into the response's results, and records each answer. SP_ERR_DEADLINE where the call's deadline passes
 * meanwhile. */
enum sp_status sp_batch_answer(struct sp_service *service, const struct sp_asking *asking, struct sp_view *view,
                               struct sp_question *questions, struct sp_arena *arena,
                               Sallyport__V1__CheckBatchResponse *response, struct sp_error *error) SP_MUST_USE;

/* One question of a call, answered and recorded. */
enum sp_status sp_batch_answer_one(struct sp_service *service, const struct sp_asking *asking, struct sp_view *view,
                                   struct sp_query *query, struct sp_arena *arena,
                                   Sallyport__V1__CheckResponse *response, struct sp_error *error) SP_MUST_USE;

Sallyport__V1__Revision sp_batch_revision(struct sp_revision revision);

/* min_revision where nothing is waited for: SP_ERR_UNAVAILABLE, SP_ERR_PRECONDITION for another epoch. `wanted` may be NULL. */
enum sp_status sp_batch_check_revision(const Sallyport__V1__Revision *wanted, struct sp_revision current,
                                       struct sp_error *error) SP_MUST_USE;

#endif
