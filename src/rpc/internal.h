/* What the files of src/rpc share: a server's workers, and the calls that they own.
 *
 * A call belongs to one worker from the moment it is requested until it is recycled, and only that worker's thread changes
 * it; the exceptions are named. Nothing outside src/rpc includes this. */
#ifndef SP_RPC_INTERNAL_H
#define SP_RPC_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include <grpc/grpc.h>

#include "rpc/listen.h"
#include "rpc/server.h"

struct worker;
struct tag;

/* What a completion queue hands back: which call, and what happened to it. */
struct tag {
    void (*run)(struct tag *tag, bool ok);
    void *owner;
};

struct method {
    struct sp_rpc_method about;
};

/* A way into the server, for connections of one kind (door.c). */
struct door {
    struct sp_rpc_server *server;
    enum sp_rpc_peer_kind kind;
    bool health_only;
    bool uid_known; /* a Unix door for one user id */
    uint32_t uid;
    struct handover handover;
    grpc_server *grpc;
    void **handles;   /* gRPC's, of each of the server's methods; NULL: not served here */
    struct tag *shut; /* for each worker: no connection is left */
};

/* A call's arena. They are pooled last in, first out: the next call finds its memory still in the processor's cache. */
struct scratch {
    struct sp_arena arena;
    struct scratch *next;
};

struct sp_rpc_call {
    struct worker *worker;
    struct door *door;
    const struct method *method; /* NULL: of the calls that no method matches */
    struct sp_rpc_call *next;    /* in the worker's free list */
    struct tag arrived;
    struct tag done;   /* the final batch */
    struct tag closed; /* the call is over on the wire: of streams, and of unary calls that wait */

    grpc_call *grpc;
    gpr_timespec deadline;
    grpc_metadata_array metadata;
    grpc_call_details details; /* where `method` is NULL */
    grpc_byte_buffer *payload;
    grpc_slice merged; /* the payload in one piece, where it came in several */
    struct sp_bytes request;
    struct scratch *scratch;
    grpc_byte_buffer *reply; /* reused from call to call */
    int cancelled;

    bool watched;  /* `closed` was asked for */
    bool over;     /* `closed` has come */
    bool finished; /* `done` has come */
    /* What answers a call, on any thread, comes before what its worker does next. gRPC's queue sees to that; this says it to
     * the compiler, to the reader and to the thread sanitizer. */
    atomic_bool answered;

    /* unary calls that wait */
    unsigned retries;
    int64_t started_ms;
    int64_t due_ms;
    size_t timer_at; /* place in the worker's heap, 1-based; 0: not in it */

    /* streams */
    struct sp_rpc_call *previous_stream, *next_stream;
    void *state;
    struct tag received, sent, woken;
    grpc_byte_buffer *incoming;
    bool initial_sent, reading, sending, finishing, status_sent, closing;
    bool last_word; /* of a stopping server's stream: its next `sent` is the last event but `closed` */
    enum sp_status final_status;
    grpc_slice final_message;
    atomic_bool wake_pending; /* any thread */
};

struct worker {
    struct sp_rpc_server *server;
    unsigned index;
    grpc_completion_queue *cq;
    pthread_t thread;
    struct sp_rpc_call *current; /* whose unary handler runs and has not been answered yet */
    struct sp_rpc_call *free_calls;
    size_t free_call_count;
    struct scratch *free_scratch;
    size_t free_scratch_count;
    struct sp_rpc_call **timers; /* a binary heap by due_ms; element 0 is unused */
    size_t timer_count, timer_capacity;
    struct sp_rpc_call *streams;
    bool stopping;            /* its streams were told to end */
    size_t live;              /* calls that arrived and are not recycled yet */
    atomic_size_t open_doors; /* of a stopping server: those that have connections still; atomic as `answered` is */
    bool shut;                /* none has: the queue ends with the last live call */
};

struct sp_rpc_server {
    struct sp_rpc_server_options options;
    struct door *doors;
    size_t door_count;
    struct door *tcp_door, *health_door; /* among `doors`, or NULL */
    struct door *unix_doors;             /* the first of them */
    struct server_tls *tls;
    struct method *methods;
    size_t method_count;
    struct worker *workers;
    unsigned worker_count;
    unsigned threads_running;
    struct listeners *listeners;
    struct health *health;
    struct reflection *reflection;
    bool attached; /* its doors are whole */
    bool started;
    bool stopped;
    atomic_bool stopping;
    pthread_mutex_t lock; /* over workers_shut */
    pthread_cond_t changed;
    unsigned workers_shut;
};

