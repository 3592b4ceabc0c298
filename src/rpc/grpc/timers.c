#include "rpc/grpc/timers.h"

#include <stdlib.h>

#include "base/array.h"

static void place_call(struct timers *timers, size_t at, struct sp_rpc_call *call) {
    timers->heap[at] = call;
    call->timer_at = at;
}

static void sift_call_up(struct timers *timers, size_t at, struct sp_rpc_call *call) {
    while (at > 1 && timers->heap[at / 2]->due_ms > call->due_ms) {
        place_call(timers, at, timers->heap[at / 2]);
        at /= 2;
    }
    place_call(timers, at, call);
}

static void sift_call_down(struct timers *timers, size_t at, struct sp_rpc_call *call) {
    for (;;) {
        size_t child = 2 * at;
        if (child > timers->count)
            break;
        if (child < timers->count && timers->heap[child + 1]->due_ms < timers->heap[child]->due_ms)
            child++;
        if (timers->heap[child]->due_ms >= call->due_ms)
            break;
        place_call(timers, at, timers->heap[child]);
        at = child;
    }
    place_call(timers, at, call);
}

bool sp_rpc_timers_add(struct timers *timers, struct sp_rpc_call *call, int64_t due_ms) {
    struct sp_rpc_call **heap =
        sp_array_reserve(timers->heap, timers->count + 1, &timers->capacity, sizeof(struct sp_rpc_call *));
    if (heap == NULL)
        return false;
    timers->heap = heap;
    call->due_ms = due_ms;
    sift_call_up(timers, ++timers->count, call);
    return true;
}

void sp_rpc_timers_remove(struct timers *timers, struct sp_rpc_call *call) {
    size_t at = call->timer_at;
    struct sp_rpc_call *last = timers->heap[timers->count--];
    call->timer_at = 0;
    if (last == call)
        return;
    if (at > 1 && timers->heap[at / 2]->due_ms > last->due_ms)
        sift_call_up(timers, at, last);
    else
        sift_call_down(timers, at, last);
}

struct sp_rpc_call *sp_rpc_timers_first(const struct timers *timers) {
    return timers->count == 0 ? NULL : timers->heap[1];
}

void sp_rpc_timers_fini(struct timers *timers) {
    free(timers->heap);
}
