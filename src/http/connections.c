#include "http/connections.h"

#include <stdlib.h>
#include <sys/socket.h>

#include "base/clock.h"

void sp_http_connections_add(struct connections *connections, struct MHD_Connection *opened, void **state) {
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(opened, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct connection *connection = info == NULL ? NULL : calloc(1, sizeof(*connection));
    atomic_fetch_add(&connections->count, 1);
    if (connection == NULL)
        return; /* libmicrohttpd's own timeout is left */
    *connection = (struct connection){.next = connections->first,
                                      .of = opened,
                                      .fd = info->connect_fd,
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
