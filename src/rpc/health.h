/* grpc.health.v1.Health over a server's services, which all share one state: SERVING if the server
 * serves and is alive. The service "liveness" is SERVING if it is alive. */
#ifndef SP_RPC_HEALTH_H
#define SP_RPC_HEALTH_H

#include "base/status.h"
#include "rpc/method.h"

struct health;

/* Alive but NOT_SERVING, and knows the service "" only. SP_ERR_MEMORY. */
enum sp_status sp_rpc_health_create(struct health **ret_health, struct sp_error *error) SP_MUST_USE;
/* Makes a service known, if it is not yet. Before the server starts. SP_ERR_MEMORY. */
enum sp_status sp_rpc_health_add_service(struct health *health, struct sp_str name, struct sp_error *error) SP_MUST_USE;
/* Writes the methods to register and returns how many. */
size_t sp_rpc_health_methods(struct health *health, struct sp_rpc_method *ret_methods);
/* Set half of the status each, and notify watchers. Any thread. */
void sp_rpc_health_set(struct health *health, bool serving);
void sp_rpc_health_set_alive(struct health *health, bool alive);
/* Whether a method of a server is one of this service's. */
bool sp_rpc_health_owns(const struct sp_rpc_method *method);
/* NULL is allowed. */
void sp_rpc_health_free(struct health *health);

#endif
