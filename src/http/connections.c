#include "http/connections.h"

#include <stdlib.h>
#include <sys/socket.h>

#include "base/clock.h"

struct sp_peer sp_http_peer_of(const struct sockaddr *address) {
    struct sp_peer peer;
    if (address == NULL || !sp_peer_from_sockaddr(address, &peer))
        peer = sp_peer_from_uid(0);
    return peer;
}

void sp_http_connections_add(struct connections *connections, struct MHD_Connection *opened, void **state) {
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(opened, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct connection *connection = info == NULL ? NULL : calloc(1, sizeof(*connection));
    atomic_fetch_add(&connections->count, 1);
    if (connection == NULL)
        return; /* libmicrohttpd's own timeout is left */
    const union MHD_ConnectionInfo *client = MHD_get_connection_info(opened, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    *connection = (struct connection){.next = connections->first,
                                      .of = opened,
                                      .fd = info->connect_fd,
                                      .peer = sp_http_peer_of(client == NULL ? NULL : client->client_addr),
                                      .deadline_ms = sp_clock_monotonic_ms() + connections->patience_ms};
    if (connection->next != NULL)
        connection->next->previous = connection;
    connections->first = connection;
    *state = connection;
}

void sp_http_connections_remove(struct connections *connections, void **state) {
    struct connection *connection = *state;
    atomic_fetch_sub(&connections->count, 1);
    if (connection == NULL)
        return;
    if (connection->previous != NULL)
        connection->previous->next = connection->next;
    else
        connections->first = connection->next;
    if (connection->next != NULL)
        connection->next->previous = connection->previous;
    free(connection);
    *state = NULL;
}

struct connection *sp_http_connection_of(struct MHD_Connection *of) {
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(of, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info == NULL ? NULL : info->socket_context;
}

/* The size of headers is known from when all have come, and then they are handed on at once. */
struct connection *sp_http_connections_find_parsed(const struct connections *connections) {
    for (struct connection *at = connections->first; at != NULL; at = at->next)
        if (at->in_headers && MHD_get_connection_info(at->of, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE) != NULL)
            return at;
    return NULL;
}

void sp_http_connections_extend(const struct connections *connections, struct MHD_Connection *of) {
    struct connection *connection = sp_http_connection_of(of);
    if (connection != NULL)
        connection->deadline_ms = sp_clock_monotonic_ms() + connections->patience_ms;
}

void sp_http_connections_shut_overdue(const struct connections *connections) {
    int64_t now_ms = sp_clock_monotonic_ms();
    for (struct connection *connection = connections->first; connection != NULL; connection = connection->next)
        if (now_ms >= connection->deadline_ms)
            shutdown(connection->fd, SHUT_RDWR);
}

/* The one that has waited longest for a request to be complete, of all or of one peer; NULL: none.
 * *ret_count: how many there are that were not shut. */
static struct connection *find_longest_waiting(const struct connections *connections, const struct sp_peer *peer,
                                               unsigned *ret_count) {
    struct connection *longest = NULL;
    *ret_count = 0;
    for (struct connection *connection = connections->first; connection != NULL; connection = connection->next) {
        if (connection->shut || (peer != NULL && !sp_peer_same_host(&connection->peer, peer)))
            continue;
        ++*ret_count;
        if (longest == NULL || connection->deadline_ms <= longest->deadline_ms)
            longest = connection;
    }
    return longest;
}

static void shut_connection(struct connection *connection) {
    connection->shut = true;
    shutdown(connection->fd, SHUT_RDWR);
}

bool sp_http_connections_have_room(const struct connections *connections) {
    unsigned count;
    if (atomic_load(&connections->count) < connections->most)
        return true;
    struct connection *longest = find_longest_waiting(connections, NULL, &count);
    if (longest != NULL && count >= connections->most)
        shut_connection(longest);
    return false;
}

void sp_http_connections_make_room_for_peer(const struct connections *connections, const struct sp_peer *peer) {
    unsigned count;
    struct connection *longest = find_longest_waiting(connections, peer, &count);
    if (longest != NULL && count >= connections->most_per_peer)
        shut_connection(longest);
}
