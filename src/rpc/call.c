#include "rpc/call.h"

#include "rpc/engine.h"

unsigned sp_rpc_call_worker(const struct sp_rpc_call *call) {
    return call->worker;
}

const struct sp_rpc_method *sp_rpc_call_method(const struct sp_rpc_call *call) {
    return call->method;
}

struct sp_bytes sp_rpc_call_request(const struct sp_rpc_call *call) {
    return call->request;
}

struct sp_arena *sp_rpc_call_arena(struct sp_rpc_call *call) {
    return call->arena;
}

unsigned sp_rpc_call_retries(const struct sp_rpc_call *call) {
    return call->retries;
}

int64_t sp_rpc_call_started_ms(const struct sp_rpc_call *call) {
    return call->started_ms;
}

size_t sp_rpc_call_metadata_all(const struct sp_rpc_call *call, const char *key, struct sp_str *ret_values,
                                size_t room) {
    return call->ops->metadata_all(call, key, ret_values, room);
}

struct sp_str sp_rpc_call_metadata(const struct sp_rpc_call *call, const char *key, size_t *ret_count) {
    struct sp_str first = {NULL, 0};
    *ret_count = call->ops->metadata_all(call, key, &first, 1);
    return first;
}

struct sp_str sp_rpc_call_peer(struct sp_rpc_call *call) {
    return call->ops->peer(call);
}

void sp_rpc_call_identity(const struct sp_rpc_call *call, struct sp_identity *ret_identity) {
    call->ops->identity(call, ret_identity);
}

int64_t sp_rpc_call_remaining_ms(const struct sp_rpc_call *call) {
    return call->ops->remaining_ms(call);
}

bool sp_rpc_call_is_over(const struct sp_rpc_call *call) {
    return atomic_load_explicit(&call->over, memory_order_relaxed);
}

void sp_rpc_reply(struct sp_rpc_call *call, struct sp_bytes reply) {
    call->ops->reply(call, reply);
}

void sp_rpc_refuse_caller(struct sp_rpc_call *call) {
    call->refused = true;
}

void sp_rpc_fail(struct sp_rpc_call *call, enum sp_status status, const char *message) {
    call->ops->fail(call, status, message);
}

void sp_rpc_retry_after(struct sp_rpc_call *call, unsigned delay_ms) {
    call->ops->retry_after(call, delay_ms);
}

void sp_rpc_set_state(struct sp_rpc_call *call, void *state) {
    call->state = state;
}

void *sp_rpc_state(const struct sp_rpc_call *call) {
    return call->state;
}

void sp_rpc_read(struct sp_rpc_call *call) {
    call->ops->read(call);
}

void sp_rpc_send(struct sp_rpc_call *call, struct sp_bytes message) {
    call->ops->send(call, message);
}

void sp_rpc_send_and_read(struct sp_rpc_call *call, struct sp_bytes message) {
    call->ops->send_and_read(call, message);
}

void sp_rpc_finish(struct sp_rpc_call *call) {
    call->ops->finish(call);
}

void sp_rpc_wake(struct sp_rpc_call *call) {
    call->ops->wake(call);
}
