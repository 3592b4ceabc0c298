/* Check, CheckBatch and Explain, and the table of methods. Each reads its request, takes the worker's snapshot, answers, releases it, and replies. */
#include <inttypes.h>
#include <time.h>

#include "daemon/caller.h"
#include "decide/explain.h"
#include "server/batch.h"
#include "server/service.h"
#include "wire/wire.h"

enum {
    WAIT_MAX_MS = 500, /* for min_revision */
    RETRY_MAX_MS = 8,  /* between two looks at the revision */
};

/* ---- waiting for a revision ---- */

static int64_t waited_ms(const struct sp_rpc_call *call) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000 - sp_rpc_call_started_ms(call);
}

static unsigned retry_delay_ms(const struct sp_rpc_call *call) {
    unsigned retries = sp_rpc_call_retries(call);
    return retries < 3 ? 1U << retries : RETRY_MAX_MS;
}

/* SP_ERR_ABORTED: not reached yet, but there is time to wait. */
static enum sp_status check_min_revision(const struct sp_rpc_call *call, const Sallyport__V1__Revision *wanted,
                                         struct sp_revision current, struct sp_error *error) {
    if (wanted == NULL || (wanted->epoch == 0 && wanted->number == 0))
        return SP_OK;
    if (wanted->epoch != current.epoch)
        return sp_error_set(error, SP_ERR_PRECONDITION,
                            "min_revision: is of epoch %" PRIu64 ", the store is in epoch %" PRIu64
                            " since it was restored: ask again without min_revision",
                            wanted->epoch, current.epoch);
    if (wanted->number <= current.number)
        return SP_OK;
    if (waited_ms(call) < WAIT_MAX_MS && sp_rpc_call_remaining_ms(call) > retry_delay_ms(call))
        return SP_ERR_ABORTED;
    return sp_error_set(error, SP_ERR_UNAVAILABLE,
                        "min_revision: %" PRIu64 " is not reached here yet, the store is at %" PRIu64 ": ask again",
                        wanted->number, current.number);
}

/* Acquires a snapshot that has reached `wanted`. SP_ERR_ABORTED: nothing is held, the call will be handled again. */
static enum sp_status acquire(struct sp_service *service, const struct sp_rpc_call *call,
                              const Sallyport__V1__Revision *wanted, struct sp_snapshot **ret_snapshot,
                              struct sp_revision *ret_revision, struct sp_error *error) {
    struct sp_snapshot *snapshot = NULL;
    enum sp_status status = sp_service_acquire(service, sp_rpc_call_worker(call), &snapshot, error);
    if (status != SP_OK)
        return status;
    status = sp_view_revision(sp_snapshot_view(snapshot), ret_revision);
    if (status != SP_OK)
        sp_service_explain_failure(service, status, error);
    else
        status = check_min_revision(call, wanted, *ret_revision, error);
    if (status == SP_OK)
        *ret_snapshot = snapshot;
    else
        sp_snapshot_release(snapshot);
    return status;
}

/* ---- replying ---- */

static void reply(struct sp_service *service, struct sp_rpc_call *call, const ProtobufCMessage *message) {
    struct sp_bytes packed;
    struct sp_error error = {0};
    enum sp_status status = sp_wire_pack(message, sp_rpc_call_arena(call), &packed);
    if (status == SP_OK) {
        sp_rpc_reply(call, packed);
        return;
    }
    sp_service_explain_failure(service, status, &error);
    sp_rpc_fail(call, status, error.message);
}

/* `status` is no SP_OK. */
static void give_up(struct sp_rpc_call *call, enum sp_status status, const struct sp_error *error) {
    if (status == SP_ERR_ABORTED)
        sp_rpc_retry_after(call, retry_delay_ms(call));
    else
        sp_rpc_fail(call, status, error->message);
}

/* The same for a call whose answers are recorded. */
static void give_up_asking(struct sp_service *service, const struct sp_asking *asking, struct sp_rpc_call *call,
                           enum sp_status status, const struct sp_error *error) {
    if (status == SP_ERR_ABORTED)
        sp_record_wait(service, asking);
    else
        sp_record_failure(service, asking, status);
    give_up(call, status, error);
}

