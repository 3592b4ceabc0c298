#include "connect/unary.h"

#include <string.h>

#include "connect/gzip.h"
#include "connect/message.h"

enum { MIN_COMPRESSED_BYTES = 512 }; /* a smaller reply is not worth it */

static const char stopping[] = "the server is stopping: try again, on another connection";

/* ---- replying, on any thread ---- */

static void compress_reply(struct connect_call *call) {
    struct sp_bytes compressed;
    if (!call->head.accepts_gzip || call->body.size < MIN_COMPRESSED_BYTES ||
        !sp_connect_gzip(call->body, sp_http_arena(call->exchange), &compressed))
        return;
    if (sp_http_add_header(call->exchange, "Content-Encoding", SP_STR_LITERAL("gzip")))
        call->body = compressed;
}

/* The bytes of a protobuf reply are the handler's, and gone when the exchange ends. */
static enum sp_status write_unary_reply(struct connect_call *call, struct sp_bytes reply, struct sp_error *error) {
    struct sp_arena *arena = sp_http_arena(call->exchange);
    enum sp_status status =
        sp_connect_write_message(call->method->reply, call->head.codec, reply, arena, &call->body, error);
    if (status != SP_OK || call->head.codec != SP_CONNECT_PROTO)
        return status;
    uint8_t *copy = sp_arena_alloc(arena, reply.size + 1);
    if (copy == NULL)
        return sp_error_set(error, SP_ERR_EXHAUSTED, "the reply needs more memory than one call may use");
    if (reply.size > 0)
        memcpy(copy, reply.data, reply.size);
    call->body = (struct sp_bytes){copy, reply.size};
    return SP_OK;
}

static void reply_to_unary(struct sp_rpc_call *base, struct sp_bytes reply) {
    struct connect_call *call = sp_connect_call_of(base);
    struct sp_error error = {0};
    enum sp_status status = write_unary_reply(call, reply, &error);
    if (status != SP_OK) {
        sp_connect_call_fail(call, status, error.message);
        return;
    }
    compress_reply(call);
    call->http_status = 200;
    call->content_type = sp_connect_media_type(call->head.codec, false);
    sp_connect_call_end(call);
}

static void fail_unary(struct sp_rpc_call *base, enum sp_status status, const char *message) {
    sp_connect_call_fail(sp_connect_call_of(base), status == SP_OK ? SP_ERR_INTERNAL : status, message);
}

/* ---- handling, on the worker's thread ---- */

static void retry_unary(struct connect_task *task) {
    struct connect_call *call = sp_connect_call_of_task(task);
    call->base.retries++;
    if (sp_connect_is_stopping(call->method->service))
        sp_connect_call_fail(call, SP_ERR_UNAVAILABLE, stopping);
    else if (!sp_http_is_wanted(call->exchange))
        sp_connect_call_fail(call, SP_ERR_CANCELLED, "the client has closed the connection");
    else if (sp_connect_call_remaining_ms(&call->base) == 0)
        sp_connect_call_fail(call, SP_ERR_DEADLINE, "the deadline passed while the call waited");
    else
        call->method->rpc.unary(&call->base, call->method->rpc.user);
}

static void retry_unary_after(struct sp_rpc_call *base, unsigned delay_ms) {
    struct connect_call *call = sp_connect_call_of(base);
    call->task.run = retry_unary;
    if (!sp_connect_worker_post_after(call->method->service->worker, &call->task, delay_ms))
        sp_connect_call_fail(call, SP_ERR_MEMORY, "out of memory");
}

static const struct call_ops unary_ops = {
    .metadata_all = sp_connect_call_metadata_all,
    .peer = sp_connect_call_peer,
    .identity = sp_connect_call_identity,
    .remaining_ms = sp_connect_call_remaining_ms,
    .reply = reply_to_unary,
    .fail = fail_unary,
    .retry_after = retry_unary_after,
};

static enum sp_status read_unary(struct connect_call *call, struct sp_error *error) {
    const struct sp_rpc_method *rpc = &call->method->rpc;
    struct sp_http_exchange *exchange = call->exchange;
    enum sp_status status = sp_connect_read_head(exchange, false, &call->head, error);
    if (status != SP_OK)
        return status;
    if (call->head.timeout_ms != INT64_MAX)
        call->deadline_ms = call->base.started_ms + call->head.timeout_ms;
    status = sp_connect_admit(call->method->service, &call->base, error);
    if (status != SP_OK)
        return status;
    status =
        sp_connect_read_message(call->method->request, call->head.codec, call->head.is_gzip, sp_http_body(exchange),
                                rpc->max_request_bytes, sp_http_arena(exchange), &call->base.request, error);
    if (status != SP_OK)
        return status;
    if (sp_connect_call_remaining_ms(&call->base) == 0)
        return sp_error_set(error, SP_ERR_DEADLINE, "the deadline had passed before the call was handled");
    return SP_OK;
}

static void handle_unary(struct connect_task *task) {
    struct connect_call *call = sp_connect_call_of_task(task);
    struct sp_error error = {0};
    enum sp_status status = SP_OK;
    if (sp_connect_is_stopping(call->method->service))
        status = sp_error_set(&error, SP_ERR_UNAVAILABLE, "%s", stopping);
    if (status == SP_OK)
        status = read_unary(call, &error);
    if (status != SP_OK) {
        sp_connect_call_fail(call, status, error.message);
        return;
    }
    call->method->rpc.unary(&call->base, call->method->rpc.user);
}

void sp_connect_unary_begin(struct connect_call *call) {
    call->base.ops = &unary_ops;
    call->base.worker = call->method->service->slot;
    call->task.run = handle_unary;
    sp_connect_worker_post(call->method->service->worker, &call->task);
}
