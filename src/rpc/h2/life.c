#include "rpc/h2/life.h"

#include <string.h>

#include "rpc/h2/budget.h"
#include "rpc/h2/bytes.h"
#include "rpc/h2/incomplete.h"
#include "rpc/h2/pool.h"
#include "rpc/h2/ready.h"
#include "rpc/h2/unanswered.h"
#include "rpc/h2/wire.h"

static void link_call_to_connection(struct h2_call *call) {
    struct h2_connection *connection = call->connection;
    call->previous = NULL;
    call->next = connection->calls;
    if (connection->calls != NULL)
        connection->calls->previous = call;
    connection->calls = call;
}

struct h2_call *sp_rpc_h2_call_create(struct h2_connection *connection, int32_t stream_id) {
    struct h2_loop *loop = connection->loop;
    struct h2_call *call = sp_rpc_h2_pool_take(loop);
    if (call == NULL)
        return NULL;
    call->base.worker = loop->index;
    call->connection = connection;
    call->stream_id = stream_id;
    link_call_to_connection(call);
    sp_rpc_h2_incomplete_add(call);
    return call;
}

static void unlink_call_from_connection(struct h2_call *call) {
    if (call->next != NULL)
        call->next->previous = call->previous;
    if (call->previous != NULL)
        call->previous->next = call->next;
    else
        call->connection->calls = call->next;
}

void sp_rpc_h2_call_settle(struct h2_call *call) {
    struct h2_connection *connection = call->connection;
    if (!call->gone || call->queued || call->kept)
        return;
    if (call->opened && !call->closed) {
        call->closed = true;
        if (call->base.method->stream->closed != NULL)
            call->base.method->stream->closed(&call->base, call->base.method->user);
    }
    if (atomic_load(&call->mailed))
        return; /* one wake is still in the mail */
    sp_rpc_timers_unset(&call->loop->call_timers, &call->timer);
    sp_rpc_h2_incomplete_remove(call);
    sp_rpc_h2_budget_release(call);
    unlink_call_from_connection(call);
    sp_rpc_h2_pool_give(call);
    if (connection->session == NULL && connection->calls == NULL)
        sp_rpc_h2_ready_connection(connection); /* it can be freed */
}

void sp_rpc_h2_call_end(struct h2_call *call, enum sp_status status, const char *message) {
    if (!sp_rpc_h2_call_is_live(call))
        return;
    call->finishing = true;
    atomic_store_explicit(&call->base.over, true, memory_order_relaxed);
    call->reading = false;
    call->final_status = status;
    call->final_message = "";
    size_t size = message == NULL ? 0 : strlen(message) + 1;
    if (size > 1 && sp_rpc_h2_bytes_append(&call->final_text, message, size))
        call->final_message = (const char *)call->final_text.data;
    sp_rpc_h2_incomplete_remove(call);
    sp_rpc_h2_wire_send(call);
}

void sp_rpc_h2_call_drop_input(struct h2_call *call) {
    sp_rpc_h2_bytes_clear(&call->input, H2_KEPT_BYTES);
    sp_rpc_h2_wire_consume(call, call->unreturned);
    call->unreturned = 0;
    sp_rpc_h2_budget_keep(call, call->opened ? 0 : H2_CALL_BYTES);
}

void sp_rpc_h2_call_release(struct h2_call *call) {
    sp_rpc_h2_pool_release_scratch(call);
    sp_rpc_h2_call_drop_input(call);
}

/* ---- the end of the loop ---- */

/* If its handler does not answer meanwhile: then its mail will come. Nothing of the call may be
 * touched once it is the handler's alone, so the loop forgets it before that. */
static void abandon_kept_call(struct h2_call *call) {
    struct h2_connection *connection = call->connection;
    struct h2_loop *loop = call->loop;
    unsigned expected = H2_KEPT;
    sp_rpc_timers_unset(&loop->call_timers, &call->timer);
    sp_rpc_h2_budget_release(call);
    sp_rpc_h2_unanswered_remove(call);
    unlink_call_from_connection(call);
    if (!atomic_compare_exchange_strong(&call->keeping, &expected, H2_KEPT_ALONE)) {
        link_call_to_connection(call);
        sp_rpc_h2_unanswered_add(call);
        return;
    }
    loop->live_calls--;
    if (connection->session == NULL && connection->calls == NULL)
        sp_rpc_h2_ready_connection(connection);
}

void sp_rpc_h2_call_abandon_kept(struct h2_loop *loop) {
    struct h2_call *next = NULL;
    for (struct h2_call *call = loop->unanswered; call != NULL; call = next) {
        next = call->next_unanswered;
        if (call->gone && !call->queued && atomic_load(&call->keeping) == H2_KEPT)
            abandon_kept_call(call);
    }
}