/* Reads the request anew each time that the call is handled, and so begins with an empty arena. */
static enum sp_status read_request(struct sp_rpc_call *call, const ProtobufCMessageDescriptor *descriptor,
                                   ProtobufCMessage **ret_request, struct sp_error *error) {
    struct sp_arena *arena = sp_rpc_call_arena(call);
    if (sp_rpc_call_retries(call) > 0)
        sp_arena_wipe(arena);
    return sp_wire_unpack(descriptor, sp_rpc_call_request(call), arena, ret_request, error);
}

/* ---- Check ---- */

/* Of a request that was read. */
static enum sp_status read_check(const ProtobufCMessage *message, struct sp_question *ret_question,
                                 const Sallyport__V1__Revision **ret_wanted, struct sp_error *error) {
    const Sallyport__V1__CheckRequest *request = (const Sallyport__V1__CheckRequest *)message;
    *ret_wanted = request->min_revision;
    return sp_question_from_check(request, ret_question, error);
}

static void check(struct sp_rpc_call *call, void *user) {
    struct sp_service *service = user;
    struct sp_asking asking = sp_asking_rpc(call, SP_TRANSPORT_CHECK);
    struct sp_error error = {0};
    ProtobufCMessage *message = NULL;
    struct sp_question question;
    struct sp_snapshot *snapshot = NULL;
    struct sp_revision revision = {0};
    Sallyport__V1__CheckResponse response = SALLYPORT__V1__CHECK_RESPONSE__INIT;
    const Sallyport__V1__Revision *wanted = NULL;
    enum sp_status status = read_request(call, &sallyport__v1__check_request__descriptor, &message, &error);
    if (status == SP_OK)
        status = read_check(message, &question, &wanted, &error);
    if (status == SP_OK)
        status = acquire(service, call, wanted, &snapshot, &revision, &error);
    if (status == SP_OK) {
        status = sp_batch_answer_one(service, &asking, sp_snapshot_view(snapshot), &question.query,
                                     sp_rpc_call_arena(call), &response, &error);
        sp_snapshot_release(snapshot);
    }
    if (status != SP_OK) {
        give_up_asking(service, &asking, call, status, &error);
        return;
    }
    Sallyport__V1__Revision at = sp_batch_revision(revision);
    response.revision = &at;
    sp_record_end(service, &asking);
    reply(service, call, &response.base);
}

/* ---- CheckBatch ---- */

static void check_batch(struct sp_rpc_call *call, void *user) {
    struct sp_service *service = user;
    struct sp_asking asking = sp_asking_rpc(call, SP_TRANSPORT_BATCH);
    struct sp_error error = {0};
    ProtobufCMessage *message = NULL;
    struct sp_question *questions = NULL;
    struct sp_snapshot *snapshot = NULL;
    struct sp_revision revision = {0};
    Sallyport__V1__CheckBatchResponse response = SALLYPORT__V1__CHECK_BATCH_RESPONSE__INIT;
    const Sallyport__V1__CheckBatchRequest *request = NULL;
    enum sp_status status = read_request(call, &sallyport__v1__check_batch_request__descriptor, &message, &error);
    if (status == SP_OK) {
        request = (const Sallyport__V1__CheckBatchRequest *)message;
        status = sp_batch_read(service, request, sp_rpc_call_arena(call), &questions, &response, &error);
    }
    if (status == SP_OK)
        status = acquire(service, call, request->min_revision, &snapshot, &revision, &error);
    if (status == SP_OK) {
        status = sp_batch_answer(service, &asking, sp_snapshot_view(snapshot), questions, sp_rpc_call_arena(call),
                                 &response, &error);
        sp_snapshot_release(snapshot);
    }
    if (status != SP_OK) {
        give_up_asking(service, &asking, call, status, &error);
        return;
    }
    Sallyport__V1__Revision at = sp_batch_revision(revision);
    response.revision = &at;
    sp_record_end(service, &asking);
    reply(service, call, &response.base);
}

