#include "rpc/h2/unary.h"

#include "base/clock.h"
#include "rpc/h2/bytes.h"
#include "rpc/h2/input.h"
#include "rpc/h2/life.h"
#include "rpc/h2/pool.h"
#include "rpc/h2/ready.h"
#include "rpc/h2/unanswered.h"
#include "rpc/h2/wire.h"
#include "rpc/refusals.h"

static bool has_passed(const struct h2_call *call) {
    return call->deadline_ms != INT64_MAX && call->deadline_ms <= sp_clock_monotonic_ms();
}

static void wait_for_deadline(struct h2_call *call) {
    if (call->deadline_ms != INT64_MAX && !sp_rpc_timers_set(&call->loop->call_timers, &call->timer, call->deadline_ms))
        call->deadline_ms = INT64_MAX; /* out of memory: it is answered late rather than never */
}

static void run_unary_handler(struct h2_call *call) {
    if (has_passed(call)) {
        sp_rpc_h2_call_end(call, SP_ERR_DEADLINE, sp_rpc_too_late);
        sp_rpc_h2_call_release(call);
        return;
    }
    if (call->scratch == NULL && !sp_rpc_h2_pool_add_scratch(call)) {
        sp_rpc_h2_call_end(call, SP_ERR_MEMORY, "out of memory");
        sp_rpc_h2_call_release(call);
        return;
    }
    call->kept = call->running = true;
    atomic_store_explicit(&call->keeping, H2_KEPT, memory_order_relaxed);
    call->base.method->unary(&call->base, call->base.method->user);
    call->running = false;
    if (call->kept) {
        sp_rpc_h2_unanswered_add(call);
        wait_for_deadline(call);
    } else if (!call->parked) {
        sp_rpc_h2_call_release(call);
    }
}

static void run_unary_input(struct h2_call *call) {
    struct sp_bytes message;
    switch (sp_rpc_h2_input_next(call, &message)) {
    case H2_INPUT_REFUSED:
        break;
    case H2_INPUT_MESSAGE:
        call->base.request = message;
        call->base.started_ms = call->loop->now_ms;
        run_unary_handler(call);
        break;
    case H2_INPUT_NONE:
        if (call->half_closed && call->input.size == 0)
            sp_rpc_h2_call_end(call, SP_ERR_INVALID, "the call carries no message");
        else if (call->half_closed)
            sp_rpc_h2_call_end(call, SP_ERR_INVALID, "the call ends within its message");
        break;
    }
}

/* On the loop's thread. A late answer is discarded. */
static void settle_answer(struct h2_call *call, enum sp_status status, struct sp_bytes reply, const char *message) {
    call->kept = false;
    sp_rpc_h2_unanswered_remove(call);
    sp_rpc_timers_unset(&call->loop->call_timers, &call->timer);
    if (!sp_rpc_h2_call_is_live(call))
        return;
    if (status != SP_OK) {
        sp_rpc_h2_call_end(call, status, message);
        return;
    }
    status = sp_rpc_h2_wire_put(call, reply);
    sp_rpc_h2_call_end(call, status, status == SP_OK ? NULL : SP_RPC_H2_NO_ROOM);
}

/* From any thread: only its worker's may touch the call. */
static void mail_answer(struct h2_call *call, enum sp_status status, struct sp_bytes text) {
    if (atomic_exchange(&call->keeping, H2_KEPT_ANSWERED) == H2_KEPT_ALONE) {
        sp_rpc_h2_pool_free_alone(call);
        return;
    }
    call->answer.status = status;
    if (!sp_rpc_h2_bytes_append(&call->answer.bytes, text.data, text.size))
        call->answer.status = SP_ERR_MEMORY;
    sp_rpc_h2_mail_call(call, H2_EVENT_ANSWERED);
}

static void take_mailed_answer(struct h2_call *call) {
    static const uint8_t end[] = {'\0'};
    struct h2_answer *answer = &call->answer;
    if (answer->status == SP_OK) {
        settle_answer(call, SP_OK, (struct sp_bytes){answer->bytes.data, answer->bytes.size}, NULL);
    } else {
        bool terminated = sp_rpc_h2_bytes_append(&answer->bytes, end, sizeof(end));
        settle_answer(call, answer->status, (struct sp_bytes){NULL, 0},
                      terminated ? (const char *)answer->bytes.data : "out of memory");
    }
    sp_rpc_h2_bytes_clear(&answer->bytes, 0);
    sp_rpc_h2_call_release(call);
}

void sp_rpc_h2_unary_answer(struct h2_call *call, enum sp_status status, struct sp_bytes reply, const char *message) {
    if (sp_rpc_h2_current_loop != call->loop || atomic_load(&call->keeping) == H2_KEPT_ALONE) {
        mail_answer(call, status, status == SP_OK ? reply : sp_bytes_of_str(sp_str_from(message)));
        return;
    }
    settle_answer(call, status, reply, message);
    if (!call->running) {
        sp_rpc_h2_call_release(call);
        sp_rpc_h2_ready_call(call, 0);
    }
}

void sp_rpc_h2_unary_park(struct h2_call *call, unsigned delay_ms) {
    int64_t due_ms = sp_clock_monotonic_ms() + (int64_t)delay_ms;
    call->kept = false;
    call->parked = true;
    if (!sp_rpc_timers_set(&call->loop->call_timers, &call->timer,
                           due_ms < call->deadline_ms ? due_ms : call->deadline_ms)) {
        call->parked = false;
        sp_rpc_h2_call_end(call, SP_ERR_MEMORY, "out of memory");
    }
}

bool sp_rpc_h2_unary_wants_input(const struct h2_call *call) {
    return sp_rpc_h2_call_is_live(call) && !call->kept && !call->parked;
}

/* A parked call is handled again; one that a handler keeps, or whose request is incomplete, has
 * waited for too long. */
static void run_unary_due(struct h2_call *call) {
    if (call->kept) {
        sp_rpc_h2_call_end(call, SP_ERR_DEADLINE, "the deadline passed before the call was answered");
        return;
    }
    if (!call->parked) {
        if (has_passed(call))
            sp_rpc_h2_call_end(call, SP_ERR_DEADLINE, "the deadline passed before the request was complete");
        return;
    }
    call->parked = false;
    call->base.retries++;
    run_unary_handler(call);
}

void sp_rpc_h2_unary_run(struct h2_call *call, unsigned events) {
    if ((events & H2_EVENT_ANSWERED) != 0)
        take_mailed_answer(call);
    if ((events & H2_EVENT_STOPPING) != 0)
        sp_rpc_h2_call_end(call, SP_ERR_UNAVAILABLE, call->kept ? sp_rpc_perhaps_done : sp_rpc_stopping);
    if ((events & H2_EVENT_DUE) != 0 && sp_rpc_h2_call_is_live(call))
        run_unary_due(call);
    if ((events & H2_EVENT_INPUT) != 0 && sp_rpc_h2_call_is_live(call) && call->base.method != NULL &&
        sp_rpc_h2_unary_wants_input(call))
        run_unary_input(call);
    if (sp_rpc_h2_unary_wants_input(call) && call->timer.at == 0)
        wait_for_deadline(call);
}
