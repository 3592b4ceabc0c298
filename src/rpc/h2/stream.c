#include "rpc/h2/stream.h"

#include "base/random.h"
#include "rpc/h2/budget.h"
#include "rpc/h2/bytes.h"
#include "rpc/h2/incomplete.h"
#include "rpc/h2/input.h"
#include "rpc/h2/life.h"
#include "rpc/h2/pool.h"
#include "rpc/h2/ready.h"
#include "rpc/h2/wire.h"
#include "rpc/refusals.h"

/* A client that does not read its answers gets no more of them. */
enum { UNREAD_OUTPUT_BYTES = 64 * 1024 };

static const struct sp_rpc_stream_ops *ops_of_stream(const struct h2_call *call) {
    return call->base.method->stream;
}

static void run_stream_input(struct h2_call *call) {
    struct sp_bytes message;
    if (!call->reading || call->output.size - call->output_at > UNREAD_OUTPUT_BYTES)
        return;
    switch (sp_rpc_h2_input_next(call, &message)) {
    case H2_INPUT_REFUSED:
        return;
    case H2_INPUT_MESSAGE:
        break;
    case H2_INPUT_NONE:
        if (call->half_closed && call->input.size > 0) {
            sp_rpc_h2_call_end(call, SP_ERR_INVALID, "the call ends within a message");
        } else if (call->half_closed) {
            call->reading = false;
            if (ops_of_stream(call)->half_closed != NULL)
                ops_of_stream(call)->half_closed(&call->base, call->base.method->user);
        }
        return;
    }
    call->reading = false;
    if (ops_of_stream(call)->received != NULL)
        ops_of_stream(call)->received(&call->base, call->base.method->user, message);
    sp_rpc_h2_bytes_drop(&call->input, H2_PREFIX_BYTES + message.size);
    if (call->input.size == 0)
        sp_rpc_h2_bytes_clear(&call->input, H2_KEPT_BYTES);
    sp_rpc_h2_budget_keep(call, call->input.size == 0 ? 0 : call->input.capacity);
    if (call->finishing)
        sp_rpc_h2_call_drop_input(call);
    else if (call->unreturned > call->input.size) {
        sp_rpc_h2_wire_consume(call, call->unreturned - call->input.size);
        call->unreturned = call->input.size;
    }
    /* One message a round: others have their turn between two. */
    if (call->input.size > 0 || call->half_closed)
        sp_rpc_h2_ready_call(call, H2_EVENT_INPUT);
}

/* The handler may send one more message, for example that it no longer serves. */
static void run_stream_stop(struct h2_call *call, unsigned events) {
    if ((events & H2_EVENT_WOKEN) != 0 && !call->sending && ops_of_stream(call)->woken != NULL)
        ops_of_stream(call)->woken(&call->base, call->base.method->user);
    sp_rpc_h2_call_end(call, SP_ERR_UNAVAILABLE, sp_rpc_reconnect);
}

static void run_stream_sent(struct h2_call *call) {
    call->sending = false;
    if (ops_of_stream(call)->sent != NULL)
        ops_of_stream(call)->sent(&call->base, call->base.method->user);
}

static void end_due_stream(struct h2_call *call) {
    if (call->deadline_ms <= call->loop->now_ms)
        sp_rpc_h2_call_end(call, SP_ERR_DEADLINE, "the deadline of the stream has passed");
    else
        sp_rpc_h2_call_end(call, SP_ERR_UNAVAILABLE, "the stream has reached its maximum age: reconnect");
}

void sp_rpc_h2_stream_run(struct h2_call *call, unsigned events) {
    if (call->scratch == NULL && !sp_rpc_h2_pool_add_scratch(call)) {
        sp_rpc_h2_call_end(call, SP_ERR_MEMORY, "out of memory");
        return;
    }
    if ((events & H2_EVENT_STOPPING) != 0)
        run_stream_stop(call, events);
    if ((events & H2_EVENT_DUE) != 0)
        end_due_stream(call);
    if ((events & H2_EVENT_WOKEN) != 0 && sp_rpc_h2_call_is_live(call) && ops_of_stream(call)->woken != NULL)
        ops_of_stream(call)->woken(&call->base, call->base.method->user);
    if ((events & H2_EVENT_SENT) != 0 && sp_rpc_h2_call_is_live(call) && call->sending)
        run_stream_sent(call);
    if ((events & H2_EVENT_INPUT) != 0 && sp_rpc_h2_call_is_live(call))
        run_stream_input(call);
}

/* By up to a tenth earlier, so that streams that began together, when a server started, end
 * apart. */
static int64_t choose_stream_age_ms(unsigned max_age_s) {
    uint8_t dice[2];
    int64_t age_ms = (int64_t)max_age_s * 1000;
    if (sp_random_fill(dice, sizeof(dice)) != SP_OK)
        return age_ms;
    return age_ms - age_ms / 10 * sp_load_be16(dice) / 65536;
}

/* At its deadline, or its greatest age. */
static bool set_stream_timer(struct h2_call *call) {
    unsigned max_age_s = call->loop->server->options.server->max_stream_age_s;
    int64_t due_ms = call->deadline_ms;
    if (call->base.method->ages && max_age_s != 0) {
        int64_t of_age_ms = call->loop->now_ms + choose_stream_age_ms(max_age_s);
        due_ms = of_age_ms < due_ms ? of_age_ms : due_ms;
    }
    return due_ms == INT64_MAX || sp_rpc_timers_set(&call->loop->call_timers, &call->timer, due_ms);
}

void sp_rpc_h2_stream_open(struct h2_call *call) {
    if (!set_stream_timer(call)) {
        sp_rpc_h2_call_end(call, SP_ERR_MEMORY, "out of memory");
        return;
    }
    call->opened = true;
    sp_rpc_h2_budget_keep(call, call->input.capacity);
    sp_rpc_h2_incomplete_remove(call); /* a stream may be silent; its messages have a time each */
    if (ops_of_stream(call)->opened != NULL)
        ops_of_stream(call)->opened(&call->base, call->base.method->user);
}

/* ---- what its handler does ---- */

void sp_rpc_h2_stream_read(struct h2_call *call) {
    if (!sp_rpc_h2_call_is_live(call))
        return;
    call->reading = true;
    sp_rpc_h2_ready_call(call, H2_EVENT_INPUT);
}

static bool put_stream_message(struct h2_call *call, struct sp_bytes message) {
    if (!sp_rpc_h2_call_is_live(call))
        return false;
    enum sp_status status = sp_rpc_h2_wire_put(call, message);
    if (status != SP_OK)
        sp_rpc_h2_call_end(call, status, SP_RPC_H2_NO_ROOM);
    return status == SP_OK;
}

void sp_rpc_h2_stream_send(struct h2_call *call, struct sp_bytes message) {
    if (!put_stream_message(call, message))
        return;
    call->sending = true;
    sp_rpc_h2_wire_send(call);
}

void sp_rpc_h2_stream_send_and_read(struct h2_call *call, struct sp_bytes message) {
    if (!put_stream_message(call, message))
        return;
    sp_rpc_h2_wire_send(call);
    sp_rpc_h2_stream_read(call);
}
