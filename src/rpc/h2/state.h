/* What the bodies of src/rpc/h2 share: loops, connections and calls. A connection and its calls
 * belong to one loop, and only its thread touches them; exceptions are named. */
#ifndef SP_RPC_H2_STATE_H
#define SP_RPC_H2_STATE_H

#include <pthread.h>
#include <stdatomic.h>

#include <nghttp2/nghttp2.h>

#include "base/heartbeat.h"
#include "rpc/engine.h"
#include "rpc/h2/head.h"
#include "rpc/h2/options.h"
#include "rpc/h2/socket.h"
#include "rpc/timers.h"

/* Bytes that grow. Zeroed: empty. */
struct h2_bytes {
    uint8_t *data;
    size_t size, capacity;
};

enum h2_event {
    H2_EVENT_ARRIVED = 1 << 0, /* its head is complete */
    H2_EVENT_INPUT = 1 << 1,   /* bytes may be handled: they have come, are wanted, or the client half-closed */
    H2_EVENT_SENT = 1 << 2,    /* what was to be sent is with the connection */
    H2_EVENT_WOKEN = 1 << 3,
    H2_EVENT_DUE = 1 << 4,      /* its timer has fired */
    H2_EVENT_ANSWERED = 1 << 5, /* another thread has answered it */
    H2_EVENT_STOPPING = 1 << 6, /* the server ends streams */
};

/* What another thread has answered, until the loop takes it. */
struct h2_answer {
    enum sp_status status;
    struct h2_bytes bytes; /* of SP_OK: a framed message; else a text */
};

/* Who answers a unary call whose handler has returned. */
enum h2_keeping {
    H2_KEPT,          /* the handler will, on any thread */
    H2_KEPT_ANSWERED, /* it has, and the loop will find that in its mail */
    H2_KEPT_ALONE,    /* the loop has ended: the handler's answer frees the call */
};

/* A call ends when its stream is closed and nobody holds it: not the queue of ready calls, not a
 * handler that has kept it, not a wake under way. */
struct h2_call {
    struct sp_rpc_call base;
    struct h2_loop *loop;
    struct h2_connection *connection;
    int32_t stream_id;
    struct head head;
    struct h2_scratch *scratch;
    int64_t since_ms;    /* when its request began */
    int64_t deadline_ms; /* INT64_MAX for none */

    struct h2_bytes input;  /* what has come and was not handled */
    size_t unreturned;      /* bytes of it whose room in the stream's window was not given back */
    size_t held;            /* bytes of it, and of its head, that its loop counts */
    struct h2_bytes output; /* framed messages that are not yet with the connection */
    size_t output_at;
    enum sp_status final_status;
    const char *final_message; /* in `final_text` or a constant */
    struct h2_bytes final_text;

    size_t held_output;      /* bytes of the output that its loop counts */
    int64_t owed_since_ms;   /* since when the client's window holds back what is to be sent; 0: nothing is */
    const char *http_status; /* of the refusal of a request that is not gRPC; NULL: it is gRPC */

    bool is_stream;   /* as its method is, which an answer may outlive */
    bool arrived;     /* its head is complete */
    bool half_closed; /* by the client */
    bool reading;     /* a message is wanted */
    bool running;     /* a handler runs: what it does is noticed by the one who called it */
    bool kept;        /* a handler owes an answer (unary), and the loop waits for it */
    bool parked;      /* until its timer fires, then it is handled again */
    bool opened;      /* a stream whose handler knows it */
    bool closed;      /* the handler was told that it is over */
    bool sending;     /* `sent` is due */
    bool head_sent;
    bool finishing;         /* no more messages; its status is or will be sent */
    bool ended;             /* the status is with the connection */
    bool gone;              /* its stream has closed */
    bool listed_unanswered; /* among the loop's unanswered calls */
    bool listed;            /* among the incomplete ones */
    bool was_reset;         /* by us: what its client has sent before it knew is ignored */

    unsigned events; /* what is due */
    bool queued;     /* in the loop's queue of ready calls */
    struct h2_call *next_ready;
    struct h2_call *previous, *next;                       /* of its connection */
    struct h2_call *previous_incomplete, *next_incomplete; /* of the loop, oldest first */
    struct timer timer;

    struct h2_call *previous_unanswered, *next_unanswered; /* of the loop */

    /* any thread */
    atomic_uint keeping; /* enum h2_keeping */
    atomic_bool mailed;  /* in the loop's mail */
    atomic_uint mail_events;
    struct h2_call *next_mail; /* also the next of the free calls */
    struct h2_answer answer;   /* the answering thread's until it has mailed the call */
};

struct h2_scratch {
    struct sp_arena arena;
    struct h2_scratch *next;
};

