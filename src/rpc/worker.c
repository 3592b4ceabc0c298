#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "rpc/internal.h"

enum {
    HOT_REQUESTS = 64,       /* calls of a hot method that wait for a client */
    COLD_REQUESTS = 2,       /* of any other */
    FREE_CALLS_MAX = 1024,   /* what a pool keeps after a rush */
    FREE_SCRATCH_MAX = 64,   /* the same */
    SCRATCH_BYTES = 8 * 1024 /* an arena's first block: what most calls need */
};

_Thread_local struct worker *current_worker;

int64_t monotonic_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- pools ---- */

static struct sp_rpc_call *take_call(struct worker *worker) {
    struct sp_rpc_call *call = worker->free_calls;
    if (call == NULL)
        return call_create(worker);
    worker->free_calls = call->next;
    worker->free_call_count--;
    return call;
}

void worker_give_call(struct worker *worker, struct sp_rpc_call *call) {
    if (worker->free_call_count >= FREE_CALLS_MAX) {
        call_free(call);
        return;
    }
    call->next = worker->free_calls;
    worker->free_calls = call;
    worker->free_call_count++;
}

struct scratch *worker_take_scratch(struct worker *worker) {
    struct scratch *scratch = worker->free_scratch;
    if (scratch != NULL) {
        worker->free_scratch = scratch->next;
        worker->free_scratch_count--;
        return scratch;
    }
    scratch = calloc(1, sizeof(*scratch));
    if (scratch == NULL)
        return NULL;
    if (sp_arena_init(&scratch->arena, SCRATCH_BYTES, worker->server->options.arena_budget_bytes) != SP_OK) {
        free(scratch);
        return NULL;
    }
    return scratch;
}

static void free_scratch(struct scratch *scratch) {
    sp_arena_fini(&scratch->arena);
    free(scratch);
}

void worker_give_scratch(struct worker *worker, struct scratch *scratch) {
    sp_arena_wipe(&scratch->arena);
    if (worker->free_scratch_count >= FREE_SCRATCH_MAX) {
        free_scratch(scratch);
        return;
    }
    scratch->next = worker->free_scratch;
    worker->free_scratch = scratch;
    worker->free_scratch_count++;
}

void worker_fini(struct worker *worker) {
    while (worker->free_calls != NULL) {
        struct sp_rpc_call *call = worker->free_calls;
        worker->free_calls = call->next;
        call_free(call);
    }
    while (worker->free_scratch != NULL) {
        struct scratch *scratch = worker->free_scratch;
        worker->free_scratch = scratch->next;
        free_scratch(scratch);
    }
    free(worker->timers);
    if (worker->cq != NULL)
        grpc_completion_queue_destroy(worker->cq);
}

/* ---- requests ---- */

void worker_request(struct worker *worker, struct door *door, const struct method *method) {
    struct sp_rpc_call *call;
    grpc_call_error error;
    if (atomic_load_explicit(&worker->server->stopping, memory_order_relaxed) || (call = take_call(worker)) == NULL)
        return;
    call->method = method;
    call->door = door;
    if (method == NULL) {
        error = grpc_server_request_call(door->grpc, &call->grpc, &call->details, &call->metadata, worker->cq,
                                         worker->cq, &call->arrived);
    } else {
        error = grpc_server_request_registered_call(
            door->grpc, door->handles[method - worker->server->methods], &call->grpc, &call->deadline, &call->metadata,
            method->about.kind == SP_RPC_UNARY ? &call->payload : NULL, worker->cq, worker->cq, &call->arrived);
    }
    if (error != GRPC_CALL_OK)
        worker_give_call(worker, call);
}

static void request_at(struct worker *worker, struct door *door) {
    const struct sp_rpc_server *server = worker->server;
    for (size_t i = 0; i < server->method_count; i++) {
        const struct method *method = &server->methods[i];
        int wanted = door->handles[i] == NULL ? 0 : method->about.hot ? HOT_REQUESTS : COLD_REQUESTS;
        for (int n = wanted; n > 0; n--)
            worker_request(worker, door, method);
    }
    for (int n = COLD_REQUESTS; n > 0; n--)
        worker_request(worker, door, NULL);
}

void worker_request_all(struct worker *worker) {
    struct sp_rpc_server *server = worker->server;
    for (size_t i = 0; i < server->door_count; i++)
        request_at(worker, &server->doors[i]);
}

/* ---- timers: a binary heap ---- */

static void place(struct worker *worker, size_t at, struct sp_rpc_call *call) {
    worker->timers[at] = call;
    call->timer_at = at;
}

