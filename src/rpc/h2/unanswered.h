/* Calls whose handlers have returned without an answer. On the loop's thread. */
#ifndef SP_RPC_H2_UNANSWERED_H
#define SP_RPC_H2_UNANSWERED_H

#include "rpc/h2/state.h"

/* One that is not among them. */
void sp_rpc_h2_unanswered_add(struct h2_call *call);
/* Does nothing if it is not among them. */
void sp_rpc_h2_unanswered_remove(struct h2_call *call);

#endif
