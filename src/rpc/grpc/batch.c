#include "rpc/grpc/batch.h"

#include <stdlib.h>
#include <string.h>

#include <grpc/byte_buffer.h>
#include <grpc/slice.h>

#include "rpc/grpc/message.h"
#include "rpc/grpc/peer.h"
#include "rpc/grpc/pool.h"

_Thread_local struct worker *sp_rpc_current_worker;

static void start_batch(grpc_call *grpc, const grpc_op *ops, size_t count, struct tag *tag) {
    /* Refused only for two operations of a kind at once: answering twice, reading while a read is
     * under way. */
    if (grpc_call_start_batch(grpc, ops, count, tag, NULL) != GRPC_CALL_OK)
        abort();
}

void sp_rpc_batch_start(struct core_call *call, const grpc_op *ops, size_t count, struct tag *tag) {
    start_batch(call->grpc, ops, count, tag);
}

static void set_watch_op(struct core_call *call, grpc_op *op) {
    op->op = GRPC_OP_RECV_CLOSE_ON_SERVER;
    op->data.recv_close_on_server.cancelled = &call->cancelled;
}

void sp_rpc_batch_watch(struct core_call *call) {
    grpc_op op = {0};
    set_watch_op(call, &op);
    call->watched = true;
    start_batch(call->grpc, &op, 1, &call->closed);
}

static void send_answer(struct core_call *call, enum sp_status status, grpc_slice *message, bool with_reply) {
    grpc_op ops[4];
    size_t count = 0;
    memset(ops, 0, sizeof(ops));
    sp_rpc_message_announce(&ops[count++], &call->announced);
    if (with_reply) {
        ops[count].op = GRPC_OP_SEND_MESSAGE;
        ops[count++].data.send_message.send_message = call->reply;
    }
    ops[count].op = GRPC_OP_SEND_STATUS_FROM_SERVER;
    ops[count].data.send_status_from_server.status = (grpc_status_code)sp_status_to_grpc(status);
    sp_rpc_message_announce_at_end(&ops[count], status, &call->announced);
    ops[count++].data.send_status_from_server.status_details = message;
    if (!call->watched)
        set_watch_op(call, &ops[count++]);
    call->granted = with_reply && !call->base.refused;
    if (with_reply)
        sp_rpc_peer_owe(call, grpc_byte_buffer_length(call->reply));
    grpc_call *grpc = call->grpc;
    atomic_store_explicit(&call->answered, true, memory_order_release);
    start_batch(grpc, ops, count, &call->done);
}

/* Whether the call is still to be answered, which it is but for calls that a stopping server gave
 * up. */
static bool claim_answer(struct core_call *call) {
    unsigned keeping = atomic_exchange(&call->keeping, KEPT_ANSWERED);
    if (keeping == KEPT_ALONE)
        sp_rpc_pool_free_alone(call);
    return keeping == KEPT_BY_NOBODY || keeping == KEPT;
}

void sp_rpc_batch_answer(struct core_call *call, enum sp_status status, grpc_slice *message, bool with_reply) {
    if (sp_rpc_current_worker == call->worker && call->worker->current == call)
        call->worker->current = NULL;
    else if (!claim_answer(call))
        return;
    send_answer(call, status, message, with_reply);
}

const char *sp_rpc_batch_size_refusal(struct core_call *call, struct sp_error *error) {
    sp_rpc_bound_count(call->worker->server->shared.counts, SP_RPC_BOUND_MESSAGE);
    (void)sp_error_set(error, SP_ERR_EXHAUSTED, "the request is larger than this method accepts (%u bytes)",
                       (unsigned)call->base.method->max_request_bytes);
    return error->message;
}

bool sp_rpc_batch_give_up(struct core_call *call, enum sp_status status, const char *message) {
    unsigned expected = KEPT;
    if (!atomic_compare_exchange_strong(&call->keeping, &expected, KEPT_TOO_LONG))
        return false;
    grpc_slice slice = sp_rpc_message_for_status(message);
    send_answer(call, status, &slice, false);
    grpc_slice_unref(slice);
    return true;
}

void sp_rpc_batch_reject(struct core_call *call, enum sp_status status, const char *message) {
    grpc_slice slice = sp_rpc_message_for_status(message);
    sp_rpc_batch_answer(call, status, &slice, false);
    grpc_slice_unref(slice);
}
