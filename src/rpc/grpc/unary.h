/* Unary calls: their handler, once or again after a while, and their reply. On the worker's
 * thread. */
#ifndef SP_RPC_GRPC_UNARY_H
#define SP_RPC_GRPC_UNARY_H

#include "rpc/grpc/engine.h"

/* A call has arrived and was admitted. */
void sp_rpc_unary_serve(struct sp_rpc_call *call);
/* The time that its handler asked for is over. */
void sp_rpc_unary_serve_again(struct sp_rpc_call *call);
/* TAG_DONE or TAG_CLOSED has come: recycles the call if that was its last event. */
void sp_rpc_unary_settle(struct sp_rpc_call *call);

#endif
