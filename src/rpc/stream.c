#include <stdlib.h>
#include <string.h>

#include <grpc/byte_buffer.h>
#include <grpc/slice.h>
#include <grpc/slice_buffer.h>

#include "rpc/internal.h"

/* A stream is over when gRPC says so (`over`), which follows its final status or its cancellation. It is recycled once nothing
 * of it is under way any more: a read, a message, the status, a wake. */

static void link_stream(struct worker *worker, struct sp_rpc_call *call) {
    call->previous_stream = NULL;
    call->next_stream = worker->streams;
    if (worker->streams != NULL)
        worker->streams->previous_stream = call;
    worker->streams = call;
}

static void unlink_stream(struct worker *worker, struct sp_rpc_call *call) {
    if (call->next_stream != NULL)
        call->next_stream->previous_stream = call->previous_stream;
    if (call->previous_stream != NULL)
        call->previous_stream->next_stream = call->next_stream;
    else
        worker->streams = call->next_stream;
}

static const struct sp_rpc_stream_ops *ops_of(const struct sp_rpc_call *call) {
    return call->method->about.stream;
}

static void *user_of(const struct sp_rpc_call *call) {
    return call->method->about.user;
}

/* Events other than `closed` are for calls that neither side has ended. */
static bool is_live(const struct sp_rpc_call *call) {
    return !call->finishing && !call->over;
}

void stream_settle(struct sp_rpc_call *call) {
    if (!call->over || call->reading || call->sending || (call->status_sent && !call->finished))
        return;
    if (!call->closing) {
        call->closing = true;
        if (ops_of(call)->closed != NULL)
            ops_of(call)->closed(call, user_of(call));
        unlink_stream(call->worker, call);
    }
    /* Nobody wakes it from here on, but one wake may still be in the queue. */
    if (!atomic_load(&call->wake_pending))
        call_recycle(call);
}

void stream_arrived(struct sp_rpc_call *call) {
    if (call->worker->stopping) {
        call_reject(call, SP_ERR_UNAVAILABLE, "the server is stopping");
        return;
    }
    link_stream(call->worker, call);
    call_watch(call);
    if (ops_of(call)->opened != NULL)
        ops_of(call)->opened(call, user_of(call));
}

void sp_rpc_set_state(struct sp_rpc_call *call, void *state) {
    call->state = state;
}

void *sp_rpc_state(const struct sp_rpc_call *call) {
    return call->state;
}

/* ---- reading ---- */

void sp_rpc_read(struct sp_rpc_call *call) {
    if (!is_live(call))
        return;
    grpc_op op;
    memset(&op, 0, sizeof(op));
    op.op = GRPC_OP_RECV_MESSAGE;
    op.data.recv_message.recv_message = &call->incoming;
    call->reading = true;
    call_start_batch(call, &op, 1, &call->received);
}

static void deliver(struct sp_rpc_call *call, grpc_byte_buffer *buffer) {
    grpc_slice merged = grpc_empty_slice();
    if (ops_of(call)->received != NULL)
        ops_of(call)->received(call, user_of(call), call_read_buffer(buffer, &merged));
    grpc_slice_unref(merged);
}

void stream_received(struct tag *tag, bool ok) {
    struct sp_rpc_call *call = tag->owner;
    grpc_byte_buffer *buffer = call->incoming;
    call->incoming = NULL;
    call->reading = false;
    if (ok && is_live(call)) {
        if (buffer != NULL && call_is_compressed(buffer))
            stream_end(call, SP_ERR_UNIMPLEMENTED, "this server takes no compressed messages");
        else if (buffer != NULL)
            deliver(call, buffer);
        else if (!grpc_call_failed_before_recv_message(call->grpc) && ops_of(call)->half_closed != NULL)
            ops_of(call)->half_closed(call, user_of(call));
    }
    if (buffer != NULL)
        grpc_byte_buffer_destroy(buffer);
    stream_settle(call);
}

/* ---- sending ---- */

static size_t set_initial_op(struct sp_rpc_call *call, grpc_op *ops) {
    if (call->initial_sent)
        return 0;
    call->initial_sent = true;
    ops[0].op = GRPC_OP_SEND_INITIAL_METADATA;
    return 1;
}