static void sift_up(struct worker *worker, size_t at, struct sp_rpc_call *call) {
    while (at > 1 && worker->timers[at / 2]->due_ms > call->due_ms) {
        place(worker, at, worker->timers[at / 2]);
        at /= 2;
    }
    place(worker, at, call);
}

static void sift_down(struct worker *worker, size_t at, struct sp_rpc_call *call) {
    for (;;) {
        size_t child = 2 * at;
        if (child > worker->timer_count)
            break;
        if (child < worker->timer_count && worker->timers[child + 1]->due_ms < worker->timers[child]->due_ms)
            child++;
        if (worker->timers[child]->due_ms >= call->due_ms)
            break;
        place(worker, at, worker->timers[child]);
        at = child;
    }
    place(worker, at, call);
}

static bool grow_timers(struct worker *worker) {
    size_t capacity = worker->timer_capacity == 0 ? 64 : worker->timer_capacity * 2;
    struct sp_rpc_call **timers = reallocarray(worker->timers, capacity, sizeof(struct sp_rpc_call *));
    if (timers == NULL)
        return false;
    worker->timers = timers;
    worker->timer_capacity = capacity;
    return true;
}

bool worker_add_timer(struct worker *worker, struct sp_rpc_call *call, int64_t due_ms) {
    if (worker->timer_count + 1 >= worker->timer_capacity && !grow_timers(worker))
        return false;
    call->due_ms = due_ms;
    sift_up(worker, ++worker->timer_count, call);
    return true;
}

void worker_remove_timer(struct worker *worker, struct sp_rpc_call *call) {
    size_t at = call->timer_at;
    struct sp_rpc_call *last = worker->timers[worker->timer_count--];
    call->timer_at = 0;
    if (last == call)
        return;
    if (at > 1 && worker->timers[at / 2]->due_ms > last->due_ms)
        sift_up(worker, at, last);
    else
        sift_down(worker, at, last);
}

static void run_due_timers(struct worker *worker) {
    int64_t now_ms = monotonic_ms();
    while (worker->timer_count > 0 && worker->timers[1]->due_ms <= now_ms) {
        struct sp_rpc_call *call = worker->timers[1];
        worker_remove_timer(worker, call);
        call_unary_retry(call);
    }
}

static gpr_timespec next_deadline(const struct worker *worker) {
    gpr_timespec deadline = gpr_inf_future(GPR_CLOCK_MONOTONIC);
    if (worker->timer_count > 0) {
        int64_t due_ms = worker->timers[1]->due_ms;
        deadline.tv_sec = due_ms / 1000;
        deadline.tv_nsec = (int32_t)(due_ms % 1000) * 1000000;
    }
    return deadline;
}

/* ---- the thread ---- */

/* gRPC reports its shutdown when no connection is left, while calls that were kept may still be answered: they need the
 * queue. */
static void end_queue_after_last_call(struct worker *worker) {
    if (worker->shut && worker->live == 0)
        grpc_completion_queue_shutdown(worker->cq);
}

void worker_call_ended(struct worker *worker) {
    worker->live--;
    end_queue_after_last_call(worker);
}

void worker_door_shut(struct tag *tag, bool ok) {
    struct worker *worker = tag->owner;
    struct sp_rpc_server *server = worker->server;
    (void)ok;
    if (atomic_fetch_sub_explicit(&worker->open_doors, 1, memory_order_acq_rel) > 1)
        return;
    pthread_mutex_lock(&server->lock);
    server->workers_shut++;
    pthread_cond_broadcast(&server->changed);
    pthread_mutex_unlock(&server->lock);
    worker->shut = true;
    end_queue_after_last_call(worker);
}

void *worker_main(void *user) {
    struct worker *worker = user;
    const struct sp_rpc_server_options *options = &worker->server->options;
    current_worker = worker;
    if (options->worker_started != NULL)
        options->worker_started(worker->index, options->user);
    for (;;) {
        grpc_event event = grpc_completion_queue_next(worker->cq, next_deadline(worker), NULL);
        if (event.type == GRPC_QUEUE_SHUTDOWN)
            break;
        if (event.type == GRPC_OP_COMPLETE) {
            struct tag *tag = event.tag;
            tag->run(tag, event.success != 0);
        }
        if (worker->timer_count > 0)
            run_due_timers(worker);
    }
    if (options->worker_stopping != NULL)
        options->worker_stopping(worker->index, options->user);
    current_worker = NULL;
    return NULL;
}
