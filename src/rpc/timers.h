/* Inside src/rpc, and for src/connect: what is due when, on one thread: a binary heap. */
#ifndef SP_RPC_TIMERS_H
#define SP_RPC_TIMERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

/* A part of what it is for. Zeroed: not set. */
struct timer {
    int64_t due_ms; /* of CLOCK_MONOTONIC */
    size_t at;      /* place in the heap, from 1; 0: not set */
    void *owner;    /* whose timer it is; not touched here */
};

/* Zeroed at first. */
struct timers {
    struct timer **heap; /* element 0 is unused */
    size_t count, capacity;
};

/* Sets a timer, or changes its time. False when out of memory. */
bool sp_rpc_timers_set(struct timers *timers, struct timer *timer, int64_t due_ms) SP_MUST_USE;
/* Does nothing if it is not set. */
void sp_rpc_timers_unset(struct timers *timers, struct timer *timer);
/* The one that is due first; NULL for none. */
struct timer *sp_rpc_timers_first(const struct timers *timers);
void sp_rpc_timers_fini(struct timers *timers);

#endif
