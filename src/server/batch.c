#include "server/batch.h"

#include "rpc/server.h"
#include "server/answer.h"

enum {
    BATCH_MAX_ITEMS = 1000,
    DEADLINE_EVERY = 128, /* items between two readings of the clock */
};

static enum sp_status check_item_count(const Sallyport__V1__CheckBatchRequest *request, struct sp_error *error) {
    if (request->n_items == 0)
        return sp_error_set(error, SP_ERR_INVALID, "items: give 1 to %d", BATCH_MAX_ITEMS);
    if (request->n_items > BATCH_MAX_ITEMS)
        return sp_error_set(error, SP_ERR_INVALID, "items: %zu are too many; give 1 to %d", request->n_items,
                            BATCH_MAX_ITEMS);
    return SP_OK;
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

enum sp_status sp_batch_read(struct sp_service *service, const Sallyport__V1__CheckBatchRequest *request,
                             struct sp_arena *arena, struct sp_question **ret_questions,
                             Sallyport__V1__CheckBatchResponse *response, struct sp_error *error) {
    struct sp_question_common common;
    enum sp_status status = check_item_count(request, error);
    if (status != SP_OK)
        return status;
    status = sp_question_common_from_batch(request, &common, error);
    if (status != SP_OK)
        return status;
    struct sp_question *questions = sp_arena_calloc(arena, request->n_items, sizeof(*questions));
    if (questions == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "the batch needs more memory than a call may use: send fewer items");
    for (size_t i = 0; i < request->n_items; i++) {
        status = sp_question_from_item(request->items[i], i, &common, &questions[i], error);
        if (status != SP_OK)
            return status;
    }
    status = make_results(arena, request->n_items, response);
    if (status != SP_OK) {
        sp_service_explain_failure(service, status, error);
        return status;
    }
    *ret_questions = questions;
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
            sp_answer_question(service, asking, view, &questions[i].query, arena, response->results[i], error);
        if (status != SP_OK)
            return status;
    }
    return SP_OK;
}
