/* A batch of questions, as CheckBatch and CheckStream share it: all are read first, then all
 * answered from one snapshot. */
#ifndef SP_SERVER_BATCH_H
#define SP_SERVER_BATCH_H

#include "server/question.h"
#include "server/service.h"
#include "store/lmdb/view.h"

/* Reads every question before the first is answered, and makes room for the answers, in `arena`.
 * SP_ERR_INVALID naming the field. */
enum sp_status sp_batch_read(struct sp_service *service, const Sallyport__V1__CheckBatchRequest *request,
                             struct sp_arena *arena, struct sp_question **ret_questions,
                             Sallyport__V1__CheckBatchResponse *response, struct sp_error *error) SP_MUST_USE;

/* Answers into the response's results, and records each answer. SP_ERR_DEADLINE if the call's
 * deadline passes meanwhile, SP_ERR_CANCELLED if its client goes away. */
enum sp_status sp_batch_answer(struct sp_service *service, const struct sp_asking *asking, struct sp_view *view,
                               struct sp_question *questions, struct sp_arena *arena,
                               Sallyport__V1__CheckBatchResponse *response, struct sp_error *error) SP_MUST_USE;

/* Whether a batch of so many items is for a bulk thread, by their number and by what items took
 * lately. */
bool sp_batch_is_large(struct sp_service *service, size_t items);

/* Notes what a batch took. */
void sp_batch_note_cost(struct sp_service *service, uint64_t took_ns, size_t items);

/* The budget of a batch that begins now on a bulk thread, for sp_asking. */
int64_t sp_batch_work_until_ms(void);

#endif
