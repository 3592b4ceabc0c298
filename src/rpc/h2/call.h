/* The life of a call: what its client sends, what its handler does, and how it ends. On the loop's
 * thread; handlers run in sp_rpc_h2_call_run only, never inside nghttp2. */
#ifndef SP_RPC_H2_CALL_H
#define SP_RPC_H2_CALL_H

#include "rpc/h2/state.h"

/* Begins a call on a new stream; NULL when out of memory. */
struct h2_call *sp_rpc_h2_call_begin(struct h2_connection *connection, int32_t stream_id) SP_MUST_USE;

/* ---- what its connection reports ---- */

/* Its head is complete. */
void sp_rpc_h2_call_arrive(struct h2_call *call);
/* Bytes of messages. */
void sp_rpc_h2_call_input(struct h2_call *call, const uint8_t *bytes, size_t size);
/* The client sends no more. */
void sp_rpc_h2_call_half_close(struct h2_call *call);
/* Its stream has closed, or its connection has ended. */
void sp_rpc_h2_call_leave(struct h2_call *call);

/* ---- what its loop does ---- */

/* Handles what is due. The call may be gone after it. */
void sp_rpc_h2_call_run(struct h2_call *call);
/* A call whose request was not complete in time. */
void sp_rpc_h2_call_expire(struct h2_call *call);

#endif
