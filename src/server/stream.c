/* CheckStream: a message is answered before the next is read, so that a slow client cannot make memory grow. */

#include "server/batch.h"
#include "wire/wire.h"

static enum sp_status answer_batch(struct sp_service *service, const struct sp_asking *asking, struct sp_arena *arena,
                                   const Sallyport__V1__CheckBatchRequest *request,
                                   Sallyport__V1__CheckBatchResponse *response, struct sp_revision *ret_revision,
                                   struct sp_error *error) {
    if (request == NULL)
        return sp_error_set(error, SP_ERR_INVALID, "batch: is required");
    struct sp_question *questions = NULL;
    struct sp_snapshot *snapshot = NULL;
    enum sp_status status = sp_batch_read(service, request, arena, &questions, response, error);
    if (status == SP_OK)
        status = sp_service_acquire(service, asking->worker, &snapshot, error);
    if (status != SP_OK)
        return status;
    struct sp_view *view = sp_snapshot_view(snapshot);
    status = sp_view_revision(view, ret_revision);
    if (status != SP_OK)
        sp_service_explain_failure(service, status, error);
    else
        status = sp_batch_check_revision(request->min_revision, *ret_revision, error);
    if (status == SP_OK)
        status = sp_batch_answer(service, asking, view, questions, arena, response, error);
    sp_snapshot_release(snapshot);
    return status;
}

/* The reply's bytes, in the call's arena. */
static enum sp_status answer(struct sp_service *service, struct sp_rpc_call *call,
                             const Sallyport__V1__CheckStreamRequest *request, struct sp_bytes *ret_bytes) {
    struct sp_error error = {0};
    struct sp_revision revision = {0};
    Sallyport__V1__CheckBatchResponse batch = SALLYPORT__V1__CHECK_BATCH_RESPONSE__INIT;
    Sallyport__V1__CheckStreamResponse response = SALLYPORT__V1__CHECK_STREAM_RESPONSE__INIT;
    struct sp_asking asking = sp_asking_rpc(call, SP_TRANSPORT_STREAM);
    response.correlation_id = request->correlation_id;
    enum sp_status status =
        answer_batch(service, &asking, sp_rpc_call_arena(call), request->batch, &batch, &revision, &error);
    Sallyport__V1__Revision at = sp_batch_revision(revision);
    if (status == SP_OK) {
        batch.revision = &at;
        response.batch = &batch;
        sp_record_end(service, &asking);
    } else {
        sp_record_failure(service, &asking, status);
        response.error_code = (uint32_t)sp_status_to_grpc(status);
        response.error = error.message;
    }
    return sp_wire_pack(&response.base, sp_rpc_call_arena(call), ret_bytes);
}

static void opened(struct sp_rpc_call *call, void *user) {
    (void)user;
    sp_rpc_read(call);
}

static void received(struct sp_rpc_call *call, void *user, struct sp_bytes message) {
    struct sp_error error = {0};
    ProtobufCMessage *request;
    struct sp_bytes reply = {0};
    enum sp_status status = sp_wire_unpack(&sallyport__v1__check_stream_request__descriptor, message,
                                           sp_rpc_call_arena(call), &request, &error);
    if (status == SP_OK) {
        status = answer(user, call, (const Sallyport__V1__CheckStreamRequest *)request, &reply);
        if (status != SP_OK)
            sp_error_set(&error, status, "the answer needs more memory than a call may use: ask for less");
    }
    if (status != SP_OK) {
        /* What cannot be read has no correlation id to be answered by. */
        sp_rpc_fail(call, status, error.message);
        return;
    }
    sp_rpc_send_and_read(call, reply);
    sp_arena_wipe(sp_rpc_call_arena(call));
}

static void half_closed(struct sp_rpc_call *call, void *user) {
    (void)user;
    sp_rpc_finish(call);
}

const struct sp_rpc_stream_ops sp_check_stream = {
    .opened = opened,
    .received = received,
    .half_closed = half_closed,
};
