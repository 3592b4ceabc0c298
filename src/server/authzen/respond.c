#include "server/authzen/respond.h"

#include <string.h>
#include <strings.h>

#include "http/deferral.h"
#include "server/authzen/admit.h"
#include "server/batch.h"
#include "server/bulk.h"
#include "store/records/snapshot.h"
#include "wire/json_text.h"

enum { INLINE_BODY_BYTES = 16 * 1024 }; /* a larger one is not even parsed on the HTTP server's thread */

enum sp_status sp_authzen_write_json(struct sp_http_exchange *exchange, const json_t *json, struct sp_bytes *ret_text) {
    size_t size = json_dumpb(json, NULL, 0, JSON_COMPACT);
    char *text = size == 0 ? NULL : sp_arena_alloc(sp_http_arena(exchange), size);
    if (text == NULL || json_dumpb(json, text, size, JSON_COMPACT) != size)
        return SP_ERR_MEMORY;
    *ret_text = (struct sp_bytes){(const uint8_t *)text, size};
    return SP_OK;
}

static unsigned http_status_of(enum sp_status status) {
    if (status == SP_ERR_INVALID)
        return 400;
    if (status == SP_ERR_UNAUTHENTICATED)
        return 401;
    if (status == SP_ERR_PERMISSION)
        return 403;
    if (status == SP_ERR_UNIMPLEMENTED)
        return 415;
    if (status == SP_ERR_UNAVAILABLE || status == SP_ERR_MEMORY || status == SP_ERR_EXHAUSTED)
        return 503;
    return 500;
}

/* ---- reading ---- */

/* "application/json", in any case, with or without parameters. */
static bool is_json(struct sp_str type) {
    size_t size = sizeof(SP_AUTHZEN_MEDIA_TYPE) - 1;
    return type.size >= size && strncasecmp(type.data, SP_AUTHZEN_MEDIA_TYPE, size) == 0 &&
           (type.size == size || type.data[size] == ';' || type.data[size] == ' ');
}

/* A small body may become a very large one when it is decompressed. */
static enum sp_status refuse_encoding(struct sp_http_exchange *exchange, struct sp_error *error) {
    size_t count = 0;
    struct sp_str encoding = sp_http_header(exchange, "content-encoding", &count);
    if (count == 0 || (count == 1 && sp_str_equal_ignoring_case(encoding, SP_STR_LITERAL("identity"))))
        return SP_OK;
    sp_http_add_header(exchange, "Accept-Encoding", SP_STR_LITERAL("identity"));
    return sp_error_set(
        error, SP_ERR_UNIMPLEMENTED,
        "Content-Encoding: compressed bodies are not supported: send plain JSON, without Content-Encoding");
}

static enum sp_status read_body(struct sp_http_exchange *exchange, json_t **ret_body, struct sp_error *error) {
    size_t count = 0;
    struct sp_str type = sp_http_header(exchange, "content-type", &count);
    struct sp_bytes bytes = sp_http_body(exchange);
    struct sp_error why = {0};
    json_t *body = NULL;
    enum sp_status status = refuse_encoding(exchange, error);
    if (status != SP_OK)
        return status;
    if (count != 1 || !is_json(type))
        return sp_error_set(error, SP_ERR_INVALID, "Content-Type: must be application/json");
    if (bytes.size == 0)
        return sp_error_set(error, SP_ERR_INVALID, "the body is empty: send a JSON object");
    status = sp_json_parse_request_with_nul((struct sp_str){(const char *)bytes.data, bytes.size}, &body, &why);
    if (status != SP_OK)
        return sp_error_set(error, status, "the body is not a JSON object: %s", why.message);
    *ret_body = body;
    return SP_OK;
}

/* ---- answering ---- */

/* Calls the endpoint while the snapshot is held. */
static enum sp_status run_endpoint(struct sp_authzen_call *call, json_t **ret_reply, struct sp_error *error) {
    struct sp_snapshot *snapshot = NULL;
    enum sp_status status = sp_snapshots_acquire(&call->service->snapshots, call->asking.worker, &snapshot, error);
    if (status != SP_OK)
        return status;
    call->view = sp_snapshot_view(snapshot);
    status = call->endpoint(call, ret_reply, error);
    sp_snapshot_release(snapshot);
    return status;
}

