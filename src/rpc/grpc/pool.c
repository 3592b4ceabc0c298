#include "rpc/grpc/pool.h"

#include <stdlib.h>

#include <grpc/byte_buffer.h>
#include <grpc/slice.h>

#include "rpc/grpc/peer.h"

enum {
    FREE_CALLS_MAX = 1024,   /* what a pool keeps after a rush */
    FREE_SCRATCH_MAX = 64,   /* the same */
    SCRATCH_BYTES = 8 * 1024 /* an arena's first block: what most calls need */
};

/* ---- calls ---- */

static struct core_call *create_call(struct worker *worker) {
    struct core_call *call = calloc(1, sizeof(*call));
    if (call == NULL)
        return NULL;
    call->worker = worker;
    call->base.worker = worker->index;
    call->timer.owner = call;
    call->arrived = (struct tag){TAG_ARRIVED, call};
    call->done = (struct tag){TAG_DONE, call};
    call->closed = (struct tag){TAG_CLOSED, call};
    call->received = (struct tag){TAG_RECEIVED, call};
    call->sent = (struct tag){TAG_SENT, call};
    call->woken = (struct tag){TAG_WOKEN, call};
    call->reply = grpc_raw_byte_buffer_create(NULL, 0);
    call->merged = grpc_empty_slice();
    call->final_message = grpc_empty_slice();
    grpc_metadata_array_init(&call->metadata);
    grpc_call_details_init(&call->details);
    atomic_init(&call->wake_pending, false);
    atomic_init(&call->answered, false);
    atomic_init(&call->keeping, KEPT_BY_NOBODY);
    return call;
}

static void free_call(struct core_call *call) {
    grpc_metadata_array_destroy(&call->metadata);
    grpc_call_details_destroy(&call->details);
    grpc_byte_buffer_destroy(call->reply);
    free(call);
}

struct core_call *sp_rpc_pool_take_call(struct worker *worker) {
    struct core_call *call = worker->free_calls;
    if (call == NULL)
        return create_call(worker);
    worker->free_calls = call->next;
    worker->free_call_count--;
    return call;
}

void sp_rpc_pool_give_call(struct core_call *call) {
    struct worker *worker = call->worker;
    if (worker->free_call_count >= FREE_CALLS_MAX) {
        free_call(call);
        return;
    }
    call->next = worker->free_calls;
    worker->free_calls = call;
    worker->free_call_count++;
}

/* ---- arenas ---- */

