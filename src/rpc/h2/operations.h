/* What this engine does for handlers (rpc/engine.h). */
#ifndef SP_RPC_H2_OPERATIONS_H
#define SP_RPC_H2_OPERATIONS_H

#include "rpc/engine.h"

/* For calls that are a struct h2_call. */
extern const struct call_ops sp_rpc_h2_call_ops;

#endif
