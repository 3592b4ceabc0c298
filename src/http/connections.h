/* Inside src/http: clients' connections from accept to close, and how long each may take.
 * libmicrohttpd's own timeout starts over with each byte; this one ends what takes too long,
 * however busily, and what has waited longest when there are too many. On the server's thread but
 * for the count. */
#ifndef SP_HTTP_CONNECTIONS_H
#define SP_HTTP_CONNECTIONS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <microhttpd.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "base/peer.h"
#include "tls/refusal.h"

struct connection {
    struct connection *previous, *next;
    struct MHD_Connection *of;
    int fd;
    struct sp_peer peer;
    bool shut;           /* and not closed by libmicrohttpd yet */
    int64_t deadline_ms; /* for the request that it is to send, and its reply */
    bool in_headers;     /* its request line has come, and its headers were not handed on yet */
    bool checks_host;    /* its requests must name this server (http/host.h) */
    /* Its TLS (http/handshake.h). */
    bool has_tls;
    bool heard, speaks_tls, went_away; /* a byte came; the first was one of TLS; the last read found the end */
    bool is_established, is_reported, is_alert_next;
    uint8_t alert; /* that came without encryption; 0: none */
};

struct connections {
    struct connection *first;
    int64_t patience_ms; /* for one request and its reply */
    unsigned most, most_per_peer;
    void (*tls_refused)(void *user, const struct sp_tls_refusal *refusal); /* NULL: nobody is told */
    void *user;
    atomic_uint count; /* any thread */
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

/* Whether there may be one more. If not, the connection that has waited longest for its request is
 * shut down, and there will be room when libmicrohttpd has closed it. */
bool sp_http_connections_have_room(const struct connections *connections);
/* The same among one address's; the new one need not wait. */
void sp_http_connections_make_room_for_peer(const struct connections *connections, const struct sp_peer *peer);
/* What an accepted socket of this address is counted by. */
struct sp_peer sp_http_peer_of(const struct sockaddr *address);

#endif
