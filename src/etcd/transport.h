/* How the client's bytes reach etcd: over gRPC, unless a test puts a script in its place
 * (sp_etcd_options.transport).
 *
 * Each function promises what the function of rpc/client.h does that sp_etcd_over_grpc calls;
 * connections and streams belong to the transport. One thread at a time for each connection. */
#ifndef SP_ETCD_TRANSPORT_H
#define SP_ETCD_TRANSPORT_H

#include "rpc/client.h"

struct sp_etcd_transport {
    /* `context` is this struct's. */
    enum sp_status (*open)(void *context, const struct sp_rpc_client_options *options, void **ret_connection,
                           struct sp_error *error);
    void (*close)(void *connection);
    enum sp_status (*set_metadata)(void *connection, const char *name, struct sp_str value, struct sp_error *error);
    bool (*connect)(void *connection, unsigned timeout_ms);
    enum sp_status (*call)(void *connection, unsigned timeout_ms, const char *path, struct sp_bytes request,
                           struct sp_arena *arena, struct sp_bytes *ret_reply, struct sp_error *error);
    enum sp_status (*open_stream)(void *connection, const char *path, void **ret_stream, struct sp_error *error);
    enum sp_status (*send)(void *stream, struct sp_bytes message, struct sp_error *error);
    enum sp_status (*receive)(void *stream, unsigned timeout_ms, struct sp_arena *arena, struct sp_bytes *ret_message,
                              struct sp_error *error);
    void (*close_stream)(void *stream);
    void *context;
};

extern const struct sp_etcd_transport sp_etcd_over_grpc;

#endif
