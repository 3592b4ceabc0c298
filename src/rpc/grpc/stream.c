#include "rpc/grpc/stream.h"

#include <string.h>

#include <grpc/byte_buffer.h>
#include <grpc/slice.h>

#include "base/clock.h"
#include "base/random.h"
#include "rpc/grpc/batch.h"
#include "rpc/grpc/message.h"
#include "rpc/grpc/peer.h"
#include "rpc/grpc/pool.h"
#include "rpc/refusals.h"

/* A stream is over when gRPC reports it (`over`), after its final status or its cancellation. It is
 * recycled once nothing of it is under way any more: a read, a message, the status, a wake. */

enum { TURNS_AT_ONCE = 4 };

static struct core_call *core_stream_of(struct sp_rpc_call *base) {
    return (struct core_call *)base; /* its first member */
}

static const struct sp_rpc_stream_ops *ops_of(const struct core_call *call) {
    return call->base.method->stream;
}

static void *user_of(const struct core_call *call) {
    return call->base.method->user;
}

/* Events other than `closed` are for calls that neither side has ended. */
static bool is_open(const struct core_call *call) {
    return !call->finishing && !call->over;
}

void sp_rpc_stream_settle(struct core_call *call) {
    if (!call->over || call->reading || call->sending || (call->status_sent && !call->finished))
        return;
    if (!call->closing) {
        call->closing = true;
        if (ops_of(call)->closed != NULL)
            ops_of(call)->closed(&call->base, user_of(call));
        sp_rpc_timers_unset(&call->worker->ages, &call->timer);
        sp_rpc_pool_remove_pending(call);
    }
    /* Nobody wakes it from here on, but one wake may still be in the queue. */
    if (!atomic_load(&call->wake_pending))
        sp_rpc_pool_recycle(call);
}

/* By up to a tenth earlier, so that streams that began together, when a server started, end
 * apart. */
static int64_t choose_age_ms(unsigned max_age_s) {
    uint8_t dice[2];
    int64_t age_ms = (int64_t)max_age_s * 1000;
    if (sp_random_fill(dice, sizeof(dice)) != SP_OK)
        return age_ms;
    return age_ms - age_ms / 10 * (dice[0] << 8 | dice[1]) / 65536;
}

static bool begin_to_age(struct core_call *call) {
    unsigned max_age_s = call->worker->server->options.max_stream_age_s;
    if (max_age_s == 0)
        return true;
    return sp_rpc_timers_set(&call->worker->ages, &call->timer, sp_clock_monotonic_ms() + choose_age_ms(max_age_s));
}

void sp_rpc_stream_serve(struct core_call *call) {
    if (call->worker->stopping) {
        sp_rpc_batch_reject(call, SP_ERR_UNAVAILABLE, sp_rpc_reconnect);
        return;
    }
    if (call->base.method->ages && !begin_to_age(call)) {
        sp_rpc_batch_reject(call, SP_ERR_MEMORY, "out of memory");
        return;
    }
    sp_rpc_pool_add_pending(call);
    sp_rpc_batch_watch(call);
    sp_rpc_peer_settle_stream(call);
    if (ops_of(call)->opened != NULL)
        ops_of(call)->opened(&call->base, user_of(call));
}

/* ---- ending ---- */

static size_t set_initial_op(struct core_call *call, grpc_op *ops) {
    if (call->initial_sent)
        return 0;
    call->initial_sent = true;
    sp_rpc_message_announce(ops, &call->announced);
    return 1;
}

static void send_status(struct core_call *call) {
    grpc_op ops[2];
    memset(ops, 0, sizeof(ops));
    size_t count = set_initial_op(call, ops);
    ops[count].op = GRPC_OP_SEND_STATUS_FROM_SERVER;
    ops[count].data.send_status_from_server.status = (grpc_status_code)sp_status_to_grpc(call->final_status);
    sp_rpc_message_announce_at_end(&ops[count], call->final_status, &call->announced);
    ops[count++].data.send_status_from_server.status_details = &call->final_message;
    call->status_sent = true;
    sp_rpc_batch_start(call, ops, count, &call->done);
}

