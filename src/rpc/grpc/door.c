#include "rpc/grpc/door.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <grpc/grpc_security.h>

#include "rpc/channel.h"
#include "rpc/grpc/server_tls.h"
#include "rpc/grpc/unary.h"
#include "rpc/health.h"
#include "tls/crl.h"

enum {
    QUOTA_BYTES = 512 * 1024 * 1024, /* what gRPC may use for messages under way, over all connections */
    MIN_PING_INTERVAL_MS = 10 * 1000,
    KEEPALIVE_MS = 120 * 1000,        /* finds peers that vanished: they count against the cap on connections */
    HANDSHAKE_TIMEOUT_MS = 10 * 1000, /* for a connection's first frame */
    /* More than proxies let pass (Envoy: 60 KiB): a longer list ends the connection, and with it
     * the calls of all whom a proxy serves over it. */
    MAX_METADATA_BYTES = 64 * 1024,
    WINDOW_BYTES = 64 * 1024, /* HTTP/2's first: what a client may send of a message that was not asked for */
};

/* ---- gRPC's server ---- */

/* Larger values than an int holds mean the same as the largest. */
static grpc_arg limit_arg(const char *key, unsigned value) {
    return sp_rpc_channel_integer_arg(key, value > INT_MAX ? INT_MAX : (int)value);
}

static grpc_arg quota_arg(grpc_resource_quota *quota) {
    grpc_arg arg = limit_arg(GRPC_ARG_RESOURCE_QUOTA, 0);
    arg.type = GRPC_ARG_POINTER;
    arg.value.pointer.p = quota;
    arg.value.pointer.vtable = grpc_resource_quota_arg_vtable();
    return arg;
}

