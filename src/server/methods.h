/* The methods of sallyportd, over gRPC and Connect: their paths, and the role that each needs. */
#ifndef SP_SERVER_METHODS_H
#define SP_SERVER_METHODS_H

#include "rpc/server.h"

struct sp_service;

enum { SP_SERVER_METHODS = 7 };

/* For sp_rpc_server_open and sp_connect_start. */
void sp_service_methods(struct sp_service *service, struct sp_rpc_method ret_methods[static SP_SERVER_METHODS]);

/* Whether the caller has the role that is the method's permit; `user` is the service. For the same
 * two. */
enum sp_status sp_service_admit(struct sp_rpc_call *call, unsigned permit, void *user, struct sp_error *error);

#endif
