/* Inside src/http: clients' connections from accept to close, and how long each may take.
 * libmicrohttpd's own timeout starts over with each byte; this one ends what takes too long,
 * however busily. On the server's thread but for the count. */
#ifndef SP_HTTP_CONNECTIONS_H
#define SP_HTTP_CONNECTIONS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <microhttpd.h>

struct connection {
    struct connection *previous, *next;
    struct MHD_Connection *of;
    int fd;
    int64_t deadline_ms; /* for the request that it is to send, and its reply */
    bool in_headers;     /* its request line has come, and its headers were not handed on yet */
    bool checks_host;    /* its requests must name this server (http/host.h) */
};

struct connections {
    struct connection *first;
    int64_t patience_ms; /* for one request and its reply */
    atomic_uint count;   /* any thread */
};

/* `state` is libmicrohttpd's pointer for the connection; NULL after this: there was no memory. */
void sp_http_connections_add(struct connections *connections, struct MHD_Connection *opened, void **state);
void sp_http_connections_remove(struct connections *connections, void **state);
/* A request has ended: time for the next begins. */
void sp_http_connections_extend(const struct connections *connections, struct MHD_Connection *of);
/* What is known of a connection; NULL: nothing. */
struct connection *sp_http_connection_of(struct MHD_Connection *of);
/* The connection whose headers libmicrohttpd is looking at; NULL: none. */
struct connection *sp_http_connections_find_parsed(const struct connections *connections);
void sp_http_connections_shut_overdue(const struct connections *connections);

#endif
