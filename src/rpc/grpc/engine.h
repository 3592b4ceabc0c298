/* What the bodies of src/rpc/grpc share: a server on the gRPC C core with its workers, and the
 * calls that they own.
 *
 * A call belongs to one worker from when it is requested until it is recycled, and only that
 * worker's thread changes it; exceptions are named. Nothing outside src/rpc/grpc includes this. */
#ifndef SP_RPC_GRPC_ENGINE_H
#define SP_RPC_GRPC_ENGINE_H

#include <pthread.h>
#include <stdatomic.h>

#include <grpc/grpc.h>

#include "base/heartbeat.h"
#include "rpc/engine.h"
#include "rpc/grpc/handover.h"
#include "rpc/grpc/shared.h"
#include "rpc/timers.h"

/* What a completion queue hands back: what happened, and to which call (of TAG_DOOR_SHUT,
 * TAG_END_STREAMS and TAG_REFUSE: to which worker). */
struct tag {
    enum tag_kind {
        TAG_ARRIVED,  /* a client called, or the server shuts down */
        TAG_DONE,     /* the final batch ended */
        TAG_CLOSED,   /* the call is over on the wire: of streams, and of unary calls that wait */
        TAG_RECEIVED, /* a message that was asked for: of streams, and of unary calls that read their request */
        TAG_SENT,
        TAG_WOKEN,
        TAG_DOOR_SHUT, /* a door has no connection left */
        /* of a server that stops (rpc/grpc/bell.h): */
        TAG_END_STREAMS, /* streams end */
        TAG_REFUSE,      /* no call is handled any more, and none is waited for */
        TAG_BELL_RUNG,
    } kind;
    void *owner;
};

/* A way into the server, for connections of one kind. gRPC does not reveal which socket or listener
 * a call came from, so each kind of connection has a gRPC server of its own, over the same workers
 * and queues. */
struct door {
    struct core_server *server;
    enum sp_peer_kind kind;
    bool uid_known; /* a Unix door for one user id */
    uint32_t uid;
    struct handover handover;
    grpc_server *grpc;
    void **handles;   /* gRPC's, of each of the server's methods; NULL: not served here */
    struct tag *shut; /* for each worker */
};

/* A call's arena. They are pooled last in, first out: the next call finds its memory still in the
 * processor's cache. */
struct scratch {
    struct sp_arena arena;
    struct scratch *next;
};

/* Who answers a unary call whose handler returned without an answer. */
enum keeping {
    KEPT_BY_NOBODY, /* as long as the handler has not returned */
    KEPT,           /* by the handler, which may answer on any thread */
    KEPT_ANSWERED,  /* the handler has answered */
    KEPT_TOO_LONG,  /* the stopping server has answered; what the handler does is ignored */
    KEPT_ALONE,     /* the same, and the worker is done with it: the handler's answer frees the call */
};

struct core_call {
    struct sp_rpc_call base;
    struct worker *worker;
    struct door *door;
    bool is_stream;         /* by its method, which ends with the server; a kept call may live on */
    struct core_call *next; /* in the worker's free list */
    struct tag arrived, done, closed;

    grpc_call *grpc;
    gpr_timespec deadline;
    grpc_metadata_array metadata;
    enum { PEER_UNREAD, PEER_COUNTED, PEER_UNCOUNTED } peer_state; /* whether bytes are counted by `peer` */
    struct sp_peer peer;
    size_t message_bytes;      /* of a request that gRPC has read ahead */
    bool settled;              /* what it took on the wire is paid for */
    bool granted;              /* it was answered with success */
    struct claim admission;    /* given back when its request is complete, or with the call */
    struct claim owed;         /* given back when the client has taken the answer, or with the call */
    grpc_metadata announced;   /* what the reply begins with */
    grpc_call_details details; /* if it has no method */
    grpc_byte_buffer *payload;
    grpc_slice merged; /* the payload in one piece, if it came in several */
    struct scratch *scratch;
    grpc_byte_buffer *reply; /* reused from call to call */
    int cancelled;