/* Puts a copy of the message into the reply's buffer, and the ops that send it. */
static size_t set_send_ops(struct sp_rpc_call *call, struct sp_bytes message, grpc_op *ops) {
    grpc_slice slice = grpc_slice_malloc(message.size);
    if (message.size > 0)
        memcpy(GRPC_SLICE_START_PTR(slice), message.data, message.size);
    grpc_slice_buffer_reset_and_unref(&call->reply->data.raw.slice_buffer);
    grpc_slice_buffer_add(&call->reply->data.raw.slice_buffer, slice);
    size_t count = set_initial_op(call, ops);
    ops[count].op = GRPC_OP_SEND_MESSAGE;
    ops[count++].data.send_message.send_message = call->reply;
    return count;
}

void sp_rpc_send(struct sp_rpc_call *call, struct sp_bytes message) {
    if (!is_live(call))
        return;
    grpc_op ops[2];
    memset(ops, 0, sizeof(ops));
    size_t count = set_send_ops(call, message, ops);
    call->sending = true;
    call_start_batch(call, ops, count, &call->sent);
}

/* `sending` stays false: when the message has gone is never told, and gRPC keeps it before the status. */
void sp_rpc_send_and_read(struct sp_rpc_call *call, struct sp_bytes message) {
    if (!is_live(call))
        return;
    grpc_op ops[3];
    memset(ops, 0, sizeof(ops));
    size_t count = set_send_ops(call, message, ops);
    ops[count].op = GRPC_OP_RECV_MESSAGE;
    ops[count++].data.recv_message.recv_message = &call->incoming;
    call->reading = true;
    call_start_batch(call, ops, count, &call->received);
}

static void send_status(struct sp_rpc_call *call) {
    grpc_op ops[2];
    memset(ops, 0, sizeof(ops));
    size_t count = set_initial_op(call, ops);
    ops[count].op = GRPC_OP_SEND_STATUS_FROM_SERVER;
    ops[count].data.send_status_from_server.status = (grpc_status_code)sp_status_to_grpc(call->final_status);
    ops[count++].data.send_status_from_server.status_details = &call->final_message;
    call->status_sent = true;
    call_start_batch(call, ops, count, &call->done);
}

/* The server stops: the handler may say one thing more (that it is not serving any longer, say), then the stream ends. */
static void give_last_word(struct sp_rpc_call *call, void (*event)(struct sp_rpc_call *call, void *user)) {
    call->last_word = false;
    if (event != NULL)
        event(call, user_of(call));
    stream_end(call, SP_ERR_UNAVAILABLE, "the server is stopping");
}

void stream_sent(struct tag *tag, bool ok) {
    struct sp_rpc_call *call = tag->owner;
    call->sending = false;
    if (call->last_word && is_live(call))
        give_last_word(call, ok ? ops_of(call)->sent : NULL);
    else if (call->finishing && !call->over)
        send_status(call);
    else if (ok && is_live(call) && ops_of(call)->sent != NULL)
        ops_of(call)->sent(call, user_of(call));
    stream_settle(call);
}

void stream_end(struct sp_rpc_call *call, enum sp_status status, const char *message) {
    if (!is_live(call))
        return;
    call->finishing = true;
    call->final_status = status;
    call->final_message = call_message_slice(message);
    /* The status follows the message that is under way. */
    if (!call->sending)
        send_status(call);
}

void sp_rpc_finish(struct sp_rpc_call *call) {
    stream_end(call, SP_OK, "");
}

void stream_end_all(struct worker *worker) {
    if (worker->stopping)
        return;
    worker->stopping = true;
    for (struct sp_rpc_call *call = worker->streams; call != NULL; call = call->next_stream)
        if (call->sending)
            call->last_word = is_live(call);
        else if (is_live(call))
            give_last_word(call, atomic_load(&call->wake_pending) ? ops_of(call)->woken : NULL);
}

/* ---- waking ---- */

void sp_rpc_wake(struct sp_rpc_call *call) {
    if (!atomic_exchange(&call->wake_pending, true)) {
        /* A batch of nothing completes at once, on the call's queue; it is allowed on any thread. */
        call_start_batch(call, NULL, 0, &call->woken);
    }
}

void stream_woken(struct tag *tag, bool ok) {
    struct sp_rpc_call *call = tag->owner;
    (void)ok;
    atomic_store(&call->wake_pending, false);
    if (is_live(call) && ops_of(call)->woken != NULL)
        ops_of(call)->woken(call, user_of(call));
    stream_settle(call);
}
