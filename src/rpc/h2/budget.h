/* How many bytes of requests a server holds, and may hold. */
#ifndef SP_RPC_H2_BUDGET_H
#define SP_RPC_H2_BUDGET_H

#include "rpc/h2/state.h"

/* Counts bytes that a call is about to keep; false, and counted as a bound that was met, if that is more than the
 * server may hold. A loop that holds little may always hold more, so that small requests are served. On the
 * loop's thread. */
bool sp_rpc_h2_budget_take(struct h2_call *call, size_t bytes) SP_MUST_USE;
/* Gives back all that the call took. On the loop's thread. */
void sp_rpc_h2_budget_release(struct h2_call *call);

/* Over all loops. Any thread. */
size_t sp_rpc_h2_budget_used(const struct h2_server *server);

#endif
