/* What is asked of gRPC for a call: batches of operations, and those that end it. */
#ifndef SP_RPC_GRPC_BATCH_H
#define SP_RPC_GRPC_BATCH_H

#include "rpc/grpc/engine.h"

/* The worker whose thread this is; NULL on other threads. */
extern _Thread_local struct worker *sp_rpc_current_worker;

void sp_rpc_batch_start(struct core_call *call, const grpc_op *ops, size_t count, struct tag *tag);

/* Has TAG_CLOSED come when the call is over on the wire. */
void sp_rpc_batch_watch(struct core_call *call);

/* The one batch that ends a call without a stream's messages, with call->reply if `with_reply`. Any
 * thread; after it only the call's worker may touch the call. */
void sp_rpc_batch_answer(struct core_call *call, enum sp_status status, grpc_slice *message, bool with_reply);

/* Counts and words the refusal of a message that is larger than the method accepts. */
const char *sp_rpc_batch_size_refusal(struct core_call *call, struct sp_error *error);

/* Answers with an error, whatever the method. */
void sp_rpc_batch_reject(struct core_call *call, enum sp_status status, const char *message);

/* The same for a call that its handler kept, whose own answer is ignored from now on. False: there
 * was one already. On the worker's thread. */
bool sp_rpc_batch_give_up(struct core_call *call, enum sp_status status, const char *message);

#endif