/* ---- Explain ---- */

static enum sp_status explain_one(struct sp_service *service, struct sp_rpc_call *call, struct sp_view *view,
                                  struct sp_query *query, Sallyport__V1__ExplainResponse **ret_explanation,
                                  struct sp_error *error) {
    Sallyport__V1__ExplainResponse *explanation = NULL;
    struct sp_arena *arena = sp_rpc_call_arena(call);
    char *id = sp_arena_alloc(arena, SP_DECISION_ID_BYTES);
    enum sp_status status = id == NULL ? SP_ERR_MEMORY : sp_service_complete(service, view, query);
    if (status == SP_OK)
        status = sp_explain(view, query, arena, &explanation);
    if (status != SP_OK) {
        sp_service_explain_failure(service, status, error);
        return status;
    }
    sp_decision_id_next(&service->workers[sp_rpc_call_worker(call)].ids, id);
    explanation->answer->decision_id = id;
    *ret_explanation = explanation;
    return SP_OK;
}

static void explain(struct sp_rpc_call *call, void *user) {
    struct sp_service *service = user;
    struct sp_error error = {0};
    ProtobufCMessage *message = NULL;
    struct sp_question question;
    struct sp_snapshot *snapshot = NULL;
    struct sp_revision revision = {0};
    const Sallyport__V1__Revision *wanted = NULL;
    Sallyport__V1__ExplainResponse *explanation = NULL;
    enum sp_status status = read_request(call, &sallyport__v1__explain_request__descriptor, &message, &error);
    if (status == SP_OK) {
        const Sallyport__V1__CheckRequest *request = ((const Sallyport__V1__ExplainRequest *)message)->check;
        status = request == NULL ? sp_error_set(&error, SP_ERR_INVALID, "check: is required")
                                 : read_check(&request->base, &question, &wanted, &error);
    }
    if (status == SP_OK)
        status = acquire(service, call, wanted, &snapshot, &revision, &error);
    if (status == SP_OK) {
        status = explain_one(service, call, sp_snapshot_view(snapshot), &question.query, &explanation, &error);
        sp_snapshot_release(snapshot);
    }
    if (status == SP_OK)
        reply(service, call, &explanation->base);
    else
        give_up(call, status, &error);
}

void sp_service_methods(struct sp_service *service, struct sp_rpc_method ret_methods[static SP_SERVER_METHODS]) {
    const struct sp_rpc_method methods[SP_SERVER_METHODS] = {
        {.path = "/sallyport.v1.Authorization/Check",
         .unary = check,
         .user = service,
         .hot = true,
         .permit = SP_CALLER_CHECK},
        {.path = "/sallyport.v1.Authorization/CheckBatch",
         .unary = check_batch,
         .user = service,
         .hot = true,
         .permit = SP_CALLER_CHECK},
        {.path = "/sallyport.v1.Authorization/CheckStream",
         .kind = SP_RPC_STREAM,
         .stream = &sp_check_stream,
         .user = service,
         .permit = SP_CALLER_CHECK},
        {.path = "/sallyport.v1.Authorization/Explain", .unary = explain, .user = service, .permit = SP_CALLER_EXPLAIN},
        {.path = "/sallyport.v1.Authorization/ListResources",
         .kind = SP_RPC_STREAM,
         .stream = &sp_list_resources_stream,
         .user = service,
         .permit = SP_CALLER_LIST},
        {.path = "/sallyport.v1.Authorization/ListSubjects",
         .kind = SP_RPC_STREAM,
         .stream = &sp_list_subjects_stream,
         .user = service,
         .permit = SP_CALLER_LIST},
        {.path = "/envoy.service.auth.v3.Authorization/Check",
         .unary = sp_ext_authz_check,
         .user = service,
         .hot = true},
    };
    for (size_t i = 0; i < SP_SERVER_METHODS; i++)
        ret_methods[i] = methods[i];
}
