/* A gRPC server on the C core: methods as functions, one completion queue and thread for each worker.
 *
 * A handler runs on a worker's thread and must not block. It either replies before it returns, or keeps the call and
 * replies later from any thread (exactly once, also when the server stops). Every method that is not registered answers
 * UNIMPLEMENTED. A call whose deadline has passed is not handled.
 *
 * Any thread: sp_rpc_reply, sp_rpc_fail of unary calls, sp_rpc_wake. Everything else about a call is for its worker's thread. */
#ifndef SP_RPC_SERVER_H
#define SP_RPC_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/status.h"
#include "tls/files.h"

struct sp_rpc_server;
struct sp_rpc_call;

enum sp_rpc_kind { SP_RPC_UNARY, SP_RPC_STREAM };

/* Events of a streaming call (client-, server- or bidirectional-streaming alike), all on the call's worker thread, one
 * after the other. */
struct sp_rpc_stream_ops {
    /* The call began. Reading begins when the handler asks for it (sp_rpc_read). */
    void (*opened)(struct sp_rpc_call *call, void *user);
    /* A message that sp_rpc_read asked for; valid during the event. */
    void (*received)(struct sp_rpc_call *call, void *user, struct sp_bytes message);
    /* The client will send no more (after sp_rpc_read). */
    void (*half_closed)(struct sp_rpc_call *call, void *user);
    /* The message given to sp_rpc_send has gone; the next may be sent. */
    void (*sent)(struct sp_rpc_call *call, void *user);
    /* sp_rpc_wake was called. */
    void (*woken)(struct sp_rpc_call *call, void *user);
    /* The call is over (finished, cancelled or broken): free what sp_rpc_set_state holds. The last event. */
    void (*closed)(struct sp_rpc_call *call, void *user);
};

struct sp_rpc_method {
    const char *path;                                    /* "/sallyport.v1.Authorization/Check" */
    void (*unary)(struct sp_rpc_call *call, void *user); /* of SP_RPC_UNARY */
    const struct sp_rpc_stream_ops *stream;              /* of SP_RPC_STREAM */
    void *user;
    enum sp_rpc_kind kind;
    bool hot;        /* keeps a larger number of calls requested: for methods called all the time */
    unsigned permit; /* what sp_rpc_server_options.admit is asked for; 0: it is not asked */
};

enum { SP_RPC_UNIX_UIDS_MAX = 16, SP_RPC_IDENTITY_NAMES = 16 };

struct sp_rpc_server_options {
    const char *const *listen; /* "127.0.0.1:7400", "[::1]:7400", "unix:/run/sallyport.sock"; port 0 picks one */
    size_t listen_count;
    bool insecure; /* allow plaintext on addresses other than loopback */
    /* Plaintext listeners on any address where nothing answers but grpc.health.v1: probes have no certificates. */
    const char *const *health_listen;
    size_t health_listen_count;
    /* With a certificate all TCP listeners but those of health speak TLS 1.2 or 1.3; with a CA clients must show a certificate that
     * it signed. Changed files are taken over for new connections. Unix sockets stay as they are. */
    struct sp_tls_files tls;
    /* What becomes of changed TLS files, for the log; on any thread. May be NULL. */
    void (*notice)(void *user, bool good, const char *message);
    /* User ids that sp_rpc_call_identity tells apart on Unix sockets, at most SP_RPC_UNIX_UIDS_MAX; others are not known. */
    const uint32_t *unix_uids;
    size_t unix_uid_count;
    unsigned workers;                /* 0: one for each CPU */
    size_t max_receive_bytes;        /* 0: 256 KiB; one larger message is RESOURCE_EXHAUSTED */
    size_t arena_budget_bytes;       /* for one call; 0: 16 MiB */
    unsigned max_concurrent_streams; /* for one connection; 0: 1,000 */
    unsigned max_connection_age_s;   /* then a client is told to connect anew, and loses no call; 0: for ever */
    unsigned max_connections;        /* over all listeners; more wait in the backlog; 0: 10,000 */
    /* Whether a caller may call a method that has a `permit`: SP_OK, or the status and message that the call ends with. On the
     * worker's thread, before the handler; not NULL where a method has one. */
    enum sp_status (*admit)(struct sp_rpc_call *call, unsigned permit, void *user, struct sp_error *error);
    /* Called on each worker's thread when it starts and ends; may be NULL. */
    void (*worker_started)(unsigned worker, void *user);
    void (*worker_stopping)(unsigned worker, void *user);
    void *user;
};

/* Binds and registers; nothing is served before sp_rpc_server_start. Health, both reflection services (over `descriptors`,
 * a serialized google.protobuf.FileDescriptorSet with all imports, which must outlive the server) and UNIMPLEMENTED for unknown methods are part
 * of every server. SP_ERR_INVALID: an address that cannot be read or is not loopback without `insecure`; SP_ERR_IO: an address in use. */
enum sp_status sp_rpc_server_open(const struct sp_rpc_server_options *options, const struct sp_rpc_method *methods,
                                  size_t method_count, struct sp_bytes descriptors, struct sp_rpc_server **ret_server,
                                  struct sp_error *error) SP_MUST_USE;

/* The port that listener i was given; those of health come after the others. */
int sp_rpc_server_port(const struct sp_rpc_server *server, size_t i);

