#include "rpc/grpc/unary.h"

#include <grpc/byte_buffer.h>
#include <grpc/support/time.h>

#include "base/clock.h"
#include "rpc/grpc/batch.h"
#include "rpc/grpc/message.h"
#include "rpc/grpc/peer.h"
#include "rpc/grpc/pool.h"
#include "rpc/refusals.h"

/* The largest requests of methods whose requests are read before their callers are admitted, which
 * is faster. */
enum { READ_AHEAD_BYTES = 16 * 1024 };

/* By the second the queue has been asked for what came with the call. */
enum { DEFERRALS = 2 };

int64_t sp_rpc_unary_remaining_ms(const struct core_call *call) {
    if (call->deadline.tv_sec == INT64_MAX)
        return INT64_MAX;
    gpr_timespec deadline = gpr_convert_clock_type(call->deadline, GPR_CLOCK_MONOTONIC);
    uint64_t now_ns = sp_clock_monotonic_ns();
    int64_t seconds = deadline.tv_sec - (int64_t)(now_ns / 1000000000U);
    int64_t nanoseconds = deadline.tv_nsec - (int64_t)(now_ns % 1000000000U);
    if (nanoseconds < 0) {
        seconds--;
        nanoseconds += 1000000000;
    }
    /* Rounded up, so that what is left of the last millisecond is not "passed". */
    return seconds < 0 ? 0 : seconds * 1000 + (nanoseconds + 999999) / 1000000;
}

static bool has_expired(const struct core_call *call) {
    return sp_rpc_unary_remaining_ms(call) == 0;
}

/* gRPC counts a deadline from when it reads the call, and while a handler runs it may read nothing.
 * What came meanwhile is looked at twice: its cancellation, if there is one, has come with it. */
static void note_slow_handler(struct worker *worker, int64_t began_ms) {
    enum { SLOW_MS = 10, CAREFUL_MS = 20 };
    int64_t now_ms = sp_clock_coarse_monotonic_ms();
    if (now_ms - began_ms > SLOW_MS)
        worker->careful_until_ms = now_ms + CAREFUL_MS;
}

/* The handler has not answered: it keeps the call, or asked to be called again. */
static void note_kept_call(struct core_call *call) {
    unsigned expected = KEPT_BY_NOBODY;
    sp_rpc_pool_add_pending(call);
    /* Another thread may have answered already. */
    if (call->timer.at == 0)
        (void)atomic_compare_exchange_strong(&call->keeping, &expected, KEPT);
}

static void run_handler(struct core_call *call) {
    struct worker *worker = call->worker;
    int64_t began_ms = sp_clock_coarse_monotonic_ms();
    worker->current = call;
    call->base.method->unary(&call->base, call->base.method->user);
    if (worker->current == NULL)
        sp_rpc_pool_release_handling(call);
    else
        note_kept_call(call);
    worker->current = NULL;
    note_slow_handler(worker, began_ms);
}

static void park_call(struct core_call *call, unsigned delay_ms) {
    if (!call->watched)
        sp_rpc_batch_watch(call);
    if (!sp_rpc_timers_set(&call->worker->timers, &call->timer, sp_clock_monotonic_ms() + (int64_t)delay_ms))
        sp_rpc_batch_reject(call, SP_ERR_MEMORY, "out of memory");
}

static void serve_request(struct core_call *call) {
    if (has_expired(call)) {
        sp_rpc_batch_reject(call, SP_ERR_DEADLINE, sp_rpc_too_late);
        return;
    }
    if (call->payload == NULL) {
        sp_rpc_batch_reject(call, SP_ERR_INVALID, "the call carries no message");
        return;
    }
    if (sp_rpc_message_is_compressed(call->payload)) {
        sp_rpc_batch_reject(call, SP_ERR_UNIMPLEMENTED, sp_rpc_no_compression);
        return;
    }
    if (grpc_byte_buffer_length(call->payload) > call->base.method->max_request_bytes) {
        struct sp_error error;
        sp_rpc_batch_reject(call, SP_ERR_EXHAUSTED, sp_rpc_batch_size_refusal(call, &error));
        return;
    }
    call->base.started_ms = sp_clock_coarse_monotonic_ms();
    call->base.request = sp_rpc_message_read(call->payload, &call->merged);
    if (call->base.started_ms >= call->worker->careful_until_ms) {
        run_handler(call);
        return;
    }
    call->deferrals = DEFERRALS;
    park_call(call, 1);
}

/* ---- requests that are read after the call has arrived ---- */

