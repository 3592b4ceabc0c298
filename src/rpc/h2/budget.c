#include "rpc/h2/budget.h"

#include "rpc/h2/phase.h"

enum { LEAST_ENDED_BYTES = 64 * 1024 }; /* a connection that holds no more is not ended to make room */

size_t sp_rpc_h2_budget_used(const struct h2_server *server) {
    size_t bytes = 0;
    for (unsigned i = 0; i < server->options.loops; i++)
        bytes += atomic_load_explicit(&server->loops[i].held, memory_order_relaxed);
    return bytes;
}

/* The loops' shares are half of the budget, and the other half is for whoever needs it. */
static bool has_budget(const struct h2_loop *loop, size_t bytes) {
    const struct h2_server *server = loop->server;
    size_t held = atomic_load_explicit(&loop->held, memory_order_relaxed);
    size_t budget = server->options.server->limits.request_memory_bytes;
    size_t share = budget / 2 / server->options.loops;
    if (bytes <= share && held <= share - bytes)
        return true;
    size_t used = sp_rpc_h2_budget_used(server);
    return used <= budget && bytes <= budget - used;
}

static void add_to_held(const struct h2_call *call, size_t bytes) {
    struct h2_loop *loop = call->loop;
    size_t held = atomic_load_explicit(&loop->held, memory_order_relaxed);
    atomic_store_explicit(&loop->held, held + bytes, memory_order_relaxed);
    call->connection->held += bytes;
}

static void take_from_held(const struct h2_call *call, size_t bytes) {
    struct h2_loop *loop = call->loop;
    size_t held = atomic_load_explicit(&loop->held, memory_order_relaxed);
    atomic_store_explicit(&loop->held, held - bytes, memory_order_relaxed);
    call->connection->held -= bytes;
}

static struct h2_connection *find_connection_that_holds_most(const struct h2_loop *loop) {
    struct h2_connection *most = NULL;
    for (struct h2_connection *connection = loop->connections; connection != NULL; connection = connection->next)
        if (connection->phase < H2_PHASE_ENDING && (most == NULL || connection->held > most->held))
            most = connection;
    return most;
}

/* What handlers keep is held until they answer. */
static bool end_connection_that_holds_most(const struct h2_call *for_call) {
    struct h2_loop *loop = for_call->loop;
    struct h2_connection *most = find_connection_that_holds_most(loop);
    if (most == NULL || most == for_call->connection || most->held < LEAST_ENDED_BYTES)
        return false;
    size_t before = most->held;
    for (struct h2_call *call = most->calls; call != NULL; call = call->next)
        if (!call->kept)
            sp_rpc_h2_budget_release(call);
    if (most->held == before)
        return false;
    sp_rpc_bound_count(loop->server->options.counts, SP_RPC_BOUND_BUDGET);
    sp_rpc_h2_phase_end(most, NGHTTP2_ENHANCE_YOUR_CALM);
    return true;
}

static bool make_room(const struct h2_call *call, size_t bytes) {
    struct h2_loop *loop = call->loop;
    while (!has_budget(loop, bytes)) {
        if (end_connection_that_holds_most(call))
            continue;
        sp_rpc_bound_count(loop->server->options.counts, SP_RPC_BOUND_MEMORY);
        return false;
    }
    return true;
}

bool sp_rpc_h2_budget_take(struct h2_call *call, size_t bytes) {
    if (!make_room(call, bytes))
        return false;
    add_to_held(call, bytes);
    call->held += bytes;
    return true;
}

void sp_rpc_h2_budget_keep(struct h2_call *call, size_t bytes) {
    if (call->held <= bytes)
        return;
    take_from_held(call, call->held - bytes);
    call->held = bytes;
}

bool sp_rpc_h2_budget_take_output(struct h2_call *call, size_t bytes) {
    if (!make_room(call, bytes))
        return false;
    add_to_held(call, bytes);
    call->held_output += bytes;
    return true;
}

void sp_rpc_h2_budget_give_output(struct h2_call *call, size_t bytes) {
    size_t given = bytes < call->held_output ? bytes : call->held_output;
    take_from_held(call, given);
    call->held_output -= given;
}

void sp_rpc_h2_budget_release(struct h2_call *call) {
    sp_rpc_h2_budget_keep(call, 0);
    sp_rpc_h2_budget_give_output(call, call->held_output);
}
