#include "rpc/h2/call.h"

#include "rpc/h2/arrival.h"
#include "rpc/h2/budget.h"
#include "rpc/h2/bytes.h"
#include "rpc/h2/incomplete.h"
#include "rpc/h2/life.h"
#include "rpc/h2/operations.h"
#include "rpc/h2/pool.h"
#include "rpc/h2/ready.h"
#include "rpc/h2/stream.h"
#include "rpc/h2/unary.h"
#include "rpc/h2/wire.h"
#include "rpc/refusals.h"

struct h2_call *sp_rpc_h2_call_begin(struct h2_connection *connection, int32_t stream_id) {
    struct h2_call *call = sp_rpc_h2_call_create(connection, stream_id);
    if (call != NULL)
        call->base.ops = &sp_rpc_h2_call_ops;
    return call;
}

/* ---- what its connection reports ---- */

void sp_rpc_h2_call_arrive(struct h2_call *call) {
    call->arrived = true;
    sp_rpc_h2_ready_call(call, H2_EVENT_ARRIVED);
}

static bool keeps_input(const struct h2_call *call) {
    if (call->http_status != NULL)
        return false;
    return sp_rpc_h2_call_is_stream(call) ? sp_rpc_h2_call_is_live(call) : sp_rpc_h2_unary_wants_input(call);
}

void sp_rpc_h2_call_input(struct h2_call *call, const uint8_t *bytes, size_t size) {
    if (!keeps_input(call)) {
        sp_rpc_h2_wire_consume(call, size);
        return;
    }
    if (!sp_rpc_h2_budget_take(call, sp_rpc_h2_bytes_growth(&call->input, size)) ||
        !sp_rpc_h2_bytes_append(&call->input, bytes, size)) {
        call->unreturned += size;
        sp_rpc_h2_call_end(call, SP_ERR_EXHAUSTED, sp_rpc_no_room);
        sp_rpc_h2_call_drop_input(call);
        return;
    }
    call->unreturned += size;
    sp_rpc_h2_ready_call(call, H2_EVENT_INPUT);
}

void sp_rpc_h2_call_half_close(struct h2_call *call) {
    call->half_closed = true;
    sp_rpc_h2_ready_call(call, H2_EVENT_INPUT);
}

void sp_rpc_h2_call_leave(struct h2_call *call) {
    call->gone = true;
    atomic_store_explicit(&call->base.over, true, memory_order_relaxed);
    call->parked = false;
    sp_rpc_h2_wire_stop(call);
    sp_rpc_h2_incomplete_remove(call);
    sp_rpc_h2_ready_call(call, 0);
}

/* ---- what its loop does ---- */

static void run_http_refusal(struct h2_call *call, unsigned events) {
    if (!call->half_closed && (events & H2_EVENT_STOPPING) == 0)
        return;
    sp_rpc_h2_incomplete_remove(call);
    sp_rpc_h2_wire_refuse(call);
}

void sp_rpc_h2_call_run(struct h2_call *call) {
    unsigned events = call->events;
    call->events = 0;
    if ((events & H2_EVENT_ARRIVED) != 0 && sp_rpc_h2_call_is_live(call))
        sp_rpc_h2_arrival_run(call);
    if (call->http_status != NULL)
        run_http_refusal(call, events);
    else if (sp_rpc_h2_call_is_stream(call) && call->opened)
        sp_rpc_h2_stream_run(call, events);
    else
        sp_rpc_h2_unary_run(call, events);
    if (!call->kept && !call->parked)
        sp_rpc_h2_pool_release_scratch(call); /* calls may wait for long, and are many */
    sp_rpc_h2_call_settle(call);
}

void sp_rpc_h2_call_expire(struct h2_call *call) {
    sp_rpc_bound_count(call->loop->server->options.counts, SP_RPC_BOUND_INCOMPLETE);
    if (!call->arrived) {
        /* Its header block is not complete, so nothing else can come on its connection. */
        call->connection->broken = true;
        sp_rpc_h2_incomplete_remove(call);
        sp_rpc_h2_ready_connection(call->connection);
        return;
    }
    if (call->http_status != NULL) {
        sp_rpc_h2_incomplete_remove(call);
        sp_rpc_h2_wire_refuse(call);
        return;
    }
    sp_rpc_h2_call_end(call, SP_ERR_DEADLINE, "the request was not complete in time");
    sp_rpc_h2_call_release(call);
}
