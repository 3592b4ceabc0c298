/* A worker's thread: requests calls of gRPC, and acts on what its completion queue hands back. */
#ifndef SP_RPC_GRPC_WORKER_H
#define SP_RPC_GRPC_WORKER_H

#include "rpc/grpc/engine.h"

/* Requests all that a worker keeps requested. When memory is short there will be fewer. Before its
 * thread starts. */
void sp_rpc_worker_request_all(struct worker *worker);

/* The thread. */
void *sp_rpc_worker_main(void *worker);

/* Acts on what is left in the queue of a worker whose thread never started, until the queue
 * ends. */
void sp_rpc_worker_drain(struct worker *worker);

#endif
