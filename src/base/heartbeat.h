/* A sign of life of a thread: a number that grows each time the thread goes round its loop. Whoever
 * watches it takes a thread whose number stands still for stuck (daemon/watchdog.h).
 *
 * The thread itself beats; any thread reads. */
#ifndef SP_BASE_HEARTBEAT_H
#define SP_BASE_HEARTBEAT_H

#include <stdatomic.h>
#include <stdint.h>

enum { SP_HEARTBEAT_EVERY_MS = 1000 }; /* how often an idle thread beats at least */

/* Zeroed at first. */
struct sp_heartbeat {
    _Atomic uint64_t beats;
};

static inline void sp_heartbeat_beat(struct sp_heartbeat *heartbeat) {
    uint64_t beats = atomic_load_explicit(&heartbeat->beats, memory_order_relaxed);
    atomic_store_explicit(&heartbeat->beats, beats + 1, memory_order_relaxed);
}

static inline uint64_t sp_heartbeat_read(const struct sp_heartbeat *heartbeat) {
    return atomic_load_explicit(&heartbeat->beats, memory_order_relaxed);
}

#endif
