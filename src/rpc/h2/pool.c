#include "rpc/h2/pool.h"

#include <stdlib.h>

#include "rpc/h2/bytes.h"

enum {
    FREE_CALLS_MAX = 1024,    /* kept after a rush */
    FREE_SCRATCH_MAX = 64,    /* the same */
    SCRATCH_BYTES = 8 * 1024, /* an arena's first block: what most calls need */
};

static void free_pooled_call(struct h2_call *call) {
    sp_rpc_h2_head_fini(&call->head);
    sp_rpc_h2_bytes_clear(&call->input, 0);
    sp_rpc_h2_bytes_clear(&call->output, 0);
    sp_rpc_h2_bytes_clear(&call->final_text, 0);
    sp_rpc_h2_bytes_clear(&call->answer.bytes, 0);
    free(call);
}

struct h2_call *sp_rpc_h2_pool_take(struct h2_loop *loop) {
    struct h2_call *call = loop->free_calls;
    if (call == NULL) {
        call = calloc(1, sizeof(*call));
        if (call == NULL)
            return NULL;
        atomic_init(&call->mailed, false);
        atomic_init(&call->mail_events, 0);
        sp_rpc_h2_head_clear(&call->head);
    } else {
        loop->free_calls = call->next_ready;
        loop->free_call_count--;
    }
    call->loop = loop;
    call->next_ready = NULL;
    call->timer.owner = call;
    call->deadline_ms = INT64_MAX;
    loop->live_calls++;
    return call;
}

/* A blank call keeps its memory. */
static void clear_call(struct h2_call *call) {
    struct h2_bytes input = call->input, output = call->output, final_text = call->final_text;
    struct h2_bytes answer = call->answer.bytes;
    struct head head = call->head;
    *call = (struct h2_call){.input = input, .output = output, .final_text = final_text, .head = head};
    call->answer.bytes = answer;
    atomic_init(&call->mailed, false);
    atomic_init(&call->mail_events, 0);
}

void sp_rpc_h2_pool_give(struct h2_call *call) {
    struct h2_loop *loop = call->loop;
    sp_rpc_h2_pool_release_scratch(call);
    sp_rpc_h2_head_clear(&call->head);
    sp_rpc_h2_bytes_clear(&call->input, H2_KEPT_BYTES);
    sp_rpc_h2_bytes_clear(&call->output, H2_KEPT_BYTES);
    sp_rpc_h2_bytes_clear(&call->final_text, H2_KEPT_BYTES);
    sp_rpc_h2_bytes_clear(&call->answer.bytes, 0);
    loop->live_calls--;
    if (loop->free_call_count >= FREE_CALLS_MAX) {
        free_pooled_call(call);
        return;
    }
    clear_call(call);
    call->next_ready = loop->free_calls;
    loop->free_calls = call;
    loop->free_call_count++;
}

/* ---- arenas ---- */

static struct h2_scratch *create_loop_scratch(const struct h2_loop *loop) {
    struct h2_scratch *scratch = calloc(1, sizeof(*scratch));
    size_t budget = loop->server->options.server->arena_budget_bytes;
    if (scratch == NULL || sp_arena_init(&scratch->arena, SCRATCH_BYTES, budget) != SP_OK) {
        free(scratch);
        return NULL;
    }
    return scratch;
}

static void free_loop_scratch(struct h2_scratch *scratch) {
    sp_arena_fini(&scratch->arena);
    free(scratch);
}

bool sp_rpc_h2_pool_add_scratch(struct h2_call *call) {
    struct h2_loop *loop = call->loop;
    struct h2_scratch *scratch = loop->free_scratch;
    if (scratch == NULL) {
        scratch = create_loop_scratch(loop);
        if (scratch == NULL)
            return false;
    } else {
        loop->free_scratch = scratch->next;
        loop->free_scratch_count--;
    }
    call->scratch = scratch;
    call->base.arena = &scratch->arena;
    return true;
}

void sp_rpc_h2_pool_release_scratch(struct h2_call *call) {
    struct h2_loop *loop = call->loop;
    struct h2_scratch *scratch = call->scratch;
    call->base.request = (struct sp_bytes){NULL, 0};
    if (scratch == NULL)
        return;
    call->scratch = NULL;
    call->base.arena = NULL;
    sp_arena_wipe(&scratch->arena);
    if (loop->free_scratch_count >= FREE_SCRATCH_MAX) {
        free_loop_scratch(scratch);
        return;
    }
    scratch->next = loop->free_scratch;
    loop->free_scratch = scratch;
    loop->free_scratch_count++;
}

void sp_rpc_h2_pool_free_alone(struct h2_call *call) {
    if (call->scratch != NULL) {
        sp_arena_wipe(&call->scratch->arena);
        free_loop_scratch(call->scratch);
    }
    free_pooled_call(call);
}

void sp_rpc_h2_pool_fini(struct h2_loop *loop) {
    while (loop->free_calls != NULL) {
        struct h2_call *call = loop->free_calls;
        loop->free_calls = call->next_ready;
        free_pooled_call(call);
    }
    while (loop->free_scratch != NULL) {
        struct h2_scratch *scratch = loop->free_scratch;
        loop->free_scratch = scratch->next;
        free_loop_scratch(scratch);
    }
}
