/* A loop's calls and arenas, used again and again. On the loop's thread. */
#ifndef SP_RPC_H2_POOL_H
#define SP_RPC_H2_POOL_H

#include "rpc/h2/state.h"

/* A blank call of the loop; NULL when out of memory. */
struct h2_call *sp_rpc_h2_pool_take(struct h2_loop *loop) SP_MUST_USE;
/* Wipes it: it held a key. */
void sp_rpc_h2_pool_give(struct h2_call *call);

/* Gives the call an arena; false when out of memory. */
bool sp_rpc_h2_pool_add_scratch(struct h2_call *call) SP_MUST_USE;
/* Takes it back, with the call's request. Does nothing if it has none. */
void sp_rpc_h2_pool_release_scratch(struct h2_call *call);

/* Frees a call that its loop no longer knows, with its arena. Any thread. */
void sp_rpc_h2_pool_free_alone(struct h2_call *call);

void sp_rpc_h2_pool_fini(struct h2_loop *loop);

#endif
