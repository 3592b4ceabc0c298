#include "rpc/h2/budget.h"

size_t sp_rpc_h2_budget_used(const struct h2_server *server) {
    size_t bytes = 0;
    for (unsigned i = 0; i < server->options.loops; i++)
        bytes += atomic_load_explicit(&server->loops[i].held, memory_order_relaxed);
    return bytes;
}

/* The loops' shares are half of the budget, and the other half is for whoever needs it. */
static bool has_budget(const struct h2_loop *loop, size_t held, size_t bytes) {
    const struct h2_server *server = loop->server;
    size_t budget = server->options.server->limits.request_memory_bytes;
    size_t share = budget / 2 / server->options.loops;
    if (bytes <= share && held <= share - bytes)
        return true;
    size_t used = sp_rpc_h2_budget_used(server);
    return used <= budget && bytes <= budget - used;
}

bool sp_rpc_h2_budget_take(struct h2_call *call, size_t bytes) {
    struct h2_loop *loop = call->loop;
    size_t held = atomic_load_explicit(&loop->held, memory_order_relaxed);
    if (!has_budget(loop, held, bytes)) {
        sp_rpc_bound_count(loop->server->options.counts, SP_RPC_BOUND_MEMORY);
        return false;
    }
    atomic_store_explicit(&loop->held, held + bytes, memory_order_relaxed);
    call->held += bytes;
    return true;
}

void sp_rpc_h2_budget_release(struct h2_call *call) {
    struct h2_loop *loop = call->loop;
    size_t held = atomic_load_explicit(&loop->held, memory_order_relaxed);
    atomic_store_explicit(&loop->held, held - call->held, memory_order_relaxed);
    call->held = 0;
}
