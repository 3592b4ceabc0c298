/* Inside src/rpc: looks at what each connection holds, and shuts down those that hold too much
 * (rpc/connections.h). With the lock held. */
#ifndef SP_RPC_SWEEP_H
#define SP_RPC_SWEEP_H

#include "rpc/watched.h"

/* Forgets connections that have ended. Returns how many bytes the others hold. */
size_t sp_rpc_sweep_look(struct connections *connections, int64_t now_ms);
/* The same, and enforces all limits. */
void sp_rpc_sweep(struct connections *connections, int64_t now_ms);

#endif
