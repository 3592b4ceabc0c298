/* The gRPC methods of sallyportd: their paths, and the role that each needs. */
#ifndef SP_SERVER_METHODS_H
#define SP_SERVER_METHODS_H

#include "rpc/server.h"

struct sp_service;

enum { SP_SERVER_METHODS = 7 };

/* For sp_rpc_server_open. */
void sp_service_methods(struct sp_service *service, struct sp_rpc_method ret_methods[static SP_SERVER_METHODS]);

#endif
