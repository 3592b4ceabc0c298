/* Calls with streams of messages. On the loop's thread. */
#ifndef SP_RPC_H2_STREAM_H
#define SP_RPC_H2_STREAM_H

#include "rpc/h2/state.h"

/* Tells the handler of a call that was admitted. */
void sp_rpc_h2_stream_open(struct h2_call *call);
/* Handles events (enum h2_event) of one that is open. */
void sp_rpc_h2_stream_run(struct h2_call *call, unsigned events);

/* As the functions of rpc/call.h with these names. */
void sp_rpc_h2_stream_read(struct h2_call *call);
void sp_rpc_h2_stream_send(struct h2_call *call, struct sp_bytes message);
void sp_rpc_h2_stream_send_and_read(struct h2_call *call, struct sp_bytes message);

#endif