/* The worker whose thread this is; NULL elsewhere. */
extern _Thread_local struct worker *current_worker;

int64_t monotonic_ms(void);

/* ---- worker.c ---- */

/* Requests one more call of the method (NULL: of unknown methods). When memory is short there will be one fewer. */
void worker_request(struct worker *worker, struct door *door, const struct method *method);
/* A door has no connection left. */
void worker_door_shut(struct tag *tag, bool ok);
/* Says that a call that had arrived is recycled. */
void worker_call_ended(struct worker *worker);
/* Takes back a call that holds nothing. */
void worker_give_call(struct worker *worker, struct sp_rpc_call *call);
/* Requests all that a worker keeps requested. */
void worker_request_all(struct worker *worker);
void *worker_main(void *worker);
/* Frees the pools, after the thread has ended. */
void worker_fini(struct worker *worker);
struct scratch *worker_take_scratch(struct worker *worker);
void worker_give_scratch(struct worker *worker, struct scratch *scratch);
/* False when out of memory. */
bool worker_add_timer(struct worker *worker, struct sp_rpc_call *call, int64_t due_ms);
void worker_remove_timer(struct worker *worker, struct sp_rpc_call *call);

/* ---- door.c ---- */

/* Binds the listeners and makes the doors that they lead to. SP_ERR_INVALID, SP_ERR_IO, SP_ERR_MEMORY. */
enum sp_status doors_open(struct sp_rpc_server *server, const struct sp_rpc_server_options *options,
                          struct sp_error *error) SP_MUST_USE;
/* Connects the doors with the workers, the methods and the listeners, all of which are there. SP_ERR_INVALID,
 * SP_ERR_INTERNAL, SP_ERR_MEMORY. */
enum sp_status doors_attach(struct sp_rpc_server *server, struct sp_error *error) SP_MUST_USE;
void doors_start(struct sp_rpc_server *server);
/* Takes no more calls; each worker is told of each door when no connection of it is left. */
void doors_shut(struct sp_rpc_server *server);
void doors_cancel_calls(struct sp_rpc_server *server);
void doors_free(struct sp_rpc_server *server);

/* ---- call.c ---- */

struct sp_rpc_call *call_create(struct worker *worker);
/* Frees a call that is in no list and has nothing under way. */
void call_free(struct sp_rpc_call *call);
/* Drops what the call holds and puts it back into its worker's pool. */
void call_recycle(struct sp_rpc_call *call);
void call_start_batch(struct sp_rpc_call *call, const grpc_op *ops, size_t count, struct tag *tag);
/* Has `closed` run when the call is over on the wire. */
void call_watch(struct sp_rpc_call *call);
/* Answers with an error, whatever the method. */
void call_reject(struct sp_rpc_call *call, enum sp_status status, const char *message);
bool call_is_compressed(const grpc_byte_buffer *buffer);
/* The bytes of a byte buffer: in place where they are one slice, else merged into `*merged`. */
struct sp_bytes call_read_buffer(grpc_byte_buffer *buffer, grpc_slice *merged);
/* A message for the wire: cut to what a header may carry, at a character's boundary. */
grpc_slice call_message_slice(const char *message);
void call_unary_arrived(struct sp_rpc_call *call);
void call_unary_retry(struct sp_rpc_call *call);

/* ---- stream.c ---- */

void stream_arrived(struct sp_rpc_call *call);
/* Ends the call with a status; SP_OK is allowed. Does nothing when it is ending already. */
void stream_end(struct sp_rpc_call *call, enum sp_status status, const char *message);
/* Recycles the call when it is over and nothing of it is under way any more. */
void stream_settle(struct sp_rpc_call *call);
/* Ends all streams of a worker whose server stops. */
void stream_end_all(struct worker *worker);
void stream_received(struct tag *tag, bool ok);
void stream_sent(struct tag *tag, bool ok);
void stream_woken(struct tag *tag, bool ok);

#endif
