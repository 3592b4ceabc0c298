#include "connect/call.h"

#include "base/clock.h"

enum { ARENA_FIRST_BYTES = 8 * 1024 };

bool sp_connect_call_init(struct connect_call *call, const struct connect_method *method,
                          struct sp_http_exchange *exchange, enum sp_connect_codec codec) {
    if (sp_arena_init(&call->arena, ARENA_FIRST_BYTES, method->service->arena_budget_bytes) != SP_OK)
        return false;
    call->method = method;
    call->exchange = exchange;
    call->head.codec = codec;
    call->deadline_ms = INT64_MAX;
    call->base.method = &method->rpc;
    call->base.worker = method->service->slot;
    call->base.arena = &call->arena;
    call->base.started_ms = sp_clock_monotonic_ms();
    return true;
}

void sp_connect_call_fini(struct connect_call *call) {
    json_decref(call->details);
    json_decref(call->trailers);
    if (call->arena.first == NULL)
        return;
    sp_arena_wipe(&call->arena);
    sp_arena_fini(&call->arena);
}

int64_t sp_connect_call_remaining_ms(const struct sp_rpc_call *base) {
    const struct connect_call *call = (const struct connect_call *)base;
    if (call->deadline_ms == INT64_MAX)
        return INT64_MAX;
    int64_t left_ms = call->deadline_ms - sp_clock_monotonic_ms();
    return left_ms > 0 ? left_ms : 0;
}