/* How often a client did what costs it less than us, within this second. */
struct h2_rates {
    int64_t second_ms; /* when it began */
    unsigned resets, control_frames, empty_frames;
    unsigned sent; /* pieces of answers, each of which a client may answer with control frames */
};

/* Streams that have closed lately, so that frames on them can be told from late ones. */
struct h2_closed_streams {
    int32_t ids[32]; /* without its lowest bit: we have reset or refused it */
    unsigned next;
};

enum h2_phase {
    H2_PHASE_GREETING, /* handshake, preface and first settings */
    H2_PHASE_SERVING,
    H2_PHASE_RETIRING,   /* the client was told that it will have to leave (first GOAWAY) */
    H2_PHASE_LEAVING,    /* it may finish what it has begun (last GOAWAY) */
    H2_PHASE_LAST_WORDS, /* its calls are told that the server is stopping */
    H2_PHASE_ENDING,     /* what is to be written is written if that is possible, and the connection closed */
    H2_PHASE_LINGERING,  /* all is written; what still comes is thrown away, so that the client reads our last words */
    H2_PHASE_CLOSED,     /* its calls may outlive it */
};

struct h2_connection {
    struct h2_loop *loop;
    struct h2_connection *previous, *next; /* of the loop */
    struct h2_connection *next_dirty;
    struct h2_socket socket;
    nghttp2_session *session; /* NULL when closed */
    enum sp_peer_kind kind;
    bool uid_known;
    uint32_t uid;
    char peer[48];                      /* "192.0.2.1", "2001:db8::1", "unix" */
    struct h2_certificate *certificate; /* NULL unless over TLS */
    struct h2_call *calls;
    size_t held;              /* bytes of its calls that its loop counts */
    unsigned owing;           /* calls whose output is not yet with the session's frames */
    int64_t owing_due_ms;     /* when they are to be looked at; 0: no call is owed anything */
    int32_t newest_stream_id; /* of its client */
    struct h2_closed_streams closed_streams;
    struct h2_bytes output; /* frames that the socket has not taken yet */
    size_t output_at;
    enum h2_phase phase;
    int64_t phase_ends_ms; /* INT64_MAX: never */
    int64_t stalled_ms;    /* since when the socket takes nothing; 0: it does */
    struct timer timer;
    struct h2_rates rates;
    uint32_t interest; /* what epoll watches for */
    bool dirty;        /* in the loop's list of those that may have to write */
    bool broken;       /* nothing can be written any more */
};

/* A socket that the accepting thread gives to a loop. */
struct h2_arrival {
    const struct h2_entrance *entrance;
    int fd;
};

struct h2_loop {
    struct h2_server *server;
    unsigned index;
    int epoll_fd, wake_fd;
    pthread_t thread;
    struct sp_heartbeat heartbeat;
    int64_t now_ms; /* read once a turn */
    struct timers call_timers, connection_timers;
    struct h2_connection *connections;
    struct h2_connection *dirty;
    struct h2_call *ready_first, *ready_last;
    struct h2_call *incomplete_first, *incomplete_last;
    struct h2_call *unanswered; /* calls whose handlers have returned without an answer */
    struct h2_call *free_calls;
    size_t free_call_count, live_calls;
    struct h2_scratch *free_scratch;
    size_t free_scratch_count;
    struct sp_tls_crl_memo *crl_memo;
    uint8_t *read_buffer;
    unsigned handshakes; /* steps of them in this turn */
    bool draining, ending;
    /* any thread */
    atomic_uint connection_count;
    atomic_int_fast64_t turn_ms;  /* when the turn under way began; 0 while the loop waits */
    atomic_size_t held;           /* bytes of requests under way; only the loop's thread changes it */
    atomic_uint_fast64_t busy_ns; /* of the last second or so */
    pthread_mutex_t lock;         /* over what follows */
    struct h2_call *mail;         /* newest first */
    struct h2_arrival *arrivals;
    size_t arrival_count, arrival_capacity;
    bool told_to_drain, told_to_end;
};

/* A method by its path. */
struct h2_route {
    struct sp_str path;
    const struct sp_rpc_method *method;
};

struct h2_server {
    struct h2_options options;
    struct h2_route *routes; /* by path */
    size_t route_count;
    struct h2_loop *loops;
    unsigned threads_running;
    bool stopped;
    nghttp2_session_callbacks *callbacks;
    nghttp2_option *session_options;
    pthread_mutex_t lock;
    pthread_cond_t changed; /* a loop has lost its last connection, or ended */
};

enum {
    H2_READ_BUFFER_BYTES = 16 * 1024, /* from a connection in one turn, if it is plain */
    H2_KEPT_BYTES = 1024,             /* of each of a call's buffers, when it is empty */
    H2_PREFIX_BYTES = 5,              /* before a gRPC message */
};

/* The loop of this thread; NULL for others. */
extern _Thread_local struct h2_loop *sp_rpc_h2_current_loop;

#endif