static grpc_server *create_grpc_server(const struct core_server *server, struct door *door) {
    const struct sp_rpc_server_options *options = &server->options;
    grpc_resource_quota *quota = grpc_resource_quota_create("sallyport");
    grpc_resource_quota_resize(quota, QUOTA_BYTES);
    grpc_arg args[24];
    size_t count = 0;
    args[count++] = sp_rpc_handover_channel_arg(&door->handover);
    args[count++] = quota_arg(quota);
    args[count++] = limit_arg(GRPC_ARG_MAX_CONCURRENT_STREAMS, options->max_concurrent_streams);
    /* gRPC sees the size of a message when it has all of it, and throws it away without a word to
     * the server. So each method's limit is applied here, and each connection's bound before
     * that. */
    args[count++] = sp_rpc_channel_integer_arg(GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH, -1);
    args[count++] = limit_arg(GRPC_ARG_MAX_METADATA_SIZE, MAX_METADATA_BYTES);
    /* Otherwise gRPC lets a client send 4 MiB of a message that nobody has asked for. */
    args[count++] = limit_arg(GRPC_ARG_HTTP2_BDP_PROBE, 0);
    args[count++] = limit_arg(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, WINDOW_BYTES - 1);
    args[count++] = limit_arg(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, MIN_PING_INTERVAL_MS);
    args[count++] = limit_arg(GRPC_ARG_KEEPALIVE_TIME_MS, KEEPALIVE_MS);
    args[count++] = limit_arg(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
    args[count++] = limit_arg(GRPC_ARG_ALLOW_REUSEPORT, 0);
    args[count++] = limit_arg(GRPC_ARG_ENABLE_CHANNELZ, 0);
    args[count++] = limit_arg(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, HANDSHAKE_TIMEOUT_MS);
    /* gRPC unpacks a message before it checks its size: 256 KiB of gzip become 256 MiB. So nothing
     * is unpacked, and what comes compressed is refused (UNIMPLEMENTED, with what is accepted);
     * messages here are small. */
    args[count++] = limit_arg(GRPC_ARG_ENABLE_PER_MESSAGE_DECOMPRESSION, 0);
    args[count++] = limit_arg(GRPC_ARG_ENABLE_PER_MESSAGE_COMPRESSION, 0);
    if (options->max_connection_age_s != 0) {
        unsigned age_ms =
            options->max_connection_age_s > INT_MAX / 1000 ? INT_MAX : options->max_connection_age_s * 1000;
        args[count++] = limit_arg(GRPC_ARG_MAX_CONNECTION_AGE_MS, age_ms);
        args[count++] = limit_arg(GRPC_ARG_MAX_CONNECTION_AGE_GRACE_MS, options->connection_age_grace_s * 1000);
    }
    const grpc_channel_args all = {.num_args = count, .args = args};
    grpc_server *grpc = grpc_server_create(&all, NULL);
    grpc_resource_quota_unref(quota);
    return grpc;
}

/* ---- which doors there are ---- */

static bool is_unix(const char *address) {
    return strncmp(address, "unix:", 5) == 0;
}

static struct door *add_door(struct core_server *server, enum sp_peer_kind kind) {
    struct door *door = &server->doors[server->door_count++];
    *door = (struct door){.server = server, .kind = kind};
    return door;
}

/* No more than the listeners lead to. */
static void plan_doors(struct core_server *server, const struct sp_rpc_server_options *options) {
    size_t unix_count = 0;
    for (size_t i = 0; i < options->listen_count; i++)
        unix_count += is_unix(options->listen[i]);
    if (unix_count < options->listen_count)
        server->tcp_door = add_door(server, server->tls != NULL ? SP_PEER_TLS : SP_PEER_PLAIN);
    if (unix_count > 0) {
        server->unix_doors = add_door(server, SP_PEER_UNIX);
        for (size_t i = 0; i < options->unix_uid_count && i < SP_RPC_UNIX_UIDS_MAX; i++) {
            struct door *door = add_door(server, SP_PEER_UNIX);
            door->uid_known = true;
            door->uid = options->unix_uids[i];
        }
    }
}

bool sp_rpc_doors_take_tcp(const struct core_server *server, int listener_fd, int fd) {
    /* gRPC begins the handshake on this thread. */
    sp_tls_refusals_expect(server->shared.refusals, fd);
    sp_rpc_handover_give(&server->tcp_door->handover, listener_fd, fd);
    sp_tls_refusals_expect(NULL, -1);
    return true;
}

/* The first of the Unix doors is for all other users. */
bool sp_rpc_doors_take_unix(const struct core_server *server, int listener_fd, int fd) {
    const struct door *chosen = server->unix_doors, *end = server->doors + server->door_count;
    struct ucred peer;
    socklen_t size = sizeof(peer);
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
        return false;
    for (const struct door *door = server->unix_doors + 1; door < end && door->uid_known; door++)
        if (door->uid == peer.uid)
            chosen = door;
    sp_rpc_handover_give(&chosen->handover, listener_fd, fd);
    return true;
}

enum sp_status sp_rpc_doors_open(struct core_server *server, const struct sp_rpc_server_options *options,
                                 struct sp_error *error) {
    if (options->tls.certificate != NULL || options->tls.key != NULL) {
        enum sp_status status = sp_rpc_server_tls_open(options, &server->tls, error);
        if (status != SP_OK)
            return status;
    }
    server->doors = calloc(SP_RPC_UNIX_UIDS_MAX + 2, sizeof(*server->doors));
    if (server->doors == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    plan_doors(server, options);
    return SP_OK;
}

/* ---- methods ---- */

static enum sp_status register_methods(struct door *door, struct sp_error *error) {
    const struct core_server *server = door->server;
    door->handles = calloc(server->method_count + 1, sizeof(*door->handles));
    if (door->handles == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    for (size_t i = 0; i < server->method_count; i++) {
        const struct sp_rpc_method *method = &server->methods[i];
        door->handles[i] = grpc_server_register_method(
            door->grpc, method->path, NULL,
            sp_rpc_unary_reads_ahead(method) ? GRPC_SRM_PAYLOAD_READ_INITIAL_BYTE_BUFFER : GRPC_SRM_PAYLOAD_NONE, 0);
        if (door->handles[i] == NULL)
            return sp_error_set(error, SP_ERR_INTERNAL, "method \"%s\" cannot be registered", method->path);
    }
    return SP_OK;
}

static enum sp_status attach_door(struct door *door, struct sp_error *error) {
    grpc_server_credentials *credentials = door->kind == SP_PEER_TLS ? sp_rpc_server_tls_credentials(door->server->tls)
                                                                     : grpc_insecure_server_credentials_create();
    enum sp_status status = sp_rpc_handover_attach(&door->handover, door->grpc, credentials, error);
    grpc_server_credentials_release(credentials);
    return status;
}

static enum sp_status share_queues(struct door *door, struct sp_error *error) {
    struct core_server *server = door->server;
    door->shut = calloc(server->worker_count, sizeof(*door->shut));
    if (door->shut == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    for (unsigned i = 0; i < server->worker_count; i++) {
        door->shut[i] = (struct tag){TAG_DOOR_SHUT, &server->workers[i]};
        grpc_server_register_completion_queue(door->grpc, server->workers[i].cq, NULL);
    }
    return SP_OK;
}

enum sp_status sp_rpc_doors_attach(struct core_server *server, struct sp_error *error) {
    for (size_t i = 0; i < server->door_count; i++) {
        struct door *door = &server->doors[i];
        door->grpc = create_grpc_server(server, door);
        enum sp_status status = share_queues(door, error);
        if (status != SP_OK)
            return status;
        status = register_methods(door, error);
        if (status != SP_OK)
            return status;
        status = attach_door(door, error);
        if (status != SP_OK)
            return status;
    }
    return SP_OK;
}

/* ---- running and closing ---- */

void sp_rpc_doors_start(struct core_server *server) {
    for (size_t i = 0; i < server->door_count; i++)
        grpc_server_start(server->doors[i].grpc);
}

void sp_rpc_doors_shut(struct core_server *server) {
    for (unsigned i = 0; i < server->worker_count; i++)
        atomic_store_explicit(&server->workers[i].open_doors, server->door_count, memory_order_release);
    for (size_t i = 0; i < server->door_count; i++) {
        struct door *door = &server->doors[i];
        for (unsigned j = 0; j < server->worker_count; j++)
            grpc_server_shutdown_and_notify(door->grpc, server->workers[j].cq, &door->shut[j]);
    }
}

void sp_rpc_doors_cancel_calls(struct core_server *server) {
    for (size_t i = 0; i < server->door_count; i++)
        grpc_server_cancel_all_calls(server->doors[i].grpc);
}

void sp_rpc_doors_free(struct core_server *server) {
    for (size_t i = 0; i < server->door_count; i++) {
        struct door *door = &server->doors[i];
        if (door->grpc != NULL)
            grpc_server_destroy(door->grpc);
        free(door->shut);
        free(door->handles);
    }
    free(server->doors);
    sp_rpc_server_tls_close(server->tls);
}
