#include "server/calls.h"

#include "base/clock.h"
#include "decide/explain.h"
#include "decide/response.h"
#include "rpc/server.h"
#include "server/answer.h"
#include "server/batch.h"
#include "server/bulk.h"
#include "server/min_revision.h"
#include "store/records/head.h"
#include "store/records/snapshot.h"
#include "wire/wire.h"

enum {
    WAIT_MAX_MS = 500, /* for min_revision */
    RETRY_MAX_MS = 8,  /* between two readings of the revision */
};

/* ---- waiting for a revision ---- */

static unsigned retry_delay_ms(const struct sp_rpc_call *call) {
    unsigned retries = sp_rpc_call_retries(call);
    return retries < 3 ? 1U << retries : RETRY_MAX_MS;
}

/* A quarter of the caller's time is kept, so that it gets the answer and not DEADLINE_EXCEEDED. */
static bool has_time_to_wait(const struct sp_rpc_call *call) {
    int64_t passed_ms = sp_clock_monotonic_ms() - sp_rpc_call_started_ms(call);
    int64_t left_ms = sp_rpc_call_remaining_ms(call);
    return passed_ms < WAIT_MAX_MS && left_ms - (int64_t)retry_delay_ms(call) > passed_ms / 4 + left_ms / 4;
}

/* SP_ERR_ABORTED: nothing is held, the call will be handled again. */
static enum sp_status acquire_for_call(struct sp_service *service, const struct sp_rpc_call *call,
                                       const Sallyport__V1__Revision *wanted, struct sp_snapshot **ret_snapshot,
                                       struct sp_revision *ret_revision, struct sp_error *error) {
    bool may_wait = wanted != NULL && has_time_to_wait(call);
    return sp_min_revision_acquire(service, sp_rpc_call_worker(call), wanted, may_wait, ret_snapshot, ret_revision,
                                   error);
}

/* ---- reading and replying ---- */

/* The request is read each time that the call is handled, and so begins with an empty arena. */
static enum sp_status unpack_request(struct sp_rpc_call *call, const ProtobufCMessageDescriptor *descriptor,
                                     ProtobufCMessage **ret_request, struct sp_error *error) {
    struct sp_arena *arena = sp_rpc_call_arena(call);
    if (sp_rpc_call_retries(call) > 0)
        sp_arena_wipe(arena);
    return sp_wire_unpack(descriptor, sp_rpc_call_request(call), arena, ret_request, error);
}

static void send_unary_reply(struct sp_service *service, struct sp_rpc_call *call, const ProtobufCMessage *message) {
    struct sp_bytes packed;
    struct sp_error error = {0};
    enum sp_status status = sp_wire_pack(message, sp_rpc_call_arena(call), &packed);
    if (status != SP_OK) {
        sp_service_explain_failure(service, status, &error);
        sp_rpc_fail(call, status, error.message);
        return;
    }
    sp_rpc_reply(call, packed);
}

/* `status` is not SP_OK. */
static void fail_or_retry(struct sp_rpc_call *call, enum sp_status status, const struct sp_error *error) {
    if (status == SP_ERR_ABORTED)
        sp_rpc_retry_after(call, retry_delay_ms(call));
    else
        sp_rpc_fail(call, status, error->message);
}

/* The same, recorded. */
static void fail_asking(struct sp_service *service, const struct sp_asking *asking, struct sp_rpc_call *call,
                        enum sp_status status, const struct sp_error *error) {
    if (status == SP_ERR_ABORTED)
        sp_record_wait(&service->recorder, asking);
    else
        sp_record_failure(&service->recorder, asking, status);
    fail_or_retry(call, status, error);
}

/* ---- Check ---- */

static enum sp_status answer_check(struct sp_service *service, struct sp_rpc_call *call, const struct sp_asking *asking,
                                   Sallyport__V1__CheckResponse *ret_response, struct sp_revision *ret_revision,
                                   struct sp_error *error) {
    ProtobufCMessage *message = NULL;
    struct sp_question question;
    struct sp_snapshot *snapshot = NULL;
    enum sp_status status = unpack_request(call, &sallyport__v1__check_request__descriptor, &message, error);
    if (status != SP_OK)
        return status;
    const Sallyport__V1__CheckRequest *request = (const Sallyport__V1__CheckRequest *)message;
    status = sp_question_from_check(request, &question, error);
    if (status != SP_OK)
        return status;
    status = acquire_for_call(service, call, request->min_revision, &snapshot, ret_revision, error);
    if (status != SP_OK)
        return status;
    status = sp_answer_question(service, asking, sp_snapshot_view(snapshot), &question.query, sp_rpc_call_arena(call),
                                ret_response, error);
    sp_snapshot_release(snapshot);
    return status;
}

