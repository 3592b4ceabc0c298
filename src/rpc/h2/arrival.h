/* Calls whose head is complete: whether their handler sees them. On the loop's thread. */
#ifndef SP_RPC_H2_ARRIVAL_H
#define SP_RPC_H2_ARRIVAL_H

#include "rpc/h2/state.h"

/* Finds the method and admits the call, or ends it. */
void sp_rpc_h2_arrival_run(struct h2_call *call);

#endif
