/* Inside src/http: clients' connections from accept to close, and how long each may take.
 * libmicrohttpd's own timeout starts over with each byte; this one ends what takes too long,
 * however busily. On the server's thread but for the count. */
#ifndef SP_HTTP_CONNECTIONS_H
#define SP_HTTP_CONNECTIONS_H

#include <stdatomic.h>
#include <stdint.h>

#include <microhttpd.h>

struct connection {
    struct connection *previous, *next;
    int fd;
    int64_t deadline_ms; /* for the request that it is to send, and its reply */
};

struct connections {
    struct connection *first;
    int64_t patience_ms; /* for one request and its reply */
    atomic_uint count;   /* any thread */
};

/* `state` is libmicrohttpd's pointer for the connection. */
void sp_http_connections_add(struct connections *connections, struct MHD_Connection *opened, void **state);
void sp_http_connections_remove(struct connections *connections, void **state);
/* A request has ended: time for the next begins. */
void sp_http_connections_extend(const struct connections *connections, struct MHD_Connection *of);
void sp_http_connections_shut_overdue(const struct connections *connections);

#endif
