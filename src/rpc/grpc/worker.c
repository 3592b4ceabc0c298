#include "rpc/grpc/worker.h"

#include <grpc/support/time.h>

#include <pthread.h>
#include <stdio.h>

#include "base/clock.h"
#include "rpc/grpc/batch.h"
#include "rpc/grpc/call.h"
#include "rpc/grpc/peer.h"
#include "rpc/grpc/pool.h"
#include "rpc/grpc/revocation.h"
#include "rpc/grpc/stream.h"
#include "rpc/grpc/unary.h"
#include "rpc/health.h"
#include "rpc/methods.h"
#include "rpc/refusals.h"

enum {
    HOT_REQUESTS = 64, /* calls of a hot method that wait for a client */
    COLD_REQUESTS = 2, /* of any other */
    EVENTS_WITHOUT_CLOCK = 1024,
    EVENTS_WITHOUT_TURN = 64, /* while the queue is never empty */
    /* gRPC only looks at the sockets at the second: an event that came while no thread waited makes
     * it skip a look. */
    LOOKS_BEFORE_TURN = 2,
};

/* ---- requests ---- */

/* Requests one more call of the method; NULL: of unknown methods. */
static void request_call(struct worker *worker, struct door *door, const struct sp_rpc_method *method) {
    if (atomic_load_explicit(&worker->server->stopping, memory_order_relaxed))
        return;
    struct core_call *call = sp_rpc_pool_take_call(worker);
    if (call == NULL)
        return;
    call->base.ops = &sp_rpc_core_call_ops;
    call->base.method = method;
    call->is_stream = method != NULL && method->kind == SP_RPC_STREAM;
    call->door = door;
    grpc_call_error error;
    if (method == NULL)
        error = grpc_server_request_call(door->grpc, &call->grpc, &call->details, &call->metadata, worker->cq,
                                         worker->cq, &call->arrived);
    else
        error = grpc_server_request_registered_call(
            door->grpc, door->handles[method - worker->server->methods], &call->grpc, &call->deadline, &call->metadata,
            sp_rpc_unary_reads_ahead(method) ? &call->payload : NULL, worker->cq, worker->cq, &call->arrived);
    if (error != GRPC_CALL_OK) {
        sp_rpc_pool_give_call(call);
        return;
    }
    worker->requested++;
}

/* How many calls of a method a worker keeps requested. Health is the health worker's, so that no
 * handler keeps a probe waiting. */
static int count_wanted_calls(const struct worker *worker, const struct door *door, size_t method) {
    const struct sp_rpc_method *about = &worker->server->methods[method];
    if (door->handles[method] == NULL || worker->health_only != sp_rpc_health_owns(about))
        return 0;
    return about->hot ? HOT_REQUESTS : COLD_REQUESTS;
}

static void request_calls_at(struct worker *worker, struct door *door) {
    const struct core_server *server = worker->server;
    for (size_t i = 0; i < server->method_count; i++)
        for (int n = count_wanted_calls(worker, door, i); n > 0; n--)
            request_call(worker, door, &server->methods[i]);
    for (int n = worker->health_only ? 0 : COLD_REQUESTS; n > 0; n--)
        request_call(worker, door, NULL);
}

void sp_rpc_worker_request_all(struct worker *worker) {
    struct core_server *server = worker->server;
    for (size_t i = 0; i < server->door_count; i++)
        request_calls_at(worker, &server->doors[i]);
}

/* ---- events ---- */

/* What a call needs before its handler sees it. */
static enum sp_status admit_arrived(struct core_call *call, struct sp_error *error) {
    const struct sp_rpc_server_options *options = &call->worker->server->options;
    enum sp_status status = sp_rpc_revocation_check(call, error);
    if (status != SP_OK)
        return status;
    if (call->base.method == NULL)
        return sp_error_set(error, SP_ERR_UNIMPLEMENTED, "this server has no such method");
    if (!sp_rpc_pool_add_scratch(call))
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    return sp_rpc_methods_admit(options, &call->base, error);
}

static void serve_call(struct core_call *call) {
    struct sp_error error;
    sp_rpc_peer_settle_request(call);
    if (call->worker->refusing)
        sp_rpc_batch_reject(call, SP_ERR_UNAVAILABLE, sp_rpc_stopping);
    else if (admit_arrived(call, &error) != SP_OK)
        sp_rpc_batch_reject(call, error.status, error.message);
    else if (call->is_stream)
        sp_rpc_stream_serve(call);
    else
        sp_rpc_unary_serve(call);
}

static void take_arrived(struct core_call *call, bool ok) {
    struct worker *worker = call->worker;
    worker->requested--;
    if (!ok) {
        /* Only shutting down fails a request. */
        sp_rpc_pool_recycle(call);
        sp_rpc_pool_end_idle_queue(worker);
        return;
    }
    worker->live++;
    request_call(worker, call->door, call->base.method);
    serve_call(call);
}

/* Both last events of a call come on its worker's thread; the second recycles it. A stream that was
 * rejected is not watched, and ends as a unary call does. */
static void settle_call(struct core_call *call) {
    if (call->is_stream && call->watched)
        sp_rpc_stream_settle(call);
    else
        sp_rpc_unary_settle(call);
}

static void count_shut_door(struct worker *worker) {
    struct core_server *server = worker->server;
    if (atomic_fetch_sub_explicit(&worker->open_doors, 1, memory_order_acq_rel) > 1)
        return;
    pthread_mutex_lock(&server->lock);
    server->workers_shut++;
    pthread_cond_broadcast(&server->changed);
    pthread_mutex_unlock(&server->lock);
    worker->shut = true;
    sp_rpc_pool_end_idle_queue(worker);
}

