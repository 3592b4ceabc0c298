#include "rpc/timers.h"

#include <stdlib.h>

#include "base/array.h"

static void place_timer(struct timers *timers, size_t at, struct timer *timer) {
    timers->heap[at] = timer;
    timer->at = at;
}

static void sift_timer_up(struct timers *timers, size_t at, struct timer *timer) {
    while (at > 1 && timers->heap[at / 2]->due_ms > timer->due_ms) {
        place_timer(timers, at, timers->heap[at / 2]);
        at /= 2;
    }
    place_timer(timers, at, timer);
}

static void sift_timer_down(struct timers *timers, size_t at, struct timer *timer) {
    for (;;) {
        size_t child = 2 * at;
        if (child > timers->count)
            break;
        if (child < timers->count && timers->heap[child + 1]->due_ms < timers->heap[child]->due_ms)
            child++;
        if (timers->heap[child]->due_ms >= timer->due_ms)
            break;
        place_timer(timers, at, timers->heap[child]);
        at = child;
    }
    place_timer(timers, at, timer);
}

bool sp_rpc_timers_set(struct timers *timers, struct timer *timer, int64_t due_ms) {
    sp_rpc_timers_unset(timers, timer);
    struct timer **heap = sp_array_reserve(timers->heap, timers->count + 1, &timers->capacity, sizeof(struct timer *));
    if (heap == NULL)
        return false;
    timers->heap = heap;
    timer->due_ms = due_ms;
    sift_timer_up(timers, ++timers->count, timer);
    return true;
}

void sp_rpc_timers_unset(struct timers *timers, struct timer *timer) {
    size_t at = timer->at;
    if (at == 0)
        return;
    struct timer *last = timers->heap[timers->count--];
    timer->at = 0;
    if (last == timer)
        return;
    if (at > 1 && timers->heap[at / 2]->due_ms > last->due_ms)
        sift_timer_up(timers, at, last);
    else
        sift_timer_down(timers, at, last);
}

struct timer *sp_rpc_timers_first(const struct timers *timers) {
    return timers->count == 0 ? NULL : timers->heap[1];
}

void sp_rpc_timers_fini(struct timers *timers) {
    free(timers->heap);
}
