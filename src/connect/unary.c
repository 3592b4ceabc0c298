#include "connect/unary.h"

#include <stdlib.h>
#include <string.h>

#include "connect/failure.h"
#include "connect/gzip.h"
#include "connect/message.h"
#include "http/deferral.h"
#include "http/identity.h"
#include "rpc/refusals.h"

enum {
    MIN_COMPRESSED_BYTES = 512, /* a smaller reply is not worth it */
    SCRATCH_FIRST_BYTES = 4 * 1024,
    SCRATCH_BUDGET_BYTES = 16 * 1024 * 1024, /* for reading one message */
};

/* A call belongs to the worker's thread until a handler keeps it for another, and must not be
 * touched once it was ended. The exchange's arena has the request and the reply. */
struct unary_call {
    struct connect_call call; /* first: a unary call is its call */
    unsigned http_status;     /* of the reply, as the next */
    struct sp_bytes body;
};

static struct unary_call *unary_of(struct sp_rpc_call *base) {
    return (struct unary_call *)base;
}

/* ---- ending, on any thread ---- */

static void free_unary(struct unary_call *unary) {
    sp_connect_call_fini(&unary->call);
    free(unary);
}

static void finish_unary(struct sp_http_exchange *exchange, void *state, bool may_reply) {
    struct unary_call *unary = state;
    if (may_reply)
        sp_http_reply(exchange, unary->http_status, unary->call.content_type, unary->body);
    free_unary(unary);
}

static void end_with_error(struct unary_call *unary, enum sp_status status, const char *message) {
    static const char last_word[] = "{\"code\":\"resource_exhausted\",\"message\":\"out of memory\"}";
    struct sp_http_exchange *exchange = unary->call.exchange;
    json_t *json = sp_connect_failure_json(status, message, unary->call.details);
    unary->http_status = sp_connect_http_status(status);
    unary->call.content_type = sp_connect_media_type(SP_CONNECT_JSON, false);
    if (sp_connect_write_json(json, sp_http_arena(exchange), &unary->body) != SP_OK) {
        unary->http_status = sp_connect_http_status(SP_ERR_EXHAUSTED);
        unary->body = sp_bytes_of_str(SP_STR_LITERAL(last_word));
    }
    json_decref(json);
    if (status == SP_ERR_UNAUTHENTICATED)
        sp_http_add_header(exchange, "WWW-Authenticate", SP_STR_LITERAL("Bearer"));
    sp_http_resume(exchange);
}

static void compress_reply(struct unary_call *unary) {
    struct sp_bytes compressed;
    struct sp_http_exchange *exchange = unary->call.exchange;
    if (unary->call.head.accepts_gzip && unary->body.size >= MIN_COMPRESSED_BYTES &&
        sp_connect_gzip(unary->body, sp_http_arena(exchange), &compressed) &&
        sp_http_add_header(exchange, "Content-Encoding", SP_STR_LITERAL("gzip")))
        unary->body = compressed;
}

/* The bytes of a protobuf reply are the handler's, and gone when the exchange ends. */
static enum sp_status write_unary_reply(struct unary_call *unary, struct sp_bytes reply, struct sp_error *error) {
    const struct connect_call *call = &unary->call;
    struct sp_arena *arena = sp_http_arena(call->exchange);
    const struct sp_connect_form form = sp_connect_reply_form(call);
    enum sp_status status = sp_connect_write_message(&form, reply, arena, &unary->body, error);
    if (status != SP_OK || call->head.codec != SP_CONNECT_PROTO)
        return status;
    uint8_t *copy = sp_arena_alloc(arena, reply.size + 1);
    if (copy == NULL)
        return sp_error_set(error, SP_ERR_EXHAUSTED, "the reply needs more memory than one call may use");
    if (reply.size > 0)
        memcpy(copy, reply.data, reply.size);
    unary->body = (struct sp_bytes){copy, reply.size};
    return SP_OK;
}

static void reply_to_unary(struct sp_rpc_call *base, struct sp_bytes reply) {
    struct unary_call *unary = unary_of(base);
    struct sp_error error = {0};
    enum sp_status status = write_unary_reply(unary, reply, &error);
    if (status != SP_OK) {
        end_with_error(unary, status, error.message);
        return;
    }
    compress_reply(unary);
    unary->http_status = 200;
    unary->call.content_type = sp_connect_media_type(unary->call.head.codec, false);
    sp_http_resume(unary->call.exchange);
}

static void fail_unary(struct sp_rpc_call *base, enum sp_status status, const char *message) {
    end_with_error(unary_of(base), status == SP_OK ? SP_ERR_INTERNAL : status, message);
}

/* ---- what handlers ask ---- */

static size_t find_unary_headers(const struct sp_rpc_call *base, const char *key, struct sp_str *ret_values,
                                 size_t room) {
    return sp_http_header_all(((const struct connect_call *)base)->exchange, key, ret_values, room);
}

static struct sp_str find_unary_peer(struct sp_rpc_call *base) {
    return sp_http_peer(sp_connect_call_of(base)->exchange);
}

static void find_unary_identity(const struct sp_rpc_call *base, struct sp_identity *ret_identity) {
    sp_http_identity(((const struct connect_call *)base)->exchange, ret_identity);
}

/* ---- handling, on the worker's thread ---- */