    bool watched;  /* TAG_CLOSED was asked for */
    bool over;     /* TAG_CLOSED has come */
    bool finished; /* TAG_DONE has come */
    /* What answers a call, on any thread, comes before what its worker does next. gRPC's queue
     * ensures that; this shows it to the compiler, to the reader and to the thread sanitizer. */
    atomic_bool answered;

    atomic_uint keeping; /* enum keeping; any thread */

    /* unary calls that wait */
    unsigned deferrals; /* left, until it is known whether its client is still there */
    struct timer timer; /* of streams: when it ends by its age */

    /* calls that are under way for longer than their handler runs */
    bool is_pending;
    struct core_call *previous_pending, *next_pending;

    /* streams */
    struct tag received, sent, woken;
    grpc_byte_buffer *incoming;
    bool initial_sent, reading, sending, finishing, status_sent, closing;
    bool last_word; /* of a stopping server's stream: its next TAG_SENT is the last event but TAG_CLOSED */
    enum sp_status final_status;
    grpc_slice final_message;
    atomic_bool wake_pending;              /* any thread */
    bool has_sent, has_sent_ok, was_woken; /* what its turn is for */
    bool awaits_turn;
    struct core_call *next_turn;
};

/* A connection whose calls a worker has seen, by gRPC's name for it. */
struct peer_memo {
    const void *context; /* never followed */
    struct credit *credit;
};

enum { PEER_MEMOS = 256 };

/* The last of a server's workers answers health only, and is not one of those that handlers
 * know. */
struct worker {
    struct core_server *server;
    unsigned index;
    bool health_only;
    struct sp_heartbeat heartbeat;
    int64_t beat_due_ms; /* when it wakes up to beat, if nothing else wakes it */
    grpc_completion_queue *cq;
    pthread_t thread;
    struct core_call *current; /* whose unary handler runs and has not been answered yet */
    struct core_call *free_calls;
    size_t free_call_count;
    struct scratch *free_scratch;
    size_t free_scratch_count;
    struct timers timers;
    int64_t careful_until_ms;         /* after a slow handler: clients of the calls behind it may have given up */
    struct sp_tls_crl_memo *crl_memo; /* if the server has a crl */
    struct peer_memo peers[PEER_MEMOS];
    /* Streams, and unary calls that wait, are kept, or read their request. */
    struct core_call *pending;
    atomic_size_t pending_count;                /* written by the worker, read by whoever stops the server */
    struct timers ages;                         /* of streams that end at a maximum age */
    struct core_call *turns_first, *turns_last; /* streams whose handlers are to be called */
    bool stopping;                              /* its streams were asked to end */
    bool refusing;                              /* calls that arrive are refused */
    size_t live;                                /* calls that arrived and are not recycled yet */
    size_t requested;                           /* calls that have not arrived yet; each arrives or comes back */
    atomic_size_t open_doors; /* of a stopping server: those that still have connections; atomic as `answered` is */
    bool shut;                /* none has: the queue ends with the last live call */
};

struct core_server {
    struct sp_rpc_server_options options;
    struct core_shared shared;
    struct door *doors;
    size_t door_count;
    struct door *tcp_door;   /* among `doors`, or NULL */
    struct door *unix_doors; /* the first of them */
    struct server_tls *tls;
    const struct sp_rpc_method *methods;
    size_t method_count;
    struct worker *workers;
    unsigned worker_count;
    unsigned threads_running;
    bool attached; /* its doors are ready */
    bool stopped;
    atomic_bool stopping;
    struct bell *end_streams, *refuse; /* of a started server */
    pthread_mutex_t lock;              /* over the two counts */
    pthread_cond_t changed;
    unsigned workers_refusing;
    unsigned workers_shut;
};

#endif
