/* Inside src/rpc: the connections that rpc/connections.h watches. With the lock held, unless it is
 * said otherwise. */
#ifndef SP_RPC_WATCHED_H
#define SP_RPC_WATCHED_H

#include <pthread.h>

#include "base/peer.h"
#include "base/status.h"
#include "rpc/bounds.h"
#include "rpc/credit.h"
#include "rpc/memory_watch.h"
#include "rpc/offenders.h"

enum {
    WATCHED_BUCKETS = 4096,   /* by port */
    WATCHED_REST_BYTES = 256, /* acknowledgements and window updates, which get no reply */
    WATCHED_NEW_MS = 1000,    /* a connection without a request gets so much time before others need its place */
};

struct connection {
    struct connection *next; /* in its bucket */
    struct sp_peer peer;
    uint64_t number; /* that no other connection has had */
    size_t listener;
    int fd;            /* a duplicate of the engine's: it stays this connection's for as long as it is open */
    bool counted;      /* the kernel counts its bytes */
    bool self_bounded; /* they do not matter here */
    bool proven;       /* it was answered what not everybody is */
    bool wide;         /* its receive buffer is a listener's */
    uint64_t received, sent, settled; /* as last looked at */
    uint64_t recent_from;             /* what it had received at the beginning of this RECENT_MS */
    int64_t unanswered;
    int64_t most_unanswered; /* until it is proven */
    int64_t active_ms;       /* when bytes last went either way */
    int64_t complete_ms;     /* when nothing was unanswered, or a request began or made way for the next */
    uint64_t completed;      /* bytes that were settled since then */
    struct credit *credit;
    int64_t forgiven_ms;      /* up to when it was forgiven what no answer pays */
    uint64_t admitted;        /* bytes of requests that were admitted and are being read */
    uint64_t owed;            /* bytes of answers that the client has not taken */
    int64_t taken_ms;         /* when it last took something, or nothing was owed */
    bool lapsed;              /* one of them has ended before it was complete */
    int64_t next_forgiven_ms; /* when the bytes of such a request may be forgiven again */
};

struct connections {
    struct offenders offenders;
    struct memory_watch memory;
    struct sp_rpc_connection_limits limits;
    struct sp_rpc_bound_counts *counts;
    struct connection **all;
    size_t capacity;
    atomic_size_t count;
    atomic_size_t held;
    uint64_t last_number;
    uint64_t owed; /* by all */
    /* As the last sweep found them. */
    bool restless, in_need;
    bool judged;    /* there is one whose engine does not bound what it holds */
    bool strangers; /* one that is not proven has sent something lately */
    struct connection *buckets[WATCHED_BUCKETS];
    pthread_mutex_t lock; /* over all of it */
    pthread_cond_t changed;
    pthread_t thread;
    bool running, stopping;
    int64_t recent_since_ms;
    int64_t next_newcomer_ms;  /* when the next may be accepted although memory is short */
    int64_t draining_until_ms; /* until what strangers held that were shut down is free */
    int64_t next_culprit_ms;   /* when another may be shut down for no more than its size or its traffic */
};

/* NULL if there is none. */
struct connection *sp_rpc_watched_find(struct connections *connections, const struct sp_peer *peer);
/* False when out of memory. */
bool sp_rpc_watched_append(struct connections *connections, struct connection *made) SP_MUST_USE;
/* The one at that place ends here; another has its place then. */
void sp_rpc_watched_forget(struct connections *connections, size_t at);
/* The same, and shuts it down: its engine learns of it as of a connection that broke. */
void sp_rpc_watched_end(struct connections *connections, size_t at, enum sp_rpc_bound why);
/* The same, and an offence of its address if it held too much. */
void sp_rpc_watched_cut(struct connections *connections, size_t at, enum sp_rpc_bound why);
/* Lets it receive more at once. Without the lock, if nobody else knows it yet. */
void sp_rpc_watched_widen(struct connection *connection);
/* Closes its duplicate of the socket. */
void sp_rpc_watched_free(struct connection *connection);

#endif
