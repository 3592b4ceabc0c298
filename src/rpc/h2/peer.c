#include "rpc/h2/peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

enum {
    KEEPALIVE_IDLE_S = 60,
    KEEPALIVE_EVERY_S = 20,
    KEEPALIVE_PROBES = 3,
    UNACKNOWLEDGED_MS = 60 * 1000,
};

/* TCP tells of clients that vanished; HTTP/2 pings are not needed for it. */
static void watch_tcp_peer(int fd) {
    const int on = 1, idle_s = KEEPALIVE_IDLE_S, every_s = KEEPALIVE_EVERY_S, probes = KEEPALIVE_PROBES;
    const unsigned unacknowledged_ms = UNACKNOWLEDGED_MS;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof(idle_s));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &every_s, sizeof(every_s));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof(probes));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unacknowledged_ms, sizeof(unacknowledged_ms));
}

static bool name_unix_peer(struct h2_connection *connection) {
    struct ucred process;
    socklen_t size = sizeof(process);
    if (getsockopt(connection->socket.fd, SOL_SOCKET, SO_PEERCRED, &process, &size) != 0)
        return false;
    memcpy(connection->peer, "unix", sizeof("unix"));
    connection->uid_known = true;
    connection->uid = process.uid;
    return true;
}

static bool name_tcp_peer(struct h2_connection *connection) {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        struct sockaddr_storage room;
    } address;
    socklen_t size = sizeof(address);
    memset(&address, 0, sizeof(address));
    if (getpeername(connection->socket.fd, &address.any, &size) != 0)
        return false;
    const struct in6_addr *v6 = &address.v6.sin6_addr;
    if (address.any.sa_family == AF_INET)
        return inet_ntop(AF_INET, &address.v4.sin_addr, connection->peer, sizeof(connection->peer)) != NULL;
    if (IN6_IS_ADDR_V4MAPPED(v6))
        return inet_ntop(AF_INET, &v6->s6_addr[12], connection->peer, sizeof(connection->peer)) != NULL;
    return inet_ntop(AF_INET6, v6, connection->peer, sizeof(connection->peer)) != NULL;
}

bool sp_rpc_h2_peer_name(struct h2_connection *connection) {
    if (connection->kind == SP_PEER_UNIX)
        return name_unix_peer(connection);
    watch_tcp_peer(connection->socket.fd);
    return name_tcp_peer(connection);
}

static bool read_peer_address(const struct h2_connection *connection, struct sp_peer *ret_peer) {
    union {
        struct sockaddr any;
        struct sockaddr_storage room;
    } address;
    socklen_t size = sizeof(address);
    if (connection->uid_known) {
        *ret_peer = sp_peer_from_uid(connection->uid);
        return true;
    }
    return getpeername(connection->socket.fd, &address.any, &size) == 0 &&
           sp_peer_from_sockaddr(&address.any, ret_peer);
}

void sp_rpc_h2_peer_note_flood(const struct h2_connection *connection, enum sp_rpc_bound bound) {
    const struct h2_options *options = &connection->loop->server->options;
    struct sp_peer peer;
    sp_rpc_bound_count(options->counts, bound);
    if (read_peer_address(connection, &peer))
        sp_rpc_connections_note_flood(options->connections, &peer);
}
