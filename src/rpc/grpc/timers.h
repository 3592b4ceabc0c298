/* A worker's calls that wait, by when they are due. On the worker's thread. */
#ifndef SP_RPC_GRPC_TIMERS_H
#define SP_RPC_GRPC_TIMERS_H

#include "rpc/grpc/engine.h"

/* `due_ms` of CLOCK_MONOTONIC. False when out of memory. */
bool sp_rpc_timers_add(struct timers *timers, struct sp_rpc_call *call, int64_t due_ms);
/* Of a call that is among them. */
void sp_rpc_timers_remove(struct timers *timers, struct sp_rpc_call *call);
/* The call that is due first; NULL for none. */
struct sp_rpc_call *sp_rpc_timers_first(const struct timers *timers);
void sp_rpc_timers_fini(struct timers *timers);

#endif
