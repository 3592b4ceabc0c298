/* What is sent for a call: its head, messages and status, as gRPC over HTTP/2 has them (PROTOCOL-HTTP2.md,
 * "Responses"). On the loop's thread; nothing is written before the turn ends. Each does nothing for a call
 * whose stream has closed. */
#ifndef SP_RPC_H2_WIRE_H
#define SP_RPC_H2_WIRE_H

#include "rpc/h2/state.h"

/* Sends what is in the call's output, and when `finishing` its final status behind it. */
void sp_rpc_h2_wire_send(struct h2_call *call);
/* Ends the call with an HTTP status, for requests that are no gRPC: 405, 415. */
void sp_rpc_h2_wire_refuse(struct h2_call *call, const char *http_status);
/* Gives room in the stream's window back. */
void sp_rpc_h2_wire_consume(struct h2_call *call, size_t size);

#endif
