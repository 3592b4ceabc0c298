/* Unary calls: their handler, once or again after a while, and their reply. On the worker's
 * thread. */
#ifndef SP_RPC_GRPC_UNARY_H
#define SP_RPC_GRPC_UNARY_H

#include "rpc/grpc/engine.h"

/* Whether gRPC has read the request when a call of the method arrives, which is faster. Otherwise
 * the request is read once the call is admitted. */
bool sp_rpc_unary_reads_ahead(const struct sp_rpc_method *method);

/* A call has arrived and was admitted. */
void sp_rpc_unary_serve(struct core_call *call);
/* The request of a call that reads it has come, or never will. */
void sp_rpc_unary_received(struct core_call *call);
/* The time that its handler asked for is over, or the one that its request may take. */
void sp_rpc_unary_come_due(struct core_call *call);
/* Answers the calls that wait or that their handlers keep, with UNAVAILABLE. */
void sp_rpc_unary_give_up_all(struct worker *worker);
/* Milliseconds until its deadline; INT64_MAX for none; 0 when passed. */
int64_t sp_rpc_unary_remaining_ms(const struct core_call *call);

/* As in rpc/call.h: sp_rpc_retry_after, sp_rpc_reply, sp_rpc_fail. */
void sp_rpc_unary_park(struct sp_rpc_call *base, unsigned delay_ms);
void sp_rpc_unary_reply(struct sp_rpc_call *base, struct sp_bytes reply);
void sp_rpc_unary_fail(struct sp_rpc_call *base, enum sp_status status, const char *message);

/* TAG_DONE or TAG_CLOSED has come: recycles the call if that was its last event. */
void sp_rpc_unary_settle(struct core_call *call);

#endif