/* Does nothing to a stream that is ending already. */
static void end_stream(struct core_call *call, enum sp_status status, const char *message) {
    if (!is_open(call))
        return;
    call->finishing = true;
    call->final_status = status;
    call->final_message = sp_rpc_message_for_status(message);
    /* The status follows the message that is under way. */
    if (!call->sending)
        send_status(call);
}

void sp_rpc_core_finish(struct sp_rpc_call *base) {
    end_stream(core_stream_of(base), SP_OK, "");
}

void sp_rpc_core_end(struct sp_rpc_call *base, enum sp_status status, const char *message) {
    end_stream(core_stream_of(base), status, message);
}

/* ---- reading ---- */

void sp_rpc_core_read(struct sp_rpc_call *base) {
    struct core_call *call = core_stream_of(base);
    if (!is_open(call))
        return;
    if (!sp_rpc_peer_admit(call)) {
        end_stream(call, SP_ERR_EXHAUSTED, sp_rpc_no_room);
        return;
    }
    grpc_op op;
    memset(&op, 0, sizeof(op));
    op.op = GRPC_OP_RECV_MESSAGE;
    op.data.recv_message.recv_message = &call->incoming;
    call->reading = true;
    sp_rpc_batch_start(call, &op, 1, &call->received);
}

static void deliver_message(struct core_call *call, grpc_byte_buffer *buffer) {
    if (grpc_byte_buffer_length(buffer) > call->base.method->max_request_bytes) {
        struct sp_error error;
        end_stream(call, SP_ERR_EXHAUSTED, sp_rpc_batch_size_refusal(call, &error));
        return;
    }
    grpc_slice merged = grpc_empty_slice();
    if (ops_of(call)->received != NULL)
        ops_of(call)->received(&call->base, user_of(call), sp_rpc_message_read(buffer, &merged));
    grpc_slice_unref(merged);
}

void sp_rpc_stream_received(struct core_call *call, bool ok) {
    grpc_byte_buffer *buffer = call->incoming;
    call->incoming = NULL;
    call->reading = false;
    if (buffer != NULL)
        sp_rpc_peer_settle_message(call, grpc_byte_buffer_length(buffer));
    if (ok && is_open(call)) {
        if (buffer != NULL && sp_rpc_message_is_compressed(buffer))
            end_stream(call, SP_ERR_UNIMPLEMENTED, sp_rpc_no_compression);
        else if (buffer != NULL)
            deliver_message(call, buffer);
        else if (!grpc_call_failed_before_recv_message(call->grpc) && ops_of(call)->half_closed != NULL)
            ops_of(call)->half_closed(&call->base, user_of(call));
    }
    if (buffer != NULL)
        grpc_byte_buffer_destroy(buffer);
    sp_rpc_stream_settle(call);
}

/* ---- sending ---- */

/* Puts a copy of the message into the reply's buffer, and the ops that send it. */
static size_t set_send_ops(struct core_call *call, struct sp_bytes message, grpc_op *ops) {
    sp_rpc_message_write(call->reply, message);
    sp_rpc_peer_grant(call);
    size_t count = set_initial_op(call, ops);
    ops[count].op = GRPC_OP_SEND_MESSAGE;
    ops[count++].data.send_message.send_message = call->reply;
    return count;
}

void sp_rpc_core_send(struct sp_rpc_call *base, struct sp_bytes message) {
    struct core_call *call = core_stream_of(base);
    if (!is_open(call))
        return;
    grpc_op ops[2];
    memset(ops, 0, sizeof(ops));
    size_t count = set_send_ops(call, message, ops);
    call->sending = true;
    sp_rpc_peer_owe(call, message.size);
    sp_rpc_batch_start(call, ops, count, &call->sent);
}

/* `sending` stays false: nothing reports when the message has gone, and gRPC keeps it before the
 * status. */
void sp_rpc_core_send_and_read(struct sp_rpc_call *base, struct sp_bytes message) {
    struct core_call *call = core_stream_of(base);
    if (!is_open(call))
        return;
    grpc_op ops[3];
    memset(ops, 0, sizeof(ops));
    size_t count = set_send_ops(call, message, ops);
    ops[count].op = GRPC_OP_RECV_MESSAGE;
    ops[count++].data.recv_message.recv_message = &call->incoming;
    call->reading = true;
    sp_rpc_batch_start(call, ops, count, &call->received);
}

