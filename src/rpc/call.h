/* The calls of a gRPC server, for the handlers of its methods (rpc/method.h): who calls, what for,
 * and the reply. Nothing here depends on the engine that serves them.
 *
 * Any thread: sp_rpc_reply, sp_rpc_fail and sp_rpc_call_is_over of unary calls, sp_rpc_wake.
 * Everything else is for the thread of the call's worker. */
#ifndef SP_RPC_CALL_H
#define SP_RPC_CALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/identity.h"
#include "base/status.h"
#include "rpc/method.h"

/* ---- within a handler ---- */

unsigned sp_rpc_call_worker(const struct sp_rpc_call *call);
/* The method that is called. */
const struct sp_rpc_method *sp_rpc_call_method(const struct sp_rpc_call *call);
/* The request of a unary call; valid until it is replied to. */
struct sp_bytes sp_rpc_call_request(const struct sp_rpc_call *call);
/* Scratch memory, wiped when a unary call ends and after each event of a stream. There is none in
 * `closed`. A stream may reset it between its messages. */
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
/* Who the connection's peer has proven to be. User ids are known only if they are among the
 * server's unix_uids. */
void sp_rpc_call_identity(const struct sp_rpc_call *call, struct sp_identity *ret_identity);
/* Milliseconds until the call's deadline; INT64_MAX for none; 0 when passed. */
int64_t sp_rpc_call_remaining_ms(const struct sp_rpc_call *call);

/* Whether nobody waits for the answer of a unary call any more: its client has cancelled it or has
 * gone, its deadline has passed, or the server stops. It must be answered all the same. Any thread,
 * until it is. */
bool sp_rpc_call_is_over(const struct sp_rpc_call *call);

/* Unary: replies OK. The bytes are copied. */
void sp_rpc_reply(struct sp_rpc_call *call, struct sp_bytes reply);
/* Before that: the reply only says that the caller may not ask, and so proves nothing about it. */
void sp_rpc_refuse_caller(struct sp_rpc_call *call);
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
