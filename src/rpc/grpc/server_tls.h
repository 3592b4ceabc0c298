/* A gRPC server's credentials from files, which it follows while it runs. */
#ifndef SP_RPC_GRPC_SERVER_TLS_H
#define SP_RPC_GRPC_SERVER_TLS_H

#include <grpc/grpc_security.h>

#include "rpc/server_options.h"

struct server_tls;

/* Reads the files. As sp_tls_material_read. */
enum sp_status sp_rpc_server_tls_open(const struct sp_rpc_server_options *options, struct server_tls **ret_tls,
                                      struct sp_error *error) SP_MUST_USE;
/* After the gRPC server is destroyed. NULL is allowed. */
void sp_rpc_server_tls_close(struct server_tls *tls);
/* New credentials that follow the files; of one gRPC server. TLS 1.2 and 1.3, which are gRPC's
 * defaults. */
grpc_server_credentials *sp_rpc_server_tls_credentials(struct server_tls *tls);

#endif
