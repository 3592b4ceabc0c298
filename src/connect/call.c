#include "connect/call.h"

#include <stdlib.h>

#include "base/clock.h"
#include "connect/failure.h"
#include "connect/message.h"

enum { ARENA_FIRST_BYTES = 8 * 1024 };

/* ---- life ---- */

static void free_connect_call(struct connect_call *call) {
    sp_arena_wipe(&call->arena);
    sp_arena_fini(&call->arena);
    free(call);
}

static void finish_connect_call(struct sp_http_exchange *exchange, void *state, bool may_reply) {
    struct connect_call *call = state;
    if (may_reply)
        sp_http_reply(exchange, call->http_status, call->content_type, call->body);
    free_connect_call(call);
}

struct connect_call *sp_connect_call_create(const struct connect_method *method, struct sp_http_exchange *exchange,
                                            enum sp_connect_codec codec) {
    struct connect_call *call = calloc(1, sizeof(*call));
    if (call == NULL)
        return NULL;
    if (sp_arena_init(&call->arena, ARENA_FIRST_BYTES, method->service->arena_budget_bytes) != SP_OK) {
        free(call);
        return NULL;
    }
    call->method = method;
    call->exchange = exchange;
    call->head.codec = codec;
    call->deadline_ms = INT64_MAX;
    call->base.method = &method->rpc;
    call->base.arena = &call->arena;
    call->base.started_ms = sp_clock_monotonic_ms();
    if (sp_http_defer(exchange, finish_connect_call, call))
        return call;
    free_connect_call(call);
    return NULL;
}

/* ---- what handlers ask ---- */

size_t sp_connect_call_metadata_all(const struct sp_rpc_call *base, const char *key, struct sp_str *ret_values,
                                    size_t room) {
    return sp_http_header_all(((const struct connect_call *)base)->exchange, key, ret_values, room);
}

struct sp_str sp_connect_call_peer(struct sp_rpc_call *base) {
    return sp_http_peer(sp_connect_call_of(base)->exchange);
}

void sp_connect_call_identity(const struct sp_rpc_call *base, struct sp_identity *ret_identity) {
    sp_http_identity(((const struct connect_call *)base)->exchange, ret_identity);
}

int64_t sp_connect_call_remaining_ms(const struct sp_rpc_call *base) {
    const struct connect_call *call = (const struct connect_call *)base;
    if (call->deadline_ms == INT64_MAX)
        return INT64_MAX;
    int64_t left_ms = call->deadline_ms - sp_clock_monotonic_ms();
    return left_ms > 0 ? left_ms : 0;
}

/* ---- ending ---- */

void sp_connect_call_fail(struct connect_call *call, enum sp_status status, const char *message) {
    static const char last_word[] = "{\"code\":\"resource_exhausted\",\"message\":\"out of memory\"}";
    json_t *json = sp_connect_failure_json(status, message);
    call->http_status = sp_connect_http_status(status);
    call->content_type = sp_connect_media_type(SP_CONNECT_JSON, false);
    if (sp_connect_write_json(json, sp_http_arena(call->exchange), &call->body) != SP_OK) {
        call->http_status = sp_connect_http_status(SP_ERR_EXHAUSTED);
        call->body = sp_bytes_of_str(SP_STR_LITERAL(last_word));
    }
    json_decref(json);
    if (status == SP_ERR_UNAUTHENTICATED)
        sp_http_add_header(call->exchange, "WWW-Authenticate", SP_STR_LITERAL("Bearer"));
    sp_connect_call_end(call);
}

void sp_connect_call_end(struct connect_call *call) {
    sp_http_resume(call->exchange);
}
