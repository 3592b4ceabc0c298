#include "server/batch.h"

#include <inttypes.h>

enum {
    BATCH_MAX_ITEMS = 1000,
    DEADLINE_EVERY = 128, /* items between two looks at the clock */
};

Sallyport__V1__Revision sp_batch_revision(struct sp_revision revision) {
    Sallyport__V1__Revision message = SALLYPORT__V1__REVISION__INIT;
    message.epoch = revision.epoch;
    message.number = revision.number;
    return message;
}

enum sp_status sp_batch_check_revision(const Sallyport__V1__Revision *wanted, struct sp_revision current,
                                       struct sp_error *error) {
    if (wanted == NULL || (wanted->epoch == 0 && wanted->number == 0))
        return SP_OK;
    if (wanted->epoch != current.epoch)
        return sp_error_set(error, SP_ERR_PRECONDITION,
                            "min_revision: is of another epoch than the store's: ask again without it");
    if (wanted->number > current.number)
        return sp_error_set(error, SP_ERR_UNAVAILABLE,
                            "min_revision: %" PRIu64 " is not reached here yet, the store is at %" PRIu64 ": ask again",
                            wanted->number, current.number);
    return SP_OK;
}

enum sp_status sp_batch_answer_one(struct sp_service *service, const struct sp_asking *asking, struct sp_view *view,
                                   struct sp_query *query, struct sp_arena *arena,
                                   Sallyport__V1__CheckResponse *response, struct sp_error *error) {
    struct sp_answer answer = {0};
    enum sp_status status = sp_service_answer(service, view, query, &answer);
    if (status == SP_OK)
        status = sp_answer_to_response(&answer, &service->workers[asking->worker].ids, arena, response);
    if (status == SP_OK)
        sp_record_decision(service, asking, query, &answer, response->decision_id);
    else
        sp_service_explain_failure(service, status, error);
    return status;
}

static enum sp_status check_items(const Sallyport__V1__CheckBatchRequest *request, struct sp_error *error) {
    if (request->n_items == 0)
        return sp_error_set(error, SP_ERR_INVALID, "items: give 1 to %d", BATCH_MAX_ITEMS);
    if (request->n_items > BATCH_MAX_ITEMS)
        return sp_error_set(error, SP_ERR_INVALID, "items: %zu are too many, give 1 to %d", request->n_items,
                            BATCH_MAX_ITEMS);
    return SP_OK;
}

/* Every question is read before the first is answered: a mistake in one is told without work on the others. */
static enum sp_status read_questions(const Sallyport__V1__CheckBatchRequest *request, struct sp_arena *arena,
                                     struct sp_question **ret_questions, struct sp_error *error) {
    struct sp_question_common common;
    enum sp_status status = check_items(request, error);
    if (status == SP_OK)
        status = sp_question_common_from_batch(request, &common, error);
    if (status != SP_OK)
        return status;
    struct sp_question *questions = sp_arena_calloc(arena, request->n_items, sizeof(*questions));
    if (questions == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "the batch needs more memory than a call may use: ask for less");
    for (size_t i = 0; i < request->n_items && status == SP_OK; i++)
        status = sp_question_from_item(request->items[i], i, &common, &questions[i], error);
    *ret_questions = questions;
    return status;
}

static enum sp_status make_results(struct sp_arena *arena, size_t count, Sallyport__V1__CheckBatchResponse *response) {
    Sallyport__V1__CheckResponse *results = sp_arena_calloc(arena, count, sizeof(*results));
    response->results = sp_arena_calloc(arena, count, sizeof(Sallyport__V1__CheckResponse *));
    if (results == NULL || response->results == NULL)
        return SP_ERR_MEMORY;
    for (size_t i = 0; i < count; i++)
        response->results[i] = &results[i];
    response->n_results = count;
    return SP_OK;
}

static bool is_late(const struct sp_asking *asking) {
    return asking->rpc != NULL && sp_rpc_call_remaining_ms(asking->rpc) == 0;
}

enum sp_status sp_batch_answer(struct sp_service *service, const struct sp_asking *asking, struct sp_view *view,
                               struct sp_question *questions, struct sp_arena *arena,
                               Sallyport__V1__CheckBatchResponse *response, struct sp_error *error) {
    struct sp_check_memo memo = {0};
    for (size_t i = 0; i < response->n_results; i++) {
        if (i % DEADLINE_EVERY == DEADLINE_EVERY - 1 && is_late(asking))
            return sp_error_set(error, SP_ERR_DEADLINE, "the deadline passed within the batch");
        questions[i].query.memo = &memo;
        enum sp_status status =
            sp_batch_answer_one(service, asking, view, &questions[i].query, arena, response->results[i], error);
        if (status != SP_OK)
            return status;
    }
    return SP_OK;
}

enum sp_status sp_batch_read(struct sp_service *service, const Sallyport__V1__CheckBatchRequest *request,
                             struct sp_arena *arena, struct sp_question **ret_questions,
                             Sallyport__V1__CheckBatchResponse *response, struct sp_error *error) {
    enum sp_status status = read_questions(request, arena, ret_questions, error);
    if (status != SP_OK)
        return status;
    status = make_results(arena, request->n_items, response);
    if (status != SP_OK)
        sp_service_explain_failure(service, status, error);
    return status;
}
