/* What a server on the gRPC C core has from the rest of the server. */
#ifndef SP_RPC_GRPC_SHARED_H
#define SP_RPC_GRPC_SHARED_H

#include "rpc/connections.h"
#include "rpc/server_options.h"

/* All of it outlives the server. */
struct core_shared {
    struct connections *connections;
    struct sp_rpc_bound_counts *counts;
    struct sp_tls_crl *crl;           /* NULL: no certificate is known to be revoked */
    struct sp_tls_refusals *refusals; /* NULL: without TLS */
};

#endif