static void refuse_calls(struct worker *worker) {
    struct core_server *server = worker->server;
    worker->refusing = true;
    sp_rpc_unary_give_up_all(worker);
    pthread_mutex_lock(&server->lock);
    server->workers_refusing++;
    pthread_cond_broadcast(&server->changed);
    pthread_mutex_unlock(&server->lock);
}

static void handle_event(const struct tag *tag, bool ok) {
    struct core_call *call = tag->owner;
    switch (tag->kind) {
    case TAG_ARRIVED:
        take_arrived(call, ok);
        break;
    case TAG_DONE:
        (void)atomic_load_explicit(&call->answered, memory_order_acquire);
        call->finished = true;
        settle_call(call);
        break;
    case TAG_CLOSED:
        call->over = true;
        atomic_store_explicit(&call->base.over, true, memory_order_relaxed);
        settle_call(call);
        break;
    case TAG_RECEIVED:
        if (call->is_stream)
            sp_rpc_stream_received(call, ok);
        else
            sp_rpc_unary_received(call);
        break;
    case TAG_SENT:
        sp_rpc_stream_sent(call, ok);
        break;
    case TAG_WOKEN:
        sp_rpc_stream_woken(call);
        break;
    case TAG_DOOR_SHUT:
        count_shut_door(tag->owner);
        break;
    case TAG_END_STREAMS:
        sp_rpc_stream_end_all(tag->owner);
        break;
    case TAG_REFUSE:
        refuse_calls(tag->owner);
        break;
    case TAG_BELL_RUNG:
        break;
    }
}

/* ---- the thread ---- */

static void serve_due_calls(struct worker *worker) {
    int64_t now_ms = sp_clock_monotonic_ms();
    for (struct timer *due = sp_rpc_timers_first(&worker->timers); due != NULL && due->due_ms <= now_ms;
         due = sp_rpc_timers_first(&worker->timers)) {
        sp_rpc_timers_unset(&worker->timers, due);
        sp_rpc_unary_come_due(due->owner);
    }
}

static gpr_timespec next_deadline(const struct worker *worker) {
    if (worker->turns_first != NULL)
        return gpr_inf_past(GPR_CLOCK_MONOTONIC); /* but look at the sockets first */
    gpr_timespec deadline = {.clock_type = GPR_CLOCK_MONOTONIC};
    const struct timer *first = sp_rpc_timers_first(&worker->timers);
    int64_t due_ms = first != NULL && first->due_ms < worker->beat_due_ms ? first->due_ms : worker->beat_due_ms;
    deadline.tv_sec = due_ms / 1000;
    deadline.tv_nsec = (int32_t)(due_ms % 1000) * 1000000;
    return deadline;
}

/* What is not due to the millisecond. The clock is read when a wait ends without an event, and now
 * and then, not for each event. */
static void end_aged_streams(struct worker *worker) {
    int64_t now_ms = sp_clock_monotonic_ms();
    worker->beat_due_ms = now_ms + SP_HEARTBEAT_EVERY_MS;
    sp_rpc_stream_end_aged(worker, now_ms);
}

static void serve_events(struct worker *worker) {
    unsigned without_turn = 0, looks = 0;
    worker->beat_due_ms = sp_clock_monotonic_ms() + SP_HEARTBEAT_EVERY_MS;
    for (unsigned events = 1;; events++) {
        grpc_event event = grpc_completion_queue_next(worker->cq, next_deadline(worker), NULL);
        sp_heartbeat_beat(&worker->heartbeat);
        if (event.type == GRPC_QUEUE_SHUTDOWN)
            return;
        if (event.type == GRPC_OP_COMPLETE)
            handle_event(event.tag, event.success != 0);
        if (event.type != GRPC_OP_COMPLETE || events % EVENTS_WITHOUT_CLOCK == 0)
            end_aged_streams(worker);
        if (worker->timers.count > 0)
            serve_due_calls(worker);
        without_turn += event.type == GRPC_OP_COMPLETE;
        looks = event.type == GRPC_OP_COMPLETE ? 0 : looks + 1;
        if (looks >= LOOKS_BEFORE_TURN || without_turn >= EVENTS_WITHOUT_TURN) {
            sp_rpc_stream_run_turns(worker);
            without_turn = looks = 0;
        }
    }
}

static void name_thread(const struct worker *worker) {
    char name[16];
    if (worker->health_only)
        (void)snprintf(name, sizeof(name), "grpc health");
    else
        (void)snprintf(name, sizeof(name), "grpc worker %u", worker->index % 1000);
    (void)pthread_setname_np(pthread_self(), name);
}

void *sp_rpc_worker_main(void *user) {
    struct worker *worker = user;
    const struct sp_rpc_server_options *options = &worker->server->options;
    sp_rpc_current_worker = worker;
    name_thread(worker);
    if (options->worker_started != NULL && !worker->health_only)
        options->worker_started(worker->index, options->user);
    serve_events(worker);
    if (options->worker_stopping != NULL && !worker->health_only)
        options->worker_stopping(worker->index, options->user);
    sp_rpc_current_worker = NULL;
    return NULL;
}

void sp_rpc_worker_drain(struct worker *worker) {
    for (;;) {
        grpc_event event = grpc_completion_queue_next(worker->cq, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
        if (event.type == GRPC_QUEUE_SHUTDOWN)
            return;
        handle_event(event.tag, event.success != 0);
        sp_rpc_stream_run_turns(worker);
    }
}
