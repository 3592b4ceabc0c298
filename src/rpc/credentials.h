/* Inside src/rpc: gRPC's credentials from files. */
#ifndef SP_RPC_CREDENTIALS_H
#define SP_RPC_CREDENTIALS_H

#include <grpc/grpc.h>
#include <grpc/grpc_security.h>

#include "rpc/client.h"
#include "rpc/server.h"

struct server_tls;

/* Reads the files for a server's listeners. As sp_tls_material_read. */
enum sp_status server_tls_open(const struct sp_rpc_server_options *options, struct server_tls **ret_tls,
                               struct sp_error *error) SP_MUST_USE;
/* After the server is destroyed. NULL is allowed. */
void server_tls_close(struct server_tls *tls);
/* New credentials that follow the files; of one server. TLS 1.2 and 1.3, which are gRPC's defaults. */
grpc_server_credentials *server_tls_credentials(struct server_tls *tls);

/* Of a client's channel: plaintext without `tls`. */
enum sp_status client_credentials(const struct sp_rpc_client_tls *tls, grpc_channel_credentials **ret_credentials,
                                  struct sp_error *error) SP_MUST_USE;
/* How many channel arguments `tls` asks for: 0 or 1. */
size_t client_tls_args(const struct sp_rpc_client_tls *tls, grpc_arg *ret_arg);

#endif
