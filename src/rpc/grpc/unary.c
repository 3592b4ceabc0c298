#include "rpc/grpc/unary.h"

#include <time.h>

#include "base/clock.h"
#include "rpc/grpc/batch.h"
#include "rpc/grpc/message.h"
#include "rpc/grpc/pool.h"
#include "rpc/grpc/timers.h"

/* The last tick of CLOCK_MONOTONIC: some milliseconds old, and nearly free. */
static int64_t coarse_now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool has_expired(const struct sp_rpc_call *call) {
    return sp_rpc_call_remaining_ms(call) == 0;
}

static void run_handler(struct sp_rpc_call *call) {
    struct worker *worker = call->worker;
    worker->current = call;
    call->method->unary(call, call->method->user);
    if (worker->current == NULL)
        sp_rpc_pool_release_handling(call);
    worker->current = NULL;
}

void sp_rpc_unary_serve(struct sp_rpc_call *call) {
    if (has_expired(call)) {
        sp_rpc_batch_reject(call, SP_ERR_DEADLINE, "the deadline had passed before the call was handled");
    } else if (call->payload == NULL) {
        sp_rpc_batch_reject(call, SP_ERR_INVALID, "the call carries no message");
    } else if (sp_rpc_message_is_compressed(call->payload)) {
        sp_rpc_batch_reject(call, SP_ERR_UNIMPLEMENTED, "this server takes no compressed messages");
    } else {
        call->started_ms = coarse_now_ms();
        call->request = sp_rpc_message_read(call->payload, &call->merged);
        run_handler(call);
    }
}

void sp_rpc_unary_serve_again(struct sp_rpc_call *call) {
    call->retries++;
    if (has_expired(call))
        sp_rpc_batch_reject(call, SP_ERR_DEADLINE, "the deadline passed while the call waited");
    else
        run_handler(call);
}

void sp_rpc_unary_settle(struct sp_rpc_call *call) {
    if (call->timer_at != 0) {
        /* Cancelled while it waited: nobody is left to be answered. */
        sp_rpc_timers_remove(&call->worker->timers, call);
        sp_rpc_pool_recycle(call);
    } else if (call->finished && call->over == call->watched) {
        sp_rpc_pool_recycle(call);
    }
}

void sp_rpc_retry_after(struct sp_rpc_call *call, unsigned delay_ms) {
    if (!call->watched)
        sp_rpc_batch_watch(call);
    if (!sp_rpc_timers_add(&call->worker->timers, call, sp_clock_monotonic_ms() + (int64_t)delay_ms))
        sp_rpc_batch_reject(call, SP_ERR_MEMORY, "out of memory");
}

void sp_rpc_reply(struct sp_rpc_call *call, struct sp_bytes reply) {
    sp_rpc_message_write(call->reply, reply);
    sp_rpc_batch_answer(call, SP_OK, NULL, true);
}
