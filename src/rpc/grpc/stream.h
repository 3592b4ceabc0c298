/* Streaming calls: their events, and what their handlers ask for. On the worker's thread. */
#ifndef SP_RPC_GRPC_STREAM_H
#define SP_RPC_GRPC_STREAM_H

#include "rpc/grpc/engine.h"

/* A call has arrived and was admitted. */
void sp_rpc_stream_serve(struct core_call *call);
/* What became of a read. */
void sp_rpc_stream_received(struct core_call *call, bool ok);
/* What became of a message, and that somebody woke the call: its handler is called in its turn. */
void sp_rpc_stream_sent(struct core_call *call, bool ok);
void sp_rpc_stream_woken(struct core_call *call);
/* Gives the next few streams that wait for it their turn. A handler that sends again waits behind
 * the others, and for what comes from clients meanwhile. */
void sp_rpc_stream_run_turns(struct worker *worker);
/* As in rpc/call.h: sp_rpc_read, sp_rpc_send, sp_rpc_send_and_read, sp_rpc_finish, sp_rpc_fail,
 * sp_rpc_wake. */
void sp_rpc_core_read(struct sp_rpc_call *base);
void sp_rpc_core_send(struct sp_rpc_call *base, struct sp_bytes message);
void sp_rpc_core_send_and_read(struct sp_rpc_call *base, struct sp_bytes message);
void sp_rpc_core_finish(struct sp_rpc_call *base);
void sp_rpc_core_end(struct sp_rpc_call *base, enum sp_status status, const char *message);
void sp_rpc_core_wake(struct sp_rpc_call *base);

/* Recycles the call when it is over and nothing of it is under way any more. */
void sp_rpc_stream_settle(struct core_call *call);
/* Ends all streams of a worker whose server stops. */
void sp_rpc_stream_end_all(struct worker *worker);
/* Ends those that have reached their maximum age. */
void sp_rpc_stream_end_aged(struct worker *worker, int64_t now_ms);

#endif