/* The server stops: the handler may send one more message (for example that it no longer serves),
 * then the stream ends. */
static void deliver_last_event(struct core_call *call, void (*event)(struct sp_rpc_call *call, void *user)) {
    call->last_word = false;
    if (event != NULL)
        event(&call->base, user_of(call));
    end_stream(call, SP_ERR_UNAVAILABLE, sp_rpc_reconnect);
}

static void finish_sending(struct core_call *call, bool ok) {
    call->sending = false;
    sp_rpc_peer_pay(call);
    if (call->last_word && is_open(call))
        deliver_last_event(call, ok ? ops_of(call)->sent : NULL);
    else if (call->finishing && !call->over)
        send_status(call);
    else if (ok && is_open(call) && ops_of(call)->sent != NULL)
        ops_of(call)->sent(&call->base, user_of(call));
    sp_rpc_stream_settle(call);
}

void sp_rpc_stream_end_all(struct worker *worker) {
    if (worker->stopping)
        return;
    worker->stopping = true;
    for (struct core_call *call = worker->pending; call != NULL; call = call->next_pending) {
        if (!call->is_stream || !is_open(call))
            continue;
        call->last_word = call->sending;
        if (!call->sending)
            deliver_last_event(call, atomic_load(&call->wake_pending) ? ops_of(call)->woken : NULL);
    }
}

void sp_rpc_stream_end_aged(struct worker *worker, int64_t now_ms) {
    for (struct timer *due = sp_rpc_timers_first(&worker->ages); due != NULL && due->due_ms <= now_ms;
         due = sp_rpc_timers_first(&worker->ages)) {
        sp_rpc_timers_unset(&worker->ages, due);
        end_stream(due->owner, SP_ERR_UNAVAILABLE, "the stream has reached its maximum age: reconnect");
    }
}

/* ---- waking ---- */

void sp_rpc_core_wake(struct sp_rpc_call *base) {
    struct core_call *call = core_stream_of(base);
    if (!atomic_exchange(&call->wake_pending, true)) {
        /* A batch of nothing completes at once, on the call's queue; it is allowed on any
         * thread. */
        sp_rpc_batch_start(call, NULL, 0, &call->woken);
    }
}

static void deliver_wake(struct core_call *call) {
    atomic_store(&call->wake_pending, false);
    if (is_open(call) && ops_of(call)->woken != NULL)
        ops_of(call)->woken(&call->base, user_of(call));
    sp_rpc_stream_settle(call);
}

/* ---- turns ---- */

/* gRPC hands out what is in a worker's queue before it looks at sockets. A message that was sent is
 * there at once, so handlers that answer each with the next one would keep everybody else's
 * requests from being read until their clients' windows are full: for dozens of streams, tenths of
 * a second. */
static void await_turn(struct core_call *call) {
    struct worker *worker = call->worker;
    if (call->awaits_turn)
        return;
    call->awaits_turn = true;
    call->next_turn = NULL;
    if (worker->turns_last == NULL)
        worker->turns_first = call;
    else
        worker->turns_last->next_turn = call;
    worker->turns_last = call;
}

void sp_rpc_stream_sent(struct core_call *call, bool ok) {
    call->has_sent = true;
    call->has_sent_ok = ok;
    await_turn(call);
}

void sp_rpc_stream_woken(struct core_call *call) {
    call->was_woken = true;
    await_turn(call);
}

/* `sending` and `wake_pending` have kept the call until here; it is gone after the last of them. */
static void run_stream_turn(struct core_call *call) {
    bool has_sent = call->has_sent, was_woken = call->was_woken;
    call->has_sent = call->was_woken = call->awaits_turn = false;
    if (has_sent)
        finish_sending(call, call->has_sent_ok);
    if (was_woken)
        deliver_wake(call);
}

void sp_rpc_stream_run_turns(struct worker *worker) {
    for (int i = 0; i < TURNS_AT_ONCE && worker->turns_first != NULL; i++) {
        struct core_call *call = worker->turns_first;
        worker->turns_first = call->next_turn;
        if (worker->turns_first == NULL)
            worker->turns_last = NULL;
        run_stream_turn(call);
    }
}
