/* The unary methods of sallyport.v1.Authorization. `user` is the service. */
#ifndef SP_SERVER_CALLS_H
#define SP_SERVER_CALLS_H

struct sp_rpc_call;

void sp_calls_check(struct sp_rpc_call *call, void *user);
void sp_calls_check_batch(struct sp_rpc_call *call, void *user);
void sp_calls_explain(struct sp_rpc_call *call, void *user);

#endif
