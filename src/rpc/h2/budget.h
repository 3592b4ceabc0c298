/* How many bytes of requests and replies a server holds, and may hold. On the loop's thread, unless
 * it is said otherwise. */
#ifndef SP_RPC_H2_BUDGET_H
#define SP_RPC_H2_BUDGET_H

#include "rpc/h2/state.h"

enum {
    /* What a call takes besides its bytes. Streams may be many and silent: they are not counted
     * once they are open. */
    H2_CALL_BYTES = 2 * 1024,
};

/* Counts bytes that a call is about to keep; false, and counted as a bound that was met, if that is
 * more than the server may hold. A loop that holds little may always hold more, so that small
 * requests are served; if it holds much, the connection that holds most of it is ended to make room
 * for others. */
bool sp_rpc_h2_budget_take(struct h2_call *call, size_t bytes) SP_MUST_USE;
/* Gives back what the call took of its request beyond so many bytes. */
void sp_rpc_h2_budget_keep(struct h2_call *call, size_t bytes);

/* The same for what waits to be sent to its client. */
bool sp_rpc_h2_budget_take_output(struct h2_call *call, size_t bytes) SP_MUST_USE;
void sp_rpc_h2_budget_give_output(struct h2_call *call, size_t bytes);

/* Gives back all of it. */
void sp_rpc_h2_budget_release(struct h2_call *call);

/* Over all loops. Any thread. */
size_t sp_rpc_h2_budget_used(const struct h2_server *server);

#endif