static void retry_unary(struct connect_task *task) {
    struct connect_call *call = sp_connect_call_of_task(task);
    call->base.retries++;
    if (sp_connect_is_stopping(call->method->service))
        end_with_error(unary_of(&call->base), SP_ERR_UNAVAILABLE, sp_rpc_stopping);
    else if (!sp_http_is_wanted(call->exchange))
        end_with_error(unary_of(&call->base), SP_ERR_CANCELLED, "the client has closed the connection");
    else if (sp_connect_call_remaining_ms(&call->base) == 0)
        end_with_error(unary_of(&call->base), SP_ERR_DEADLINE, "the deadline passed while the call waited");
    else
        call->method->rpc.unary(&call->base, call->method->rpc.user);
}

static void retry_unary_after(struct sp_rpc_call *base, unsigned delay_ms) {
    struct connect_call *call = sp_connect_call_of(base);
    call->task.run = retry_unary;
    if (!sp_connect_worker_post_after(call->method->service->worker, &call->task, delay_ms))
        end_with_error(unary_of(&call->base), SP_ERR_MEMORY, "out of memory");
}

static const struct call_ops unary_ops = {
    .metadata_all = find_unary_headers,
    .peer = find_unary_peer,
    .identity = find_unary_identity,
    .remaining_ms = sp_connect_call_remaining_ms,
    .reply = reply_to_unary,
    .fail = fail_unary,
    .retry_after = retry_unary_after,
};

static enum sp_status keep_message(struct connect_call *call, struct sp_bytes message, struct sp_error *error) {
    uint8_t *copy = sp_arena_alloc(sp_http_arena(call->exchange), message.size + 1);
    if (copy == NULL)
        return sp_error_set(error, SP_ERR_EXHAUSTED, "the message exceeds the memory limit of one call");
    if (message.size > 0)
        memcpy(copy, message.data, message.size);
    call->base.request = (struct sp_bytes){copy, message.size};
    return SP_OK;
}

/* A call that is queued keeps its message, and neither its text nor what was decompressed. */
static enum sp_status read_unary_message(struct connect_call *call, struct sp_error *error) {
    struct sp_arena scratch;
    struct sp_bytes message;
    if (sp_arena_init(&scratch, SCRATCH_FIRST_BYTES, SCRATCH_BUDGET_BYTES) != SP_OK)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    const struct sp_connect_form form = sp_connect_request_form(call);
    enum sp_status status = sp_connect_read_message(&form, call->head.is_gzip, sp_http_body(call->exchange),
                                                    call->method->rpc.max_request_bytes, &scratch, &message, error);
    if (status == SP_OK)
        status = keep_message(call, message, error);
    sp_arena_wipe(&scratch);
    sp_arena_fini(&scratch);
    return status;
}

static enum sp_status read_unary(struct connect_call *call, struct sp_error *error) {
    struct sp_http_exchange *exchange = call->exchange;
    enum sp_status status = sp_connect_read_head(exchange, false, &call->head, error);
    if (status != SP_OK)
        return status;
    if (call->head.timeout_ms != INT64_MAX)
        call->deadline_ms = call->base.started_ms + call->head.timeout_ms;
    status = sp_connect_admit(call->method->service, &call->base, error);
    if (status != SP_OK)
        return status;
    if (call->head.is_gzip || sp_http_body(exchange).size > SP_CONNECT_UNPROVEN_BYTES)
        status = sp_connect_authenticate(call->method->service, &call->base, error);
    if (status != SP_OK)
        return status;
    status = read_unary_message(call, error);
    if (status != SP_OK)
        return status;
    if (sp_connect_call_remaining_ms(&call->base) == 0)
        return sp_error_set(error, SP_ERR_DEADLINE, "%s", sp_rpc_too_late);
    return SP_OK;
}

static void handle_unary(struct connect_task *task) {
    struct connect_call *call = sp_connect_call_of_task(task);
    struct sp_error error = {0};
    enum sp_status status = SP_OK;
    if (sp_connect_is_stopping(call->method->service))
        status = sp_error_set(&error, SP_ERR_UNAVAILABLE, "%s", sp_rpc_stopping);
    if (status == SP_OK)
        status = read_unary(call, &error);
    if (status != SP_OK) {
        end_with_error(unary_of(&call->base), status, error.message);
        return;
    }
    call->method->rpc.unary(&call->base, call->method->rpc.user);
}

/* Whether reading the request may take long: it is compressed, or large. */
static bool is_slow_to_read(const struct sp_http_exchange *exchange) {
    size_t encodings = 0;
    (void)sp_http_header(exchange, "Content-Encoding", &encodings);
    return encodings > 0 || sp_http_body(exchange).size > SP_CONNECT_UNPROVEN_BYTES;
}

bool sp_connect_unary_begin(const struct connect_method *method, struct sp_http_exchange *exchange,
                            enum sp_connect_codec codec) {
    struct unary_call *unary = calloc(1, sizeof(*unary));
    if (unary == NULL)
        return false;
    if (!sp_connect_call_init(&unary->call, method, exchange, codec) || !sp_http_defer(exchange, finish_unary, unary)) {
        free_unary(unary);
        return false;
    }
    unary->call.base.ops = &unary_ops;
    unary->call.task.run = handle_unary;
    (is_slow_to_read(exchange) ? sp_connect_worker_post_slow : sp_connect_worker_post)(method->service->worker,
                                                                                       &unary->call.task);
    return true;
}
