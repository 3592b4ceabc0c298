#include "etcd/transport.h"

static enum sp_status open_grpc(void *context, const struct sp_rpc_client_options *options, void **ret_connection,
                                struct sp_error *error) {
    struct sp_rpc_client *client = NULL;
    (void)context;
    enum sp_status status = sp_rpc_client_open(options, &client, error);
    if (status != SP_OK)
        return status;
    *ret_connection = client;
    return SP_OK;
}

static void close_grpc(void *connection) {
    sp_rpc_client_close(connection);
}

static enum sp_status set_grpc_metadata(void *connection, const char *name, struct sp_str value,
                                        struct sp_error *error) {
    return sp_rpc_client_set_metadata(connection, name, value, error);
}

static bool connect_grpc(void *connection, unsigned timeout_ms) {
    return sp_rpc_client_connect(connection, timeout_ms);
}

static enum sp_status call_grpc(void *connection, unsigned timeout_ms, const char *path, struct sp_bytes request,
                                struct sp_arena *arena, struct sp_bytes *ret_reply, struct sp_error *error) {
    sp_rpc_client_set_timeout(connection, timeout_ms);
    return sp_rpc_client_call(connection, path, request, arena, ret_reply, error);
}

static enum sp_status open_grpc_stream(void *connection, const char *path, void **ret_stream, struct sp_error *error) {
    struct sp_rpc_stream *stream = NULL;
    enum sp_status status = sp_rpc_stream_open(connection, path, &stream, error);
    if (status != SP_OK)
        return status;
    *ret_stream = stream;
    return SP_OK;
}

static enum sp_status send_grpc(void *stream, struct sp_bytes message, struct sp_error *error) {
    return sp_rpc_stream_send(stream, message, error);
}

static enum sp_status receive_grpc(void *stream, unsigned timeout_ms, struct sp_arena *arena,
                                   struct sp_bytes *ret_message, struct sp_error *error) {
    return sp_rpc_stream_receive_within(stream, timeout_ms, arena, ret_message, error);
}

static void close_grpc_stream(void *stream) {
    sp_rpc_stream_close(stream);
}

const struct sp_etcd_transport sp_etcd_over_grpc = {
    .open = open_grpc,
    .close = close_grpc,
    .set_metadata = set_grpc_metadata,
    .connect = connect_grpc,
    .call = call_grpc,
    .open_stream = open_grpc_stream,
    .send = send_grpc,
    .receive = receive_grpc,
    .close_stream = close_grpc_stream,
};