void sp_calls_check(struct sp_rpc_call *call, void *user) {
    struct sp_service *service = user;
    struct sp_asking asking = sp_asking_rpc(call, SP_TRANSPORT_CHECK);
    struct sp_error error = {0};
    struct sp_revision revision = {0};
    Sallyport__V1__CheckResponse response = SALLYPORT__V1__CHECK_RESPONSE__INIT;
    enum sp_status status = answer_check(service, call, &asking, &response, &revision, &error);
    if (status != SP_OK) {
        fail_asking(service, &asking, call, status, &error);
        return;
    }
    Sallyport__V1__Revision at = sp_response_revision(revision);
    response.revision = &at;
    sp_record_end(&service->recorder, &asking);
    send_unary_reply(service, call, &response.base);
}

/* Whether the store has come to the revision, for a call that a bulk thread will answer: only here
 * can it wait for that. */
static enum sp_status await_revision(struct sp_service *service, const struct sp_rpc_call *call,
                                     const Sallyport__V1__Revision *wanted, struct sp_error *error) {
    struct sp_snapshot *snapshot = NULL;
    struct sp_revision revision = {0};
    enum sp_status status = acquire_for_call(service, call, wanted, &snapshot, &revision, error);
    if (status != SP_OK)
        return status;
    sp_snapshot_release(snapshot);
    return SP_OK;
}

/* ---- CheckBatch ---- */

/* In the call's arena, from where a bulk thread may answer it. */
struct batch_call {
    struct sp_bulk_task task; /* first: a task is its call */
    struct sp_service *service;
    struct sp_rpc_call *call;
    struct sp_asking asking;
    const Sallyport__V1__CheckBatchRequest *request;
    struct sp_question *questions;
    Sallyport__V1__CheckBatchResponse response;
    Sallyport__V1__Revision revision; /* of the response */
};

static enum sp_status answer_batch_call(struct batch_call *batch, struct sp_revision *ret_revision,
                                        struct sp_error *error) {
    struct sp_snapshot *snapshot = NULL;
    enum sp_status status = sp_min_revision_acquire(batch->service, batch->asking.worker, batch->request->min_revision,
                                                    false, &snapshot, ret_revision, error);
    if (status != SP_OK)
        return status;
    status = sp_batch_answer(batch->service, &batch->asking, sp_snapshot_view(snapshot), batch->questions,
                             sp_rpc_call_arena(batch->call), &batch->response, error);
    sp_snapshot_release(snapshot);
    return status;
}

/* A batch in the call's arena is gone once the call is replied to. */
static void finish_batch_call(struct batch_call *batch) {
    struct sp_error error = {0};
    struct sp_revision revision = {0};
    uint64_t began_ns = sp_asking_elapsed_ns(&batch->asking);
    enum sp_status status = answer_batch_call(batch, &revision, &error);
    sp_batch_note_cost(batch->service, sp_asking_elapsed_ns(&batch->asking) - began_ns, batch->response.n_results);
    if (status != SP_OK) {
        sp_record_failure(&batch->service->recorder, &batch->asking, status);
        sp_rpc_fail(batch->call, status, error.message);
        return;
    }
    batch->revision = sp_response_revision(revision);
    batch->response.revision = &batch->revision;
    sp_record_end(&batch->service->recorder, &batch->asking);
    send_unary_reply(batch->service, batch->call, &batch->response.base);
}

static void run_batch_task(struct sp_bulk_task *task, unsigned slot) {
    struct batch_call *batch = (struct batch_call *)task;
    batch->asking.worker = slot;
    batch->asking.work_until_ms = sp_batch_work_until_ms();
    finish_batch_call(batch);
}

static enum sp_status read_batch_call(struct batch_call *batch, struct sp_error *error) {
    ProtobufCMessage *message = NULL;
    enum sp_status status =
        unpack_request(batch->call, &sallyport__v1__check_batch_request__descriptor, &message, error);
    if (status != SP_OK)
        return status;
    batch->request = (const Sallyport__V1__CheckBatchRequest *)message;
    status = sp_batch_read(batch->service, batch->request, sp_rpc_call_arena(batch->call), &batch->questions,
                           &batch->response, error);
    if (status != SP_OK)
        return status;
    return await_revision(batch->service, batch->call, batch->request->min_revision, error);
}

/* Once it is handed over the call may end at any moment. */
static enum sp_status hand_over_batch(const struct batch_call *batch, struct sp_error *error) {
    struct batch_call *kept = sp_arena_calloc(sp_rpc_call_arena(batch->call), 1, sizeof(*kept));
    if (kept == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "the batch needs more memory than a call may use: send fewer items");
    *kept = *batch;
    kept->task.run = run_batch_task;
    return sp_bulk_submit(batch->service->bulk, &kept->task, error);
}

