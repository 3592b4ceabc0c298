/* Inside src/rpc: accepted connections, and how much each of them may take.
 *
 * An engine parses what clients send before anybody is authenticated, and the gRPC C core keeps all
 * of it: open calls, cancelled calls that wait for a worker (up to 25 KiB for 50 bytes), header
 * blocks and messages that never end. So its memory is bounded from outside, whatever the bytes
 * are. The kernel counts what a connection has received and sent. What it sent and no answer has
 * paid for is what an engine may still hold: a call pays for its own bytes when a worker is done
 * with it (rpc/credit.h), and each byte that goes back pays for one, so that an engine's own
 * acknowledgements pay for what they acknowledge and no more. A connection that holds more than it
 * may, or holds it for longer than a request may take, is shut down.
 *
 * A connection is proven once some of its calls succeeded that are not for everybody, as health and
 * reflection are. Until then it may hold little, all that are not proven together too, and the
 * kernel takes little at once. When the process itself holds more than it should
 * (rpc/memory_watch.h), the limits are low for all, those that are not proven may send little in a
 * second, and the connection that holds most is shut down.
 *
 * For Unix sockets the kernel counts only what waits to be read, which is looked at when memory is
 * short: one that had bytes waiting whenever it was looked at sends the most. An address whose
 * connections are shut down again and again is refused new ones for a moment (rpc/offenders.h).
 *
 * A thread of its own looks at the connections: the one that accepts may be kept by gRPC for as
 * long as a client goes on sending. Functions are for any thread. */
#ifndef SP_RPC_CONNECTIONS_H
#define SP_RPC_CONNECTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/peer.h"
#include "base/status.h"
#include "rpc/bounds.h"

struct connections;
struct credit; /* rpc/credit.h */

enum {
    /* SO_RCVBUF of listeners, which their connections inherit, and by which their first window is
     * announced: what is in it when a connection is shut down is read all the same. */
    SP_RPC_FIRST_RECEIVE_BYTES = 2 * 1024,
};

/* Who may have how many connections of a listener. */
struct connection_cap {
    bool self_bounded; /* its engine bounds what a connection holds: only their number is looked after here */
    unsigned most;
    unsigned most_per_peer;
    int64_t most_unanswered; /* bytes of a connection that was not answered yet */
    int64_t idle_ms;         /* how long a connection is idle before it may be closed for a new one */
};

/* NULL when out of memory. The counts must outlive it. */
struct connections *sp_rpc_connections_create(const struct sp_rpc_connection_limits *limits,
                                              struct sp_rpc_bound_counts *counts);
/* Ends the thread, and closes nothing but its own descriptors. NULL is allowed. */
void sp_rpc_connections_free(struct connections *connections);

/* Starts the thread. SP_ERR_IO. */
enum sp_status sp_rpc_connections_start(struct connections *connections, struct sp_error *error) SP_MUST_USE;

/* ---- for the thread that accepts ---- */

/* Whether a listener that may have `most` connections can take one more; if not, closes the one
 * that has been idle for longest. Seldom while memory is short. */
bool sp_rpc_connections_have_room(struct connections *connections, size_t listener, const struct connection_cap *cap);
/* The same for one peer's connections. */
bool sp_rpc_connections_have_room_for_peer(struct connections *connections, size_t listener,
                                           const struct connection_cap *cap, const struct sp_peer *peer);
/* Whether the peer's connections to the listener were shut down so often that it is refused during
 * a penalty. */
bool sp_rpc_connections_refuse(struct connections *connections, size_t listener, const struct sp_peer *peer);
/* Registers an accepted connection of a listener with that cap and takes over a duplicate of its
 * socket. False when out of memory: the duplicate is still the caller's. */
bool sp_rpc_connections_add(struct connections *connections, size_t listener, const struct connection_cap *cap,
                            const struct sp_peer *peer, int duplicate_fd) SP_MUST_USE;

/* ---- for engines that bound what a connection holds themselves ---- */

/* The engine ends a connection of this peer because it floods: an offence, as if it had been shut
 * down here. Any thread. */
void sp_rpc_connections_note_flood(struct connections *connections, const struct sp_peer *peer);

/* ---- for whoever stops the server ---- */

/* Shuts all of them down. Each ends for its client as one that broke, with what was written to
 * it. */
void sp_rpc_connections_cut_all(struct connections *connections);

/* ---- for workers ---- */

/* What a connection counts for a call, until the call gives it back. All zero: nothing. */
struct claim {
    struct sp_peer peer;
    uint64_t connection; /* its number: a later one may have the same peer */
    size_t bytes;
};

unsigned sp_rpc_connections_count(const struct connections *connections);
/* What all connections together held at the last sweep. */
size_t sp_rpc_connections_held_bytes(const struct connections *connections);

/* This peer is admitted to send a request of so many bytes. False if all together hold so much that
 * there is no room for it. Until the admission is given back its connection may hold as many, and
 * at least 8 MiB. */
bool sp_rpc_connections_admit(struct connections *connections, const struct sp_peer *peer, size_t bytes,
                              struct claim *ret_admission) SP_MUST_USE;
/* What the calls of this peer's connection have settled; the caller drops it. NULL if there is no
 * such connection. */
struct credit *sp_rpc_connections_hold_credit(struct connections *connections, const struct sp_peer *peer);
/* Gives back what was admitted, once however often it is called. `complete`: the request has come,
 * and was settled; otherwise its connection is forgiven what the engine threw away of it. */
void sp_rpc_connections_release(struct connections *connections, struct claim *admission, bool complete);

/* An answer of so many bytes goes to this peer. A connection that takes nothing for as long as an
 * answer may take is shut down, and the one that owes most when all together owe more than requests
 * may take. */
void sp_rpc_connections_owe(struct connections *connections, const struct sp_peer *peer, size_t bytes,
                            struct claim *ret_owed);
/* The peer has taken it, or never will. Once however often it is called. */
void sp_rpc_connections_pay(struct connections *connections, struct claim *owed);

#endif
