/* What is sent for a call: its head, messages and status, as gRPC over HTTP/2 has them
 * (PROTOCOL-HTTP2.md, "Responses"). On the loop's thread; nothing is written before the turn ends.
 * Each does nothing for a call whose stream has closed. */
#ifndef SP_RPC_H2_WIRE_H
#define SP_RPC_H2_WIRE_H

#include "rpc/h2/state.h"

#define SP_RPC_H2_NO_ROOM                                                                                              \
    "the server holds too much that clients have not read yet, so the answer was dropped: the call may have had its "  \
    "effect"

/* Puts a message into the call's output. SP_ERR_EXHAUSTED: the server holds too much;
 * SP_ERR_MEMORY. */
enum sp_status sp_rpc_h2_wire_put(struct h2_call *call, struct sp_bytes message) SP_MUST_USE;
/* Sends what is in the call's output, and when `finishing` its final status behind it. */
void sp_rpc_h2_wire_send(struct h2_call *call);
/* Ends the call with its HTTP status: its request is not gRPC. */
void sp_rpc_h2_wire_refuse(struct h2_call *call);
/* Nothing of its output waits for the client's window any more. */
void sp_rpc_h2_wire_stop(struct h2_call *call);
/* Gives room in the stream's window back. */
void sp_rpc_h2_wire_consume(struct h2_call *call, size_t size);

#endif
