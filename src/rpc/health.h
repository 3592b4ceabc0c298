/* grpc.health.v1.Health over a server's services, which all share one state. */
#ifndef SP_RPC_HEALTH_H
#define SP_RPC_HEALTH_H

#include "rpc/call.h"

struct health;

/* NOT_SERVING, and knows the service "" only. SP_ERR_MEMORY. */
enum sp_status sp_rpc_health_create(struct health **ret_health, struct sp_error *error) SP_MUST_USE;
/* Makes a service known, if it is not yet. Before the server starts. SP_ERR_MEMORY. */
enum sp_status sp_rpc_health_add_service(struct health *health, struct sp_str name, struct sp_error *error) SP_MUST_USE;
/* Writes the methods to register and returns how many. */
size_t sp_rpc_health_methods(struct health *health, struct sp_rpc_method *ret_methods);
/* Sets the status and notifies watchers. Any thread. */
void sp_rpc_health_set(struct health *health, bool serving);
/* NULL is allowed. */
void sp_rpc_health_free(struct health *health);

#endif