void sp_calls_check_batch(struct sp_rpc_call *call, void *user) {
    struct sp_error error = {0};
    struct batch_call batch = {.service = user,
                               .call = call,
                               .asking = sp_asking_rpc(call, SP_TRANSPORT_BATCH),
                               .response = SALLYPORT__V1__CHECK_BATCH_RESPONSE__INIT};
    enum sp_status status = read_batch_call(&batch, &error);
    if (status != SP_OK)
        goto failed;
    if (!sp_batch_is_large(batch.service, batch.response.n_results)) {
        finish_batch_call(&batch);
        return;
    }
    status = hand_over_batch(&batch, &error);
    if (status == SP_OK)
        return; /* a bulk thread finishes it */
failed:
    fail_asking(batch.service, &batch.asking, call, status, &error);
}

/* ---- Explain ---- */

/* In the call's arena; answered by a bulk thread. */
struct explain_call {
    struct sp_bulk_task task; /* first: a task is its call */
    struct sp_service *service;
    struct sp_rpc_call *call;
    const Sallyport__V1__CheckRequest *request;
    struct sp_question question;
};

static enum sp_status explain_question(const struct explain_call *explain, unsigned slot, struct sp_view *view,
                                       Sallyport__V1__ExplainResponse **ret_explanation) {
    Sallyport__V1__ExplainResponse *explanation = NULL;
    struct sp_arena *arena = sp_rpc_call_arena(explain->call);
    struct sp_query query = explain->question.query;
    enum sp_status status = sp_service_complete(explain->service, view, &query);
    if (status != SP_OK)
        return status;
    status = sp_explain(view, &query, arena, &explanation);
    if (status != SP_OK)
        return status;
    explanation->answer->decision_id = sp_answer_id(explain->service, slot, arena);
    if (explanation->answer->decision_id == NULL)
        return SP_ERR_MEMORY;
    *ret_explanation = explanation;
    return SP_OK;
}

static enum sp_status answer_explain(const struct explain_call *explain, unsigned slot,
                                     Sallyport__V1__ExplainResponse **ret_explanation, struct sp_error *error) {
    struct sp_snapshot *snapshot = NULL;
    struct sp_revision revision = {0};
    enum sp_status status = sp_min_revision_acquire(explain->service, slot, explain->request->min_revision, false,
                                                    &snapshot, &revision, error);
    if (status != SP_OK)
        return status;
    status = explain_question(explain, slot, sp_snapshot_view(snapshot), ret_explanation);
    sp_snapshot_release(snapshot);
    if (status != SP_OK)
        sp_service_explain_failure(explain->service, status, error);
    return status;
}

static void run_explain_task(struct sp_bulk_task *task, unsigned slot) {
    const struct explain_call *explain = (const struct explain_call *)task;
    struct sp_error error = {0};
    Sallyport__V1__ExplainResponse *explanation = NULL;
    enum sp_status status = sp_rpc_call_is_over(explain->call)
                                ? sp_error_set(&error, SP_ERR_CANCELLED, "the client has gone")
                                : answer_explain(explain, slot, &explanation, &error);
    if (status != SP_OK)
        sp_rpc_fail(explain->call, status, error.message);
    else
        send_unary_reply(explain->service, explain->call, &explanation->base);
}

static enum sp_status read_explain(struct sp_service *service, struct sp_rpc_call *call,
                                   struct explain_call **ret_explain, struct sp_error *error) {
    ProtobufCMessage *message = NULL;
    enum sp_status status = unpack_request(call, &sallyport__v1__explain_request__descriptor, &message, error);
    if (status != SP_OK)
        return status;
    struct explain_call *explain = sp_arena_calloc(sp_rpc_call_arena(call), 1, sizeof(*explain));
    if (explain == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "the call needs more memory than a call may use");
    *explain = (struct explain_call){.task = {.run = run_explain_task}, .service = service, .call = call};
    explain->request = ((const Sallyport__V1__ExplainRequest *)message)->check;
    if (explain->request == NULL)
        return sp_error_set(error, SP_ERR_INVALID, "check: is required");
    status = sp_question_from_check(explain->request, &explain->question, error);
    if (status != SP_OK)
        return status;
    *ret_explain = explain;
    return await_revision(service, call, explain->request->min_revision, error);
}

void sp_calls_explain(struct sp_rpc_call *call, void *user) {
    struct sp_service *service = user;
    struct sp_error error = {0};
    struct explain_call *explain = NULL;
    enum sp_status status = read_explain(service, call, &explain, &error);
    if (status == SP_OK)
        status = sp_bulk_submit(service->bulk, &explain->task, &error);
    if (status != SP_OK)
        fail_or_retry(call, status, &error);
}
