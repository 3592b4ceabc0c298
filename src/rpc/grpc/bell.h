/* Puts an event on the queue of every worker. gRPC's C API lets nobody put an event of their own on
 * a queue, but the requests of a server that shuts down come back at once: a bell is a server
 * without listeners, of which each worker requests one call. */
#ifndef SP_RPC_GRPC_BELL_H
#define SP_RPC_GRPC_BELL_H

#include "rpc/grpc/engine.h"

struct bell;

/* When it is rung, each worker gets an event of that kind, whose owner is the worker.
 * SP_ERR_MEMORY. */
enum sp_status sp_rpc_bell_create(struct core_server *server, enum tag_kind kind, struct bell **ret_bell) SP_MUST_USE;
/* Once. Any thread; a bell that is NULL has no sound. */
void sp_rpc_bell_ring(struct bell *bell);
/* Frees a bell whose event every worker has got; NULL is allowed. */
void sp_rpc_bell_free(struct bell *bell);

#endif
