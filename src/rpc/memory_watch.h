/* Inside src/rpc: whether the process has grown by more than requests in progress may take. What an
 * engine keeps for a byte that it has received cannot be known; what the process holds can. One
 * thread at a time. */
#ifndef SP_RPC_MEMORY_WATCH_H
#define SP_RPC_MEMORY_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MEMORY_WATCH_READINGS = 5 };

struct memory_watch {
    int statm_fd; /* negative: nothing is known, and memory is never short */
    size_t request_memory_bytes;
    /* Without requests: one reading a second, the oldest first to go. */
    size_t quiet_bytes[MEMORY_WATCH_READINGS];
    unsigned readings;
    int64_t next_reading_ms;
    int64_t next_trim_ms;
};

void sp_rpc_memory_watch_init(struct memory_watch *watch, size_t request_memory_bytes);
void sp_rpc_memory_watch_fini(struct memory_watch *watch);

/* Little is held for requests now: what the process needs besides may be learned. Unless it is
 * `quiet`, somebody sends who may be taking that memory: then only so slowly that a flood would
 * take hours to pass for a need, and a need is known before it counts as a shortage. */
void sp_rpc_memory_watch_rest(struct memory_watch *watch, bool quiet, int64_t now_ms);
/* Whether the process holds more than it does at rest, its arenas, `connections` and the requests'
 * share together. */
bool sp_rpc_memory_watch_is_short(const struct memory_watch *watch, size_t connections);
/* For when memory is short: gives freed memory back to the system, now and then. Takes
 * milliseconds. */
void sp_rpc_memory_watch_trim(struct memory_watch *watch, int64_t now_ms);

#endif
