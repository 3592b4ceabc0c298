/* What clients may take of a gRPC server, and how often each bound was met. Any thread. */
#ifndef SP_RPC_BOUNDS_H
#define SP_RPC_BOUNDS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/* Why connections were closed or refused, and calls refused, by the server's bounds. */
enum sp_rpc_bound {
    SP_RPC_BOUND_UNANSWERED, /* connection closed: it held more bytes without a reply than one may */
    SP_RPC_BOUND_SLOW,       /* connection closed: a request was not complete in time */
    SP_RPC_BOUND_BUDGET,     /* connection closed: it held the most when all together held too much */
    SP_RPC_BOUND_IDLE,       /* connection closed: it was idle, and a new one needed its place */
    SP_RPC_BOUND_PEER,       /* connection refused: its address has as many as one address may */
    SP_RPC_BOUND_MESSAGE,    /* call refused: the message is larger than the method accepts */
    SP_RPC_BOUND_INCOMPLETE, /* call refused: its request was not complete in time */
    SP_RPC_BOUND_MEMORY,     /* call refused: all together hold too much for a large request */
    SP_RPC_BOUND_HEAD,       /* call refused: its metadata is larger than the server accepts */
    SP_RPC_BOUND_RESETS,     /* connection closed: it cancelled calls faster than any client needs to */
    SP_RPC_BOUND_FRAMES,     /* connection closed: it sent control or empty frames faster than any client needs to */
    SP_RPC_BOUND_STALLED,    /* connection closed: it did not take its answers in time */
    SP_RPC_BOUND_TLS,        /* connection refused: the TLS handshake failed */
    SP_RPC_BOUND_COUNT,
};

/* The name of a bound in metrics: "unanswered". */
const char *sp_rpc_bound_name(enum sp_rpc_bound bound);

/* How often each was met. */
struct sp_rpc_bound_counts {
    atomic_uint_fast64_t of[SP_RPC_BOUND_COUNT];
};

static inline void sp_rpc_bound_count(struct sp_rpc_bound_counts *counts, enum sp_rpc_bound bound) {
    atomic_fetch_add_explicit(&counts->of[bound], 1, memory_order_relaxed);
}

enum {
    /* SO_RCVBUF of a connection that is proven or on which a request was admitted. Less stalls
     * messages that are larger than a segment of the loopback interface, 64 KiB. */
    SP_RPC_RECEIVE_BYTES = 64 * 1024,
};

/* Whole limits of a server's connections; 0: the default in the comment. */
struct sp_rpc_connection_limits {
    unsigned max_connections;          /* on each listener; more wait in the backlog; 10,000 */
    unsigned max_connections_per_peer; /* on each listener, from one address or user id; half of max_connections */
    unsigned max_health_connections;   /* on each listener for health; 256 */
    unsigned request_timeout_s;        /* for a request from its first byte to its last; 10 */
    size_t request_memory_bytes;       /* for requests under way, over all connections; 32 MiB */
    unsigned answer_timeout_s;         /* for a client to take something of an answer; 30 */
    /* For nghttp2 only; the gRPC C core has limits of its own. */
    size_t max_metadata_bytes;         /* of a call, counted as RFC 9113 section 6.5.2 says; 64 KiB */
    unsigned max_resets_per_second;    /* calls that one connection may cancel; 1,000 */
    unsigned max_control_frames_per_s; /* on one connection, frames that are neither HEADERS nor DATA; 20,000 */
    unsigned max_empty_frames_per_s;   /* on one connection, DATA frames that carry nothing; 1,000 */
};

#endif
