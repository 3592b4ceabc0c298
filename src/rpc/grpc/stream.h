/* Streaming calls: their events, and what their handlers ask for. On the worker's thread. */
#ifndef SP_RPC_GRPC_STREAM_H
#define SP_RPC_GRPC_STREAM_H

#include "rpc/grpc/engine.h"

/* A call has arrived and was admitted. */
void sp_rpc_stream_serve(struct sp_rpc_call *call);
/* What became of a read and of a message, and that somebody woke the call. */
void sp_rpc_stream_received(struct sp_rpc_call *call, bool ok);
void sp_rpc_stream_sent(struct sp_rpc_call *call, bool ok);
void sp_rpc_stream_woken(struct sp_rpc_call *call);
/* Recycles the call when it is over and nothing of it is under way any more. */
void sp_rpc_stream_settle(struct sp_rpc_call *call);
/* Ends all streams of a worker whose server stops. */
void sp_rpc_stream_end_all(struct worker *worker);
/* Ends those that have reached their maximum age. */
void sp_rpc_stream_end_aged(struct worker *worker, int64_t now_ms);

#endif
