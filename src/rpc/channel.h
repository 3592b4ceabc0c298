/* Inside src/rpc: the arguments, credentials and deadlines of gRPC's channels and servers. */
#ifndef SP_RPC_CHANNEL_H
#define SP_RPC_CHANNEL_H

#include <grpc/grpc.h>

#include "base/status.h"
#include "rpc/client_tls.h"

/* `key` must stay valid as long as the argument. */
grpc_arg sp_rpc_channel_integer_arg(const char *key, int value);

/* A client's credentials: plaintext without a CA. SP_ERR_INVALID for files that cannot be used. */
enum sp_status sp_rpc_channel_credentials(const struct sp_rpc_client_tls *tls,
                                          grpc_channel_credentials **ret_credentials,
                                          struct sp_error *error) SP_MUST_USE;
/* How many channel arguments `tls` asks for: 0 or 1. */
size_t sp_rpc_channel_tls_args(const struct sp_rpc_client_tls *tls, grpc_arg *ret_arg);

/* sp_clock_monotonic_ns as a deadline; UINT64_MAX: none. */
gpr_timespec sp_rpc_channel_deadline(uint64_t until_ns);

#endif
