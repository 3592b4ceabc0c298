#include "server/stream.h"

#include "decide/response.h"
#include "server/batch.h"
#include "server/min_revision.h"
#include "store/records/head.h"
#include "store/records/snapshot.h"
#include "wire/wire.h"

static enum sp_status answer_message(struct sp_service *service, const struct sp_asking *asking, struct sp_arena *arena,
                                     const Sallyport__V1__CheckBatchRequest *request,
                                     Sallyport__V1__CheckBatchResponse *response, struct sp_revision *ret_revision,
                                     struct sp_error *error) {
    struct sp_question *questions = NULL;
    struct sp_snapshot *snapshot = NULL;
    if (request == NULL)
        return sp_error_set(error, SP_ERR_INVALID, "batch: is required");
    enum sp_status status = sp_batch_read(service, request, arena, &questions, response, error);
    if (status != SP_OK)
        return status;
    status =
        sp_min_revision_acquire(service, asking->worker, request->min_revision, false, &snapshot, ret_revision, error);
    if (status != SP_OK)
        return status;
    status = sp_batch_answer(service, asking, sp_snapshot_view(snapshot), questions, arena, response, error);
    sp_snapshot_release(snapshot);
    return status;
}

/* The reply's bytes, in the call's arena. */
static enum sp_status make_stream_reply(struct sp_service *service, struct sp_rpc_call *call,
                                        const Sallyport__V1__CheckStreamRequest *request, struct sp_bytes *ret_bytes) {
    struct sp_error error = {0};
    struct sp_revision revision = {0};
    Sallyport__V1__CheckBatchResponse batch = SALLYPORT__V1__CHECK_BATCH_RESPONSE__INIT;
    Sallyport__V1__CheckStreamResponse response = SALLYPORT__V1__CHECK_STREAM_RESPONSE__INIT;
    struct sp_asking asking = sp_asking_rpc(call, SP_TRANSPORT_STREAM);
    response.correlation_id = request->correlation_id;
    enum sp_status status =
        answer_message(service, &asking, sp_rpc_call_arena(call), request->batch, &batch, &revision, &error);
    Sallyport__V1__Revision at = sp_response_revision(revision);
    if (status == SP_OK) {
        batch.revision = &at;
        response.batch = &batch;
        sp_record_end(&service->recorder, &asking);
    } else {
        sp_record_failure(&service->recorder, &asking, status);
        response.error_code = (uint32_t)sp_status_to_grpc(status);
        response.error = error.message;
    }
    return sp_wire_pack(&response.base, sp_rpc_call_arena(call), ret_bytes);
}

static void start_check_stream(struct sp_rpc_call *call, void *user) {
    (void)user;
    sp_rpc_read(call);
}

static void take_stream_message(struct sp_rpc_call *call, void *user, struct sp_bytes message) {
    struct sp_error error = {0};
    ProtobufCMessage *request;
    struct sp_bytes reply = {0};
    enum sp_status status = sp_wire_unpack(&sallyport__v1__check_stream_request__descriptor, message,
                                           sp_rpc_call_arena(call), &request, &error);
    if (status != SP_OK) {
        /* A message that cannot be read has no correlation id to answer it by. */
        sp_rpc_fail(call, status, error.message);
        return;
    }
    status = make_stream_reply(user, call, (const Sallyport__V1__CheckStreamRequest *)request, &reply);
    if (status != SP_OK) {
        sp_rpc_fail(call, status, "the answer needs more memory than a call may use: send fewer items");
        return;
    }
    sp_rpc_send_and_read(call, reply);
    sp_arena_wipe(sp_rpc_call_arena(call));
}

static void finish_check_stream(struct sp_rpc_call *call, void *user) {
    (void)user;
    sp_rpc_finish(call);
}

const struct sp_rpc_stream_ops sp_check_stream = {
    .opened = start_check_stream,
    .received = take_stream_message,
    .half_closed = finish_check_stream,
};