/* Connections open now, over all listeners: a look at each, so now and then. Any thread. */
unsigned sp_rpc_server_connections(const struct sp_rpc_server *server);

/* How many workers it has, whether they were asked for or follow from the CPUs: theirs are the numbers below. */
unsigned sp_rpc_server_workers(const struct sp_rpc_server *server);

/* Starts the workers. Health begins as NOT_SERVING. */
enum sp_status sp_rpc_server_start(struct sp_rpc_server *server, struct sp_error *error) SP_MUST_USE;

/* Health of "" and of every registered service; watchers are told. "liveness" is SERVING all the time. Any thread. */
void sp_rpc_server_set_serving(struct sp_rpc_server *server, bool serving);

/* Health to NOT_SERVING, no new connections; where connections have an age, they are answered until the last has gone, for
 * most of grace_ms. Then no new calls, waits up to grace_ms for those under way (streams are ended with UNAVAILABLE),
 * then cancels, joins the workers. Calls that a handler kept must be replied to even then: it waits for that. Any thread but a
 * worker's. */
void sp_rpc_server_stop(struct sp_rpc_server *server, unsigned grace_ms);

/* Frees a stopped (or never started) server. NULL is allowed. */
void sp_rpc_server_close(struct sp_rpc_server *server);

/* ---- within a handler ---- */

unsigned sp_rpc_call_worker(const struct sp_rpc_call *call);
/* The request of a unary call; valid until it is replied to. */
struct sp_bytes sp_rpc_call_request(const struct sp_rpc_call *call);
/* Scratch memory of the call, wiped when it ends. A stream may reset it between its messages. */
struct sp_arena *sp_rpc_call_arena(struct sp_rpc_call *call);
/* The first value of a metadata key (lower case) and how many values it has; empty and 0 for none. */
struct sp_str sp_rpc_call_metadata(const struct sp_rpc_call *call, const char *key, size_t *ret_count);
/* Every value of a metadata key in their order, the first `room` of them; returns how many there are. */
size_t sp_rpc_call_metadata_all(const struct sp_rpc_call *call, const char *key, struct sp_str *ret_values,
                                size_t room);
/* The connection's peer without port: "127.0.0.1", "::1", "unix". In the call's arena. */
struct sp_str sp_rpc_call_peer(struct sp_rpc_call *call);
/* Who the connection's peer has proven to be. */
enum sp_rpc_peer_kind {
    SP_RPC_PEER_PLAIN, /* TCP without TLS: nothing is proven */
    SP_RPC_PEER_TLS,   /* the names of a verified client certificate; none where the server asks for none */
    SP_RPC_PEER_UNIX,  /* the user id of the process that connected, where it is one of unix_uids */
};
struct sp_rpc_identity {
    enum sp_rpc_peer_kind kind;
    bool uid_known;
    uint32_t uid;
    /* Subject alternative names (RFC 5280 section 4.2.1.6) as they are in the certificate, a SPIFFE id among the URIs. No more
     * than fit. Borrowed from the call. */
    size_t uri_count, dns_count;
    struct sp_str uris[SP_RPC_IDENTITY_NAMES];
    struct sp_str dns[SP_RPC_IDENTITY_NAMES];
};
enum sp_rpc_peer_kind sp_rpc_call_peer_kind(const struct sp_rpc_call *call);
void sp_rpc_call_identity(const struct sp_rpc_call *call, struct sp_rpc_identity *ret_identity);
/* Milliseconds until the call's deadline; INT64_MAX for none; 0 when passed. */
int64_t sp_rpc_call_remaining_ms(const struct sp_rpc_call *call);

/* Unary: replies OK. The bytes are copied. */
void sp_rpc_reply(struct sp_rpc_call *call, struct sp_bytes reply);
/* Unary and streams: ends the call with an error. SP_OK is not allowed for unary calls. */
void sp_rpc_fail(struct sp_rpc_call *call, enum sp_status status, const char *message);
/* Unary: calls the handler again on the same worker after `delay_ms`, unless the call was cancelled meanwhile.
 * Within the handler only, instead of a reply. */
void sp_rpc_retry_after(struct sp_rpc_call *call, unsigned delay_ms);
/* How many times the handler was called before for this call, and when it was first (CLOCK_MONOTONIC, ms). */
unsigned sp_rpc_call_retries(const struct sp_rpc_call *call);
int64_t sp_rpc_call_started_ms(const struct sp_rpc_call *call);

/* ---- streams ---- */

void sp_rpc_set_state(struct sp_rpc_call *call, void *state);
void *sp_rpc_state(const struct sp_rpc_call *call);
/* Asks for the next message; one at a time. */
void sp_rpc_read(struct sp_rpc_call *call);
/* Sends a message (copied); one at a time: wait for `sent`. */
void sp_rpc_send(struct sp_rpc_call *call, struct sp_bytes message);
/* Sends a message (copied) and asks for the next in one step, which costs a third less than the two; there is no `sent`. Not
 * while a message is read or sent. */
void sp_rpc_send_and_read(struct sp_rpc_call *call, struct sp_bytes message);
/* Ends the stream with OK. */
void sp_rpc_finish(struct sp_rpc_call *call);
/* Any thread: has `woken` called soon, on the call's worker; several before it happens count as one. Not after `closed` has begun: the caller
 * must hold a lock of its own that `closed` takes to unregister the call. */
void sp_rpc_wake(struct sp_rpc_call *call);

#endif
