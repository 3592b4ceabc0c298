#include "server/batch.h"

#include "base/clock.h"
#include "decide/role_memo.h"
#include "rpc/server.h"
#include "server/answer.h"

enum {
    BATCH_MAX_ITEMS = 1000,
    DEADLINE_EVERY = 128, /* items between two readings of the clock */
    WORK_EVERY = 64,      /* and of the thread's own */
    WORK_MAX_MS = 5000,   /* of a bulk thread, for one batch */
    MEMO_ITEM_US = 20,    /* an item that takes so long on average makes a memo of roles worth while */
    INLINE_ITEMS = 128,   /* at most, and */
    INLINE_FEW_ITEMS = 4, /* more than these only if they are */
    INLINE_NS = 300000,   /* expected to take no longer than this */
    COST_DECAY = 32,
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

/* ---- where it is answered ---- */

bool sp_batch_is_large(struct sp_service *service, size_t items) {
    if (items <= INLINE_FEW_ITEMS)
        return false;
    uint64_t expected_ns = items * (uint64_t)atomic_load_explicit(&service->batch_item_ns, memory_order_relaxed);
    return items > INLINE_ITEMS || expected_ns > INLINE_NS;
}

/* Rises at once, and falls slowly. Threads that note at the same time may lose a note. */
void sp_batch_note_cost(struct sp_service *service, uint64_t took_ns, size_t items) {
    uint64_t item_ns = items == 0 ? 0 : took_ns / items;
    uint64_t before = atomic_load_explicit(&service->batch_item_ns, memory_order_relaxed);
    uint64_t after = item_ns > before ? item_ns : before - (before - item_ns) / COST_DECAY;
    atomic_store_explicit(&service->batch_item_ns, (unsigned)(after < UINT32_MAX ? after : UINT32_MAX),
                          memory_order_relaxed);
}

int64_t sp_batch_work_until_ms(void) {
    return sp_clock_thread_ms() + WORK_MAX_MS;
}

/* ---- answering it ---- */

/* Every now and then: whether there is any budget left, and whether roles take so long that they
 * are worth remembering. */
static enum sp_status watch_work(const struct sp_asking *asking, int64_t began_ms, size_t answered, size_t items,
                                 struct sp_arena *arena, struct sp_check_memo *memo, struct sp_error *error) {
    int64_t now_ms = sp_clock_thread_ms();
    if (asking->work_until_ms != 0 && now_ms >= asking->work_until_ms)
        return sp_error_set(error, SP_ERR_EXHAUSTED,
                            "the batch took more than %d ms of work: send fewer items in each batch", WORK_MAX_MS);
    bool dear = (now_ms - began_ms) * 1000 >= (int64_t)answered * MEMO_ITEM_US;
    if (dear && memo->roles == NULL && sp_role_memo_create(arena, items, &memo->roles) != SP_OK)
        memo->roles = NULL; /* each role is looked up */
    return SP_OK;
}

enum sp_status sp_batch_answer(struct sp_service *service, const struct sp_asking *asking, struct sp_view *view,
                               struct sp_question *questions, struct sp_arena *arena,
                               Sallyport__V1__CheckBatchResponse *response, struct sp_error *error) {
    struct sp_check_memo memo = {0};
    int64_t began_ms = response->n_results > WORK_EVERY ? sp_clock_thread_ms() : 0;
    for (size_t i = 0; i < response->n_results; i++) {
        if (sp_asking_is_over(asking))
            return sp_error_set(error, SP_ERR_CANCELLED, "the client has gone");
        if (i % DEADLINE_EVERY == DEADLINE_EVERY - 1 && is_late(asking))
            return sp_error_set(error, SP_ERR_DEADLINE, "the deadline passed within the batch");
        enum sp_status status = SP_OK;
        if (i % WORK_EVERY == WORK_EVERY - 1 && i + 1 < response->n_results)
            status = watch_work(asking, began_ms, i, response->n_results, arena, &memo, error);
        if (status != SP_OK)
            return status;
        questions[i].query.memo = &memo;
        status = sp_answer_question(service, asking, view, &questions[i].query, arena, response->results[i], error);
        if (status != SP_OK)
            return status;
    }
    return SP_OK;
}
