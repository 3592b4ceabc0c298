#include "server/stream.h"

#include <stdlib.h>
#include <string.h>

#include "decide/response.h"
#include "server/batch.h"
#include "server/bulk.h"
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

/* The reply's bytes, in the arena. */
static enum sp_status make_stream_reply(struct sp_service *service, const struct sp_asking *asking,
                                        struct sp_arena *arena, const Sallyport__V1__CheckStreamRequest *request,
                                        struct sp_bytes *ret_bytes) {
    struct sp_error error = {0};
    struct sp_revision revision = {0};
    Sallyport__V1__CheckBatchResponse batch = SALLYPORT__V1__CHECK_BATCH_RESPONSE__INIT;
    Sallyport__V1__CheckStreamResponse response = SALLYPORT__V1__CHECK_STREAM_RESPONSE__INIT;
    response.correlation_id = request->correlation_id;
    uint64_t began_ns = sp_asking_elapsed_ns(asking);
    enum sp_status status = answer_message(service, asking, arena, request->batch, &batch, &revision, &error);
    sp_batch_note_cost(service, sp_asking_elapsed_ns(asking) - began_ns, batch.n_results);
    Sallyport__V1__Revision at = sp_response_revision(revision);
    if (status == SP_OK) {
        batch.revision = &at;
        response.batch = &batch;
        sp_record_end(&service->recorder, asking);
    } else {
        sp_record_failure(&service->recorder, asking, status);
        response.error_code = (uint32_t)sp_status_to_grpc(status);
        response.error = error.message;
    }
    return sp_wire_pack(&response.base, arena, ret_bytes);
}

/* ---- large messages ---- */

enum { ARENA_FIRST_BYTES = 64 * 1024, ARENA_BUDGET_BYTES = 16 * 1024 * 1024 };

/* For a stream that has sent a large message: a bulk thread answers these, one at a time, with
 * memory that outlives the call. */
struct check_stream {
    struct sp_bulk_stream bulk; /* first: it is its stream */
    struct sp_service *service;
    struct sp_arena arena; /* of the message and its reply */
    const Sallyport__V1__CheckStreamRequest *request;
    struct sp_asking asking;
    bool answered;
    enum sp_status status;
    struct sp_bytes reply;
};

static void answer_large_message(struct sp_bulk_stream *bulk, unsigned slot) {
    struct check_stream *stream = (struct check_stream *)bulk;
    stream->asking.worker = slot;
    stream->asking.work_until_ms = sp_batch_work_until_ms();
    stream->status =
        make_stream_reply(stream->service, &stream->asking, &stream->arena, stream->request, &stream->reply);
    stream->answered = true;
}

static void free_check_stream(struct sp_bulk_stream *bulk) {
    struct check_stream *stream = (struct check_stream *)bulk;
    sp_arena_wipe(&stream->arena);
    sp_arena_fini(&stream->arena);
    free(stream);
}

/* The stream's state, from its first large message on. */
static enum sp_status find_check_stream(struct sp_service *service, struct sp_rpc_call *call,
                                        struct check_stream **ret_stream) {
    struct check_stream *stream = sp_rpc_state(call);
    if (stream == NULL) {
        stream = calloc(1, sizeof(*stream));
        if (stream == NULL || sp_arena_init(&stream->arena, ARENA_FIRST_BYTES, ARENA_BUDGET_BYTES) != SP_OK) {
            free(stream);
            return SP_ERR_MEMORY;
        }
        stream->service = service;
        stream->bulk.work = answer_large_message;
        stream->bulk.drop = free_check_stream;
        sp_bulk_stream_init(&stream->bulk, service->bulk, call);
        sp_rpc_set_state(call, stream);
    }
    *ret_stream = stream;
    return SP_OK;
}

/* What the records need to know of the call, which may be gone when they are made. */
static struct sp_asking copy_asking(const struct sp_rpc_call *call, struct sp_arena *arena) {
    struct sp_asking asking = sp_asking_rpc(call, SP_TRANSPORT_STREAM);
    size_t count = 0;
    struct sp_str trace = sp_rpc_call_metadata(call, "traceparent", &count);
    char *copy = count == 1 ? sp_arena_strdup(arena, trace) : NULL;
    asking.trace = (struct sp_str){copy, copy == NULL ? 0 : trace.size};
    asking.rpc = NULL;
    return asking;
}

static enum sp_status hand_over_message(struct sp_service *service, struct sp_rpc_call *call, struct sp_bytes message,
                                        struct sp_error *error) {
    ProtobufCMessage *request = NULL;
    struct check_stream *stream = NULL;
    if (find_check_stream(service, call, &stream) != SP_OK)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    enum sp_status status =
        sp_wire_unpack(&sallyport__v1__check_stream_request__descriptor, message, &stream->arena, &request, error);
    if (status != SP_OK)
        return status;
    stream->request = (const Sallyport__V1__CheckStreamRequest *)request;
    stream->asking = copy_asking(call, &stream->arena);
    stream->asking.stream_over = &stream->bulk.over;
    stream->answered = false;
    return sp_bulk_stream_submit(&stream->bulk, error);
}