bool sp_rpc_unary_reads_ahead(const struct sp_rpc_method *method) {
    return method != NULL && method->kind == SP_RPC_UNARY && method->hot &&
           method->max_request_bytes <= READ_AHEAD_BYTES;
}

static void read_request(struct core_call *call) {
    unsigned timeout_ms = call->worker->server->options.limits.request_timeout_s * 1000;
    if (!sp_rpc_timers_set(&call->worker->timers, &call->timer, sp_clock_monotonic_ms() + timeout_ms)) {
        sp_rpc_batch_reject(call, SP_ERR_MEMORY, "out of memory");
        return;
    }
    grpc_op op = {.op = GRPC_OP_RECV_MESSAGE};
    op.data.recv_message.recv_message = &call->payload;
    call->reading = true;
    sp_rpc_pool_add_pending(call);
    sp_rpc_batch_watch(call);
    sp_rpc_batch_start(call, &op, 1, &call->received);
}

void sp_rpc_unary_received(struct core_call *call) {
    call->reading = false;
    sp_rpc_peer_settle_request(call);
    sp_rpc_timers_unset(&call->worker->timers, &call->timer);
    /* Refused because it took too long, or cancelled: nobody is left to be answered. */
    if (call->finishing)
        sp_rpc_unary_settle(call);
    else if (call->over)
        sp_rpc_pool_recycle(call);
    else if (call->worker->refusing)
        sp_rpc_batch_reject(call, SP_ERR_UNAVAILABLE, sp_rpc_stopping);
    else
        serve_request(call);
}

static void refuse_incomplete(struct core_call *call) {
    call->finishing = true;
    sp_rpc_bound_count(call->worker->server->shared.counts, SP_RPC_BOUND_INCOMPLETE);
    sp_rpc_batch_reject(call, SP_ERR_DEADLINE, "the request was not complete in time");
}

void sp_rpc_unary_serve(struct core_call *call) {
    if (sp_rpc_unary_reads_ahead(call->base.method))
        serve_request(call);
    else if (has_expired(call))
        sp_rpc_batch_reject(call, SP_ERR_DEADLINE, sp_rpc_too_late);
    else if (!sp_rpc_peer_admit(call))
        sp_rpc_batch_reject(call, SP_ERR_EXHAUSTED, sp_rpc_no_room);
    else
        read_request(call);
}

/* ---- stopping ---- */

static void give_up_call(struct core_call *call) {
    if (call->timer.at != 0) {
        sp_rpc_timers_unset(&call->worker->timers, &call->timer);
        sp_rpc_batch_reject(call, SP_ERR_UNAVAILABLE, sp_rpc_stopping);
    } else {
        (void)sp_rpc_batch_give_up(call, SP_ERR_UNAVAILABLE, sp_rpc_perhaps_done);
    }
}

void sp_rpc_unary_give_up_all(struct worker *worker) {
    for (struct core_call *call = worker->pending; call != NULL; call = call->next_pending)
        if (!call->is_stream && !call->reading)
            give_up_call(call);
}

/* ---- waiting ---- */

void sp_rpc_unary_come_due(struct core_call *call) {
    if (call->reading) {
        refuse_incomplete(call);
        return;
    }
    if (call->deferrals > 1) {
        call->deferrals--;
        park_call(call, 1);
        return;
    }
    call->base.retries += 1 - call->deferrals;
    call->deferrals = 0;
    if (has_expired(call))
        sp_rpc_batch_reject(call, SP_ERR_DEADLINE, "the deadline passed while the call waited");
    else
        run_handler(call);
}

void sp_rpc_unary_settle(struct core_call *call) {
    if (call->reading)
        return; /* its last event is still to come */
    if (call->timer.at != 0) {
        /* Cancelled while it waited: nobody is left to be answered. */
        sp_rpc_timers_unset(&call->worker->timers, &call->timer);
        sp_rpc_pool_recycle(call);
    } else if (call->finished && call->over == call->watched) {
        sp_rpc_pool_recycle(call);
    }
}

/* ---- what handlers ask for ---- */

void sp_rpc_unary_park(struct sp_rpc_call *base, unsigned delay_ms) {
    park_call((struct core_call *)base, delay_ms);
}

void sp_rpc_unary_reply(struct sp_rpc_call *base, struct sp_bytes reply) {
    struct core_call *call = (struct core_call *)base;
    sp_rpc_message_write(call->reply, reply);
    sp_rpc_batch_answer(call, SP_OK, NULL, true);
}

void sp_rpc_unary_fail(struct sp_rpc_call *base, enum sp_status status, const char *message) {
    sp_rpc_batch_reject((struct core_call *)base, status == SP_OK ? SP_ERR_INTERNAL : status, message);
}