static enum sp_status answer_as_text(struct sp_authzen_call *call, struct sp_bytes *ret_text, struct sp_error *error) {
    json_t *reply = NULL;
    enum sp_status status = call->body != NULL ? SP_OK : read_body(call->exchange, &call->body, error);
    if (status != SP_OK)
        return status;
    status = run_endpoint(call, &reply, error);
    if (status != SP_OK)
        return status;
    status = sp_authzen_write_json(call->exchange, reply, ret_text);
    json_decref(reply);
    if (status != SP_OK)
        return sp_error_set(error, status, "the reply needs more memory than a request may use");
    return SP_OK;
}

/* Lets go of the body, which may hold a key, and records how the call ended. */
static void end_authzen_call(struct sp_authzen_call *call, enum sp_status status) {
    json_decref(call->body);
    call->body = NULL;
    if (status != SP_OK)
        sp_record_failure(&call->service->recorder, &call->asking, status);
    sp_record_end(&call->service->recorder, &call->asking);
}

static void send_reply(struct sp_http_exchange *exchange, enum sp_status status, struct sp_bytes text,
                       const struct sp_error *error) {
    if (status == SP_OK)
        sp_http_reply(exchange, 200, SP_AUTHZEN_MEDIA_TYPE, text);
    else
        sp_http_fail(exchange, http_status_of(status), error->message);
}

/* ---- on a bulk thread ---- */

/* In the exchange's arena. */
struct deferred_call {
    struct sp_bulk_task task; /* first: a task is its call */
    struct sp_authzen_call call;
    enum sp_status status;
    struct sp_error error;
    struct sp_bytes text;
};

static void finish_deferred_call(struct sp_http_exchange *exchange, void *state, bool may_reply) {
    const struct deferred_call *deferred = state;
    if (may_reply)
        send_reply(exchange, deferred->status, deferred->text, &deferred->error);
}

static void run_deferred_call(struct sp_bulk_task *task, unsigned slot) {
    struct deferred_call *deferred = (struct deferred_call *)task;
    deferred->call.asking.worker = slot;
    deferred->call.asking.work_until_ms = sp_batch_work_until_ms();
    deferred->status = sp_http_is_wanted(deferred->call.exchange)
                           ? answer_as_text(&deferred->call, &deferred->text, &deferred->error)
                           : SP_ERR_CANCELLED;
    end_authzen_call(&deferred->call, deferred->status);
    sp_http_resume(deferred->call.exchange);
}

static enum sp_status defer_call(const struct sp_authzen_call *call, struct sp_error *error) {
    struct deferred_call *deferred = sp_arena_calloc(sp_http_arena(call->exchange), 1, sizeof(*deferred));
    if (deferred == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    deferred->task.run = run_deferred_call;
    deferred->call = *call;
    if (!sp_http_defer(call->exchange, finish_deferred_call, deferred))
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    /* Once it is queued, it is another thread's. */
    struct sp_error refusal = {0};
    enum sp_status status = sp_bulk_submit(call->service->bulk, &deferred->task, &refusal);
    if (status == SP_OK)
        return SP_OK;
    deferred->status = status;
    deferred->error = refusal;
    end_authzen_call(&deferred->call, status);
    sp_http_resume(call->exchange);
    return SP_OK;
}

/* ---- */

/* *ret_deferred: the reply comes later, and body and exchange are no longer the caller's. */
static enum sp_status answer_or_defer(struct sp_authzen_call *call, struct sp_bytes *ret_text, bool *ret_deferred,
                                      struct sp_error *error) {
    bool large = sp_http_body(call->exchange).size > INLINE_BODY_BYTES;
    enum sp_status status = sp_authzen_admit(call, call->role, error);
    if (status != SP_OK)
        return status;
    status = large ? SP_OK : read_body(call->exchange, &call->body, error);
    if (status != SP_OK)
        return status;
    if (!large && !call->takes_long(call))
        return answer_as_text(call, ret_text, error);
    status = defer_call(call, error);
    *ret_deferred = status == SP_OK;
    return status;
}

void sp_authzen_respond(const struct sp_authzen_call *given) {
    struct sp_authzen_call call = *given;
    struct sp_error error = {0};
    struct sp_bytes text = {NULL, 0};
    bool deferred = false;
    enum sp_status status = answer_or_defer(&call, &text, &deferred, &error);
    if (deferred)
        return;
    end_authzen_call(&call, status);
    send_reply(call.exchange, status, text, &error);
}
