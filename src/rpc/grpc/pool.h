/* A worker's calls and arenas, from being taken to being given back. On the worker's thread. */
#ifndef SP_RPC_GRPC_POOL_H
#define SP_RPC_GRPC_POOL_H

#include "rpc/grpc/engine.h"

/* A call that holds nothing; NULL when out of memory. */
struct core_call *sp_rpc_pool_take_call(struct worker *worker);
/* Gives back a call that holds nothing. */
void sp_rpc_pool_give_call(struct core_call *call);

/* Gives the call an arena. False when out of memory. */
bool sp_rpc_pool_add_scratch(struct core_call *call);

/* Drops what only the call's handler needed: the request and the arena. */
void sp_rpc_pool_release_handling(struct core_call *call);

/* Counts the call among its worker's pending ones, if it is not yet, until it is recycled. */
void sp_rpc_pool_add_pending(struct core_call *call);
/* Takes it off before that. */
void sp_rpc_pool_remove_pending(struct core_call *call);

/* Drops all that the call holds and gives it back. The last live call of a stopping worker ends its
 * queue. A call that its handler kept for too long stays the handler's, with all that it may
 * read. */
void sp_rpc_pool_recycle(struct core_call *call);
/* Frees such a call, when the handler answers. Any thread. */
void sp_rpc_pool_free_alone(struct core_call *call);

/* Ends the queue of a worker that has no connection and no call left. gRPC reports its shutdown
 * when no connection is left, while calls that were kept may still be answered, and others may
 * still arrive: they need the queue. */
void sp_rpc_pool_end_idle_queue(struct worker *worker);

/* Frees what the pools hold. */
void sp_rpc_pool_fini(struct worker *worker);

#endif