static void send_large_reply(struct sp_rpc_call *call, void *user) {
    struct check_stream *stream = sp_rpc_state(call);
    (void)user;
    if (stream == NULL || !sp_bulk_stream_is_idle(&stream->bulk) || !stream->answered)
        return;
    stream->answered = false;
    if (stream->status != SP_OK)
        sp_rpc_fail(call, stream->status, "the answer needs more memory than a call may use: send fewer items");
    else
        sp_rpc_send_and_read(call, stream->reply);
    sp_arena_wipe(&stream->arena);
}

static void close_check_stream(struct sp_rpc_call *call, void *user) {
    struct check_stream *stream = sp_rpc_state(call);
    (void)user;
    if (stream != NULL)
        sp_bulk_stream_close(&stream->bulk);
}

/* ---- the stream ---- */

static void start_check_stream(struct sp_rpc_call *call, void *user) {
    (void)user;
    sp_rpc_read(call);
}

static bool is_large_message(struct sp_service *service, const Sallyport__V1__CheckStreamRequest *request) {
    return request->batch != NULL && sp_batch_is_large(service, request->batch->n_items);
}

static void take_large_message(struct sp_service *service, struct sp_rpc_call *call, struct sp_bytes message) {
    struct sp_error error = {0};
    enum sp_status status = hand_over_message(service, call, message, &error);
    if (status != SP_OK)
        sp_rpc_fail(call, status, error.message);
    sp_arena_wipe(sp_rpc_call_arena(call));
}

enum { CORRELATION_ID_FIELD = 1 };

/* A message that cannot be read, but has an id to answer it by, is one mistake: the others are
 * answered. Takes the place of what the arena held. */
static void answer_unreadable_message(struct sp_rpc_call *call, void *user, uint64_t id, const struct sp_error *why) {
    struct sp_service *service = user;
    struct sp_asking asking = sp_asking_rpc(call, SP_TRANSPORT_STREAM);
    Sallyport__V1__CheckStreamResponse response = SALLYPORT__V1__CHECK_STREAM_RESPONSE__INIT;
    char text[sizeof(why->message)];
    struct sp_bytes reply = {0};
    sp_arena_wipe(sp_rpc_call_arena(call));
    memcpy(text, why->message, sizeof(text));
    response.correlation_id = id;
    response.error_code = (uint32_t)sp_status_to_grpc(why->status);
    response.error = text;
    sp_record_failure(&service->recorder, &asking, why->status);
    if (sp_wire_pack(&response.base, sp_rpc_call_arena(call), &reply) != SP_OK)
        sp_rpc_fail(call, why->status, why->message);
    else
        sp_rpc_send_and_read(call, reply);
    sp_arena_wipe(sp_rpc_call_arena(call));
}

static void refuse_unreadable_bytes(struct sp_rpc_call *call, void *user, struct sp_bytes message,
                                    const struct sp_error *why) {
    struct sp_service *service = user;
    struct sp_asking asking = sp_asking_rpc(call, SP_TRANSPORT_STREAM);
    uint64_t id = 0;
    if (sp_wire_peek_number(message, CORRELATION_ID_FIELD, &id)) {
        answer_unreadable_message(call, user, id, why);
        return;
    }
    sp_record_failure(&service->recorder, &asking, why->status);
    sp_rpc_fail(call, why->status, why->message);
    sp_arena_wipe(sp_rpc_call_arena(call));
}

static void take_stream_message(struct sp_rpc_call *call, void *user, struct sp_bytes message) {
    struct sp_service *service = user;
    struct sp_error error = {0};
    ProtobufCMessage *request;
    struct sp_bytes reply = {0};
    enum sp_status status = sp_wire_unpack(&sallyport__v1__check_stream_request__descriptor, message,
                                           sp_rpc_call_arena(call), &request, &error);
    if (status != SP_OK) {
        refuse_unreadable_bytes(call, user, message, &error);
        return;
    }
    if (is_large_message(service, (const Sallyport__V1__CheckStreamRequest *)request)) {
        take_large_message(service, call, message);
        return;
    }
    struct sp_asking asking = sp_asking_rpc(call, SP_TRANSPORT_STREAM);
    status = make_stream_reply(service, &asking, sp_rpc_call_arena(call),
                               (const Sallyport__V1__CheckStreamRequest *)request, &reply);
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
    .unreadable = answer_unreadable_message,
    .id_field = CORRELATION_ID_FIELD,
    .half_closed = finish_check_stream,
    .woken = send_large_reply,
    .closed = close_check_stream,
};
