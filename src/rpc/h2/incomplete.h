/* Calls whose request has begun and is not complete, the oldest first: all have the same time for
 * it. On the loop's thread. */
#ifndef SP_RPC_H2_INCOMPLETE_H
#define SP_RPC_H2_INCOMPLETE_H

#include "rpc/h2/state.h"

/* Does nothing if it is among them. */
void sp_rpc_h2_incomplete_add(struct h2_call *call);
/* Does nothing if it is not among them. */
void sp_rpc_h2_incomplete_remove(struct h2_call *call);

#endif
