/* What the handlers of a gRPC server know: methods, calls, and the events and replies of calls.
 * Nothing here depends on the engine that serves them.
 *
 * A handler runs on a worker's thread and must not block. It either replies before it returns, or
 * keeps the call and replies later from any thread (exactly once, even when the server has stopped). A
 * call whose deadline has passed is not handled.
 *
 * Any thread: sp_rpc_reply, sp_rpc_fail and sp_rpc_call_is_over of unary calls, sp_rpc_wake. Everything else is for the
 * thread of the call's worker. */
#ifndef SP_RPC_CALL_H
#define SP_RPC_CALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/identity.h"
#include "base/status.h"

struct sp_rpc_call;

enum { SP_RPC_REQUEST_BYTES = 16 * 1024 }; /* of a message, unless a method says otherwise */

enum sp_rpc_kind { SP_RPC_UNARY, SP_RPC_STREAM };

/* Events of a streaming call (client-, server- or bidirectional-streaming alike), all on the call's
 * worker thread, one after the other. */
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
    /* The call is over (finished, cancelled or broken): free what sp_rpc_set_state holds. The last
     * event. */
    void (*closed)(struct sp_rpc_call *call, void *user);
};

struct sp_rpc_method {
    const char *path;                                    /* "/sallyport.v1.Authorization/Check" */
    void (*unary)(struct sp_rpc_call *call, void *user); /* for SP_RPC_UNARY */
    const struct sp_rpc_stream_ops *stream;              /* for SP_RPC_STREAM */
    void *user;
    enum sp_rpc_kind kind;
    bool hot;                   /* called all the time: more calls of it are kept requested */
    uint32_t max_request_bytes; /* one larger message is RESOURCE_EXHAUSTED; 0: SP_RPC_REQUEST_BYTES */
    unsigned permit;            /* what sp_rpc_server_options.admit is asked for; 0: it is not asked */
    bool ages;                  /* a stream without an end of its own, which a server ends at a maximum age */
};

/* ---- within a handler ---- */

unsigned sp_rpc_call_worker(const struct sp_rpc_call *call);
/* The request of a unary call; valid until it is replied to. */
struct sp_bytes sp_rpc_call_request(const struct sp_rpc_call *call);
/* Scratch memory, wiped when a unary call ends and after each event of a stream. There is none in `closed`. A stream may
 * reset it between its messages. */
struct sp_arena *sp_rpc_call_arena(struct sp_rpc_call *call);
/* The first value of a metadata key (lower case) and how many values it has; empty and 0 for
 * none. */
struct sp_str sp_rpc_call_metadata(const struct sp_rpc_call *call, const char *key, size_t *ret_count);
/* Every value of a metadata key in their order, the first `room` of them; returns how many there
 * are. */
size_t sp_rpc_call_metadata_all(const struct sp_rpc_call *call, const char *key, struct sp_str *ret_values,
                                size_t room);
/* The connection's peer without port: "127.0.0.1", "::1", "unix". In the call's arena. */
struct sp_str sp_rpc_call_peer(struct sp_rpc_call *call);
/* Who the connection's peer has proven to be. User ids are known only if they are among the server's
 * unix_uids. */
void sp_rpc_call_identity(const struct sp_rpc_call *call, struct sp_identity *ret_identity);
/* Milliseconds until the call's deadline; INT64_MAX for none; 0 when passed. */
int64_t sp_rpc_call_remaining_ms(const struct sp_rpc_call *call);

/* Whether nobody waits for the answer of a unary call any more: its client has cancelled it or has gone, its deadline has
 * passed, or the server stops. It must be answered all the same. Any thread, until it is. */
bool sp_rpc_call_is_over(const struct sp_rpc_call *call);

/* Unary: replies OK. The bytes are copied. */
void sp_rpc_reply(struct sp_rpc_call *call, struct sp_bytes reply);
/* Unary and streams: ends the call with an error. SP_OK is not allowed for unary calls. */
void sp_rpc_fail(struct sp_rpc_call *call, enum sp_status status, const char *message);
/* Unary: calls the handler again on the same worker after `delay_ms`, unless the call was cancelled
 * meanwhile. Within the handler only, instead of a reply. */
void sp_rpc_retry_after(struct sp_rpc_call *call, unsigned delay_ms);
/* How many times the handler was called before for this call, and when it was first
 * (CLOCK_MONOTONIC, ms). */
unsigned sp_rpc_call_retries(const struct sp_rpc_call *call);
int64_t sp_rpc_call_started_ms(const struct sp_rpc_call *call);

/* ---- streams ---- */

void sp_rpc_set_state(struct sp_rpc_call *call, void *state);
void *sp_rpc_state(const struct sp_rpc_call *call);
/* Asks for the next message; one at a time. */
void sp_rpc_read(struct sp_rpc_call *call);
/* Sends a message (copied); one at a time: wait for `sent`. */
void sp_rpc_send(struct sp_rpc_call *call, struct sp_bytes message);
/* Sends a message (copied) and asks for the next in one step, which costs a third less than the
 * two; there is no `sent`. Not while a message is read or sent. */
void sp_rpc_send_and_read(struct sp_rpc_call *call, struct sp_bytes message);
/* Ends the stream with OK. */
void sp_rpc_finish(struct sp_rpc_call *call);
/* Any thread: has `woken` called soon, on the call's worker; several wakes before that count as
 * one. Not after `closed` has begun: the caller must hold a lock that `closed` takes to unregister
 * the call. */
void sp_rpc_wake(struct sp_rpc_call *call);

#endif
