/* Unary calls: one message in, and one answer, from any thread. On the loop's thread unless it is
 * said otherwise. */
#ifndef SP_RPC_H2_UNARY_H
#define SP_RPC_H2_UNARY_H

#include "rpc/h2/state.h"

/* Handles events (enum h2_event) of a unary call that has arrived. */
void sp_rpc_h2_unary_run(struct h2_call *call, unsigned events);
/* Whether what comes is kept: a call has its message when it is handled, and what comes behind it
 * is dropped, as the gRPC C core does. */
bool sp_rpc_h2_unary_wants_input(const struct h2_call *call);

/* The handler's answer; a reply is of SP_OK, a message of the others. A late one is discarded. Any
 * thread. */
void sp_rpc_h2_unary_answer(struct h2_call *call, enum sp_status status, struct sp_bytes reply, const char *message);
/* The handler is called again after a while. */
void sp_rpc_h2_unary_park(struct h2_call *call, unsigned delay_ms);

#endif
