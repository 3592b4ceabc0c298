/* What a server of this engine has from the rest of the server, and the connections that it is
 * given. */
#ifndef SP_RPC_H2_OPTIONS_H
#define SP_RPC_H2_OPTIONS_H

#include "base/identity.h"
#include "rpc/connections.h"
#include "rpc/method.h"
#include "rpc/server_options.h"
#include "tls/crl.h"

struct h2_server;
struct h2_tls;

struct h2_options {
    /* Completed; lives as long as the server. The engine reads workers, arena_budget_bytes,
     * max_concurrent_streams, max_connection_age_s, connection_age_grace_s, limits, admit,
     * worker_started, worker_stopping and user. */
    const struct sp_rpc_server_options *server;
    const struct sp_rpc_method *methods;
    size_t method_count;
    struct sp_rpc_bound_counts *counts;
    struct connections *connections; /* all of the server; outlives this one */
    struct h2_tls *tls;              /* for entrances with TLS; NULL: there are none */
    struct sp_tls_crl *crl;          /* NULL: no certificate is known to be revoked */
    unsigned loops;
    bool health_only; /* serves grpc.health.v1 and nothing else; its loop is not a worker */
};

/* A kind of connection. */
struct h2_entrance {
    struct h2_server *server;
    enum sp_peer_kind kind;
};

#endif
