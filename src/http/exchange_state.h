/* Inside src/http: an exchange while it lasts, and what all exchanges of a server share. On the
 * server's thread. */
#ifndef SP_HTTP_EXCHANGE_STATE_H
#define SP_HTTP_EXCHANGE_STATE_H

#include <microhttpd.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/arena.h"
#include "base/identity.h"

struct connections;
struct deferrals;
struct sp_http_pipe;
struct sp_tls_crl;
struct sp_tls_crl_memo;

enum { SP_HTTP_PEER_BYTES = INET6_ADDRSTRLEN };

struct exchanges {
    const struct sp_http_route *routes;
    size_t route_count;
    size_t max_body_bytes;
    size_t arena_budget_bytes;
    const char *const *host_names;
    size_t host_name_count;
    bool clients_need_certificates;
    struct sp_tls_crl *crl; /* NULL: no certificate is known to be revoked */
    struct sp_tls_crl_memo *crl_memo;
    bool stopping;       /* replies close their connections */
    atomic_bool leaving; /* the same, while connections are still accepted; any thread */
    unsigned active;     /* under way */
    struct sp_http_exchange *pool;
    unsigned pooled;
    struct deferrals *deferrals;
    struct sp_http_exchange *deferred; /* and not over yet */
    const struct connections *connections;
};

struct reply_header {
    struct reply_header *next;
    const char *name;
    const char *value;
};

struct sp_http_exchange {
    struct exchanges *exchanges;
    struct sp_http_exchange *next; /* in the pool, or among those that were resumed */
    struct MHD_Connection *connection;
    struct sp_arena arena;
    const char *method;
    struct sp_str target;    /* as it came */
    struct sp_str authority; /* of a target in absolute-form */
    bool is_absolute;
    struct sp_str path, query;
    const struct sp_http_route *route;
    struct reply_header *headers;
    bool has_headers; /* of the request */
    bool too_large;   /* its body */
    bool replied;
    uint8_t *body; /* malloc: it grows, and is wiped when it moves */
    size_t body_size, body_capacity;
    char peer[SP_HTTP_PEER_BYTES];

    /* Once its reply was deferred (http/deferral.h). */
    void (*finish)(struct sp_http_exchange *exchange, void *state, bool may_reply); /* NULL: it was not */
    void *finish_state;
    struct deferrals *deferrals;
    struct sp_http_exchange *deferred_previous, *deferred_next;
    struct sp_http_field *fields; /* copies of the request's headers */
    size_t field_count;
    struct sp_identity identity;
    struct sp_http_pipe *pipe; /* from which the reply comes; NULL: from none */
    bool suspended;            /* libmicrohttpd's connection */
    bool abandoned;            /* it ends when it goes on */
    bool finished;
    bool resumed, gone; /* guarded by the lock of `deferrals` */
};

/* Overwrites what came with the request, and forgets it. */
void sp_http_exchange_wipe(struct sp_http_exchange *exchange);
/* Any thread, if the exchange is not the server's any more. */
void sp_http_exchange_free(struct sp_http_exchange *exchange);

#endif
