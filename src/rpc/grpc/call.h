/* What handlers ask of a call on the gRPC C core. */
#ifndef SP_RPC_GRPC_CALL_H
#define SP_RPC_GRPC_CALL_H

#include "rpc/grpc/engine.h"

extern const struct call_ops sp_rpc_core_call_ops;

#endif
