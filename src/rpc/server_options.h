/* What a gRPC server (rpc/server.h) can be told. */
#ifndef SP_RPC_SERVER_OPTIONS_H
#define SP_RPC_SERVER_OPTIONS_H

#include "base/status.h"
#include "rpc/bounds.h"
#include "tls/files.h"
#include "tls/refusal.h"

struct sp_rpc_call;

enum { SP_RPC_UNIX_UIDS_MAX = 16 };

/* What serves the calls. Health listeners have the second one always. */
enum sp_rpc_engine {
    SP_RPC_ENGINE_GRPC, /* the gRPC C core */
    SP_RPC_ENGINE_H2,   /* HTTP/2 by nghttp2 */
};

struct sp_rpc_server_options {
    enum sp_rpc_engine engine;
    const char *const *listen; /* "127.0.0.1:7400", "[::1]:7400", "unix:/run/sallyport.sock"; port 0 picks one */
    size_t listen_count;
    bool insecure; /* allow plaintext on addresses other than loopback */
    /* Plaintext listeners on any address, for grpc.health.v1 only: probes have no certificates. */
    const char *const *health_listen;
    size_t health_listen_count;
    /* With a certificate all TCP listeners but those of health speak TLS 1.2 or 1.3; with a CA
     * clients must show a certificate that it signed, and with revocation lists each call's must
     * not be revoked. New connections use changed files. Unix sockets never use TLS. */
    struct sp_tls_files tls;
    /* Gets the outcome of changed TLS files, for the log; on any thread. May be NULL. */
    void (*notice)(void *user, bool good, const char *message);
    /* Gets each client whose TLS handshake failed, for the log; on any thread. May be NULL. */
    void (*tls_refused)(void *user, const struct sp_tls_refusal *refusal);
    /* User ids that sp_rpc_call_identity knows on Unix sockets, at most SP_RPC_UNIX_UIDS_MAX. */
    const uint32_t *unix_uids;
    size_t unix_uid_count;
    unsigned workers;                /* 0: one for each CPU */
    size_t arena_budget_bytes;       /* for one call; 0: 16 MiB */
    unsigned max_concurrent_streams; /* for one connection; 0: 100 */
    unsigned max_connection_age_s;   /* then a client is asked to reconnect, and loses no call; 0: for ever */
    unsigned connection_age_grace_s; /* for the calls that it has then, besides streams that age; 0: 10 */
    unsigned max_stream_age_s;       /* then streams that age end with UNAVAILABLE; 0: never */
    struct sp_rpc_connection_limits limits;
    /* Whether a caller may call a method that has a `permit`: SP_OK, or the status and message that
     * end the call. On the worker's thread, before the handler; not NULL if a method has one. */
    enum sp_status (*admit)(struct sp_rpc_call *call, unsigned permit, void *user, struct sp_error *error);
    /* Whether anybody known is calling, by the call's metadata: asked before anything of a request
     * is read that may have more than SP_RPC_UNPROVEN_BYTES, of unary methods without a permit. On
     * the worker's thread. NULL: it is read anyway. */
    enum sp_status (*authenticate)(struct sp_rpc_call *call, void *user, struct sp_error *error);
    /* Called on each worker's thread when it starts and ends; may be NULL. */
    void (*worker_started)(unsigned worker, void *user);
    void (*worker_stopping)(unsigned worker, void *user);
    void *user;
};

#endif