static struct scratch *create_scratch(const struct worker *worker) {
    struct scratch *scratch = calloc(1, sizeof(*scratch));
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

bool sp_rpc_pool_add_scratch(struct core_call *call) {
    struct worker *worker = call->worker;
    struct scratch *scratch = worker->free_scratch;
    if (scratch == NULL) {
        scratch = create_scratch(worker);
        if (scratch == NULL)
            return false;
    } else {
        worker->free_scratch = scratch->next;
        worker->free_scratch_count--;
    }
    call->scratch = scratch;
    call->base.arena = &scratch->arena;
    return true;
}

static void give_scratch(struct worker *worker, struct scratch *scratch) {
    sp_arena_wipe(&scratch->arena);
    if (worker->free_scratch_count >= FREE_SCRATCH_MAX) {
        free_scratch(scratch);
        return;
    }
    scratch->next = worker->free_scratch;
    worker->free_scratch = scratch;
    worker->free_scratch_count++;
}

/* ---- giving back ---- */

void sp_rpc_pool_release_handling(struct core_call *call) {
    if (call->payload != NULL) {
        grpc_byte_buffer_destroy(call->payload);
        call->payload = NULL;
    }
    grpc_slice_unref(call->merged);
    call->merged = grpc_empty_slice();
    call->base.request = (struct sp_bytes){NULL, 0};
    if (call->scratch != NULL) {
        give_scratch(call->worker, call->scratch);
        call->scratch = NULL;
        call->base.arena = NULL;
    }
}

void sp_rpc_pool_end_idle_queue(struct worker *worker) {
    if (worker->shut && worker->live == 0 && worker->requested == 0)
        grpc_completion_queue_shutdown(worker->cq);
}

/* Read by whoever stops the server; written by the worker alone, and so without a locked
 * instruction. */
static void count_pending(struct worker *worker, size_t change) {
    size_t count = atomic_load_explicit(&worker->pending_count, memory_order_relaxed);
    atomic_store_explicit(&worker->pending_count, count + change, memory_order_relaxed);
}

void sp_rpc_pool_add_pending(struct core_call *call) {
    struct worker *worker = call->worker;
    if (call->is_pending)
        return;
    call->is_pending = true;
    call->previous_pending = NULL;
    call->next_pending = worker->pending;
    if (worker->pending != NULL)
        worker->pending->previous_pending = call;
    worker->pending = call;
    count_pending(worker, 1);
}

void sp_rpc_pool_remove_pending(struct core_call *call) {
    if (!call->is_pending)
        return;
    call->is_pending = false;
    if (call->next_pending != NULL)
        call->next_pending->previous_pending = call->previous_pending;
    if (call->previous_pending != NULL)
        call->previous_pending->next_pending = call->next_pending;
    else
        call->worker->pending = call->next_pending;
    count_pending(call->worker, (size_t)-1);
}

/* The handler may still read the call's metadata, which otherwise end with gRPC's call. */
static void keep_metadata(struct core_call *call) {
    for (size_t i = 0; i < call->metadata.count; i++) {
        grpc_slice_ref(call->metadata.metadata[i].key);
        grpc_slice_ref(call->metadata.metadata[i].value);
    }
}

static void drop_metadata(struct core_call *call) {
    for (size_t i = 0; i < call->metadata.count; i++) {
        grpc_slice_unref(call->metadata.metadata[i].key);
        grpc_slice_unref(call->metadata.metadata[i].value);
    }
}

/* False: the handler has answered meanwhile. */
static bool leave_to_handler(struct core_call *call) {
    unsigned expected = KEPT_TOO_LONG;
    grpc_call *grpc = call->grpc;
    if (atomic_load(&call->keeping) != KEPT_TOO_LONG)
        return false;
    keep_metadata(call);
    call->grpc = NULL;
    if (!atomic_compare_exchange_strong(&call->keeping, &expected, KEPT_ALONE)) {
        drop_metadata(call);
        call->grpc = grpc;
        return false;
    }
    grpc_call_unref(grpc);
    return true;
}

void sp_rpc_pool_free_alone(struct core_call *call) {
    drop_metadata(call);
    if (call->payload != NULL)
        grpc_byte_buffer_destroy(call->payload);
    grpc_slice_unref(call->merged);
    if (call->scratch != NULL)
        free_scratch(call->scratch);
    free_call(call);
}

void sp_rpc_pool_recycle(struct core_call *call) {
    struct worker *worker = call->worker;
    bool arrived = call->grpc != NULL;
    if (arrived)
        sp_rpc_peer_release(call);
    sp_rpc_pool_remove_pending(call);
    if (leave_to_handler(call)) {
        worker->live--;
        sp_rpc_pool_end_idle_queue(worker);
        return;
    }
    sp_rpc_pool_release_handling(call);
    if (arrived) {
        grpc_call_unref(call->grpc);
        call->grpc = NULL;
    }
    if (call->base.method == NULL) {
        grpc_call_details_destroy(&call->details);
        grpc_call_details_init(&call->details);
    }
    grpc_slice_unref(call->final_message);
    call->final_message = grpc_empty_slice();
    call->metadata.count = 0;
    call->cancelled = 0;
    call->message_bytes = 0;
    call->settled = call->granted = false;
    call->watched = call->over = call->finished = false;
    atomic_store_explicit(&call->base.over, false, memory_order_relaxed);
    call->peer_state = PEER_UNREAD;
    call->base.retries = 0;
    call->base.refused = false;
    call->deferrals = 0;
    call->base.started_ms = 0;
    call->base.state = NULL;
    call->initial_sent = call->reading = call->sending = false;
    call->finishing = call->last_word = call->status_sent = call->closing = false;
    atomic_store_explicit(&call->answered, false, memory_order_relaxed);
    atomic_store_explicit(&call->keeping, KEPT_BY_NOBODY, memory_order_relaxed);
    sp_rpc_pool_give_call(call);
    if (arrived) {
        worker->live--;
        sp_rpc_pool_end_idle_queue(worker);
    }
}

void sp_rpc_pool_fini(struct worker *worker) {
    while (worker->free_calls != NULL) {
        struct core_call *call = worker->free_calls;
        worker->free_calls = call->next;
        free_call(call);
    }
    while (worker->free_scratch != NULL) {
        struct scratch *scratch = worker->free_scratch;
        worker->free_scratch = scratch->next;
        free_scratch(scratch);
    }
}
