/* What the files of src/http share: the server with its connections, and an exchange while it lasts. */
#ifndef SP_HTTP_INTERNAL_H
#define SP_HTTP_INTERNAL_H

#include <microhttpd.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/listen.h"
#include "http/server.h"

enum { SP_HTTP_PEER_BYTES = INET6_ADDRSTRLEN };

/* A client's connection, from accept to close. */
struct connection {
    struct connection *previous, *next;
    int fd;
    int64_t deadline_ms; /* for the request that it is to send, and its reply */
};

struct reply_header {
    struct reply_header *next;
    const char *name;
    const char *value;
};

struct sp_http_exchange {
    struct sp_http_server *server;
    struct sp_http_exchange *next; /* in the pool */
    struct MHD_Connection *connection;
    struct sp_arena arena;
    const char *method;
    struct sp_str target; /* path and query */
    struct sp_str path, query;
    const struct sp_http_route *route;
    struct reply_header *headers;
    bool seen;      /* its headers were looked at */
    bool too_large; /* its body */
    bool replied;
    uint8_t *body; /* malloc: it grows */
    size_t body_size, body_room;
    char peer[SP_HTTP_PEER_BYTES];
};

struct sp_http_server {
    struct sp_http_options options;
    const struct sp_http_route *routes;
    size_t route_count;
    struct sp_listen *listens;
    size_t listen_count;
    struct engine *plain;  /* of what comes in plaintext */
    struct engine *secure; /* of TLS, with the newest certificate; NULL: no TLS */
    struct engine *old;    /* with certificates that were replaced, until their connections have ended */
    struct sp_tls_watch watch;
    int wake_fd; /* an eventfd that ends the thread */
    pthread_t thread;
    bool running;
    bool stopping; /* the thread's own: replies close their connections */
    int64_t stop_by_ms;
    atomic_int grace_ms; /* negative: not stopping */
    struct connection *connections;
    atomic_uint connection_count;
    unsigned exchange_count; /* under way */
    struct sp_http_exchange *pool;
    unsigned pooled;
};

int64_t http_now_ms(void);

/* ---- engine.c: libmicrohttpd's daemons, which have no listening sockets and no threads of their own ---- */

/* One certificate is one daemon's for its life. */
struct engine {
    struct sp_http_server *server;
    struct engine *next; /* in the list of old ones */
    struct MHD_Daemon *daemon;
    int epoll_fd;
    unsigned connections;
};

enum { ENGINES_MAX = 8 }; /* the plain one, the newest, and old ones: the oldest of more is ended at once */

/* `material` NULL: plaintext. SP_ERR_IO: libmicrohttpd does not take the certificate; SP_ERR_MEMORY. */
enum sp_status engine_start(struct sp_http_server *server, const struct sp_tls_material *material,
                            struct engine **ret_engine, struct sp_error *error) SP_MUST_USE;
/* Closes its connections. NULL is allowed. */
void engine_stop(struct engine *engine);
/* Takes over new certificates, and ends old engines that have no connection left. On the thread, now and then. */
void engine_look_after(struct sp_http_server *server);
/* All of a server; returns how many. */
size_t engine_list(const struct sp_http_server *server, struct engine *ret_engines[static ENGINES_MAX]);
/* Whether the client has shown a certificate that the CA in force signed, or need not show one. */
bool engine_knows_client(struct MHD_Connection *connection);

/* ---- server.c: libmicrohttpd's events ---- */

void server_on_connection(void *engine, struct MHD_Connection *connection, void **state,
                          enum MHD_ConnectionNotificationCode what);
void *server_on_request_line(void *server, const char *target, struct MHD_Connection *connection);
enum MHD_Result server_on_request(void *server, struct MHD_Connection *connection, const char *url, const char *method,
                                  const char *version, const char *bytes, size_t *size, void **state);
void server_on_completed(void *server, struct MHD_Connection *connection, void **state,
                         enum MHD_RequestTerminationCode why);

/* ---- exchange.c ---- */

/* NULL when out of memory. */
struct sp_http_exchange *exchange_begin(struct sp_http_server *server, struct MHD_Connection *connection,
                                        const char *target);
void exchange_end(struct sp_http_exchange *exchange);
void exchange_free(struct sp_http_exchange *exchange);
/* The headers have come: refuses the request, or lets its body come. MHD_NO: close the connection. */
enum MHD_Result exchange_headers(struct sp_http_exchange *exchange, const char *method);
/* A piece of its body. */
enum MHD_Result exchange_body(struct sp_http_exchange *exchange, const char *bytes, size_t size);
/* All of it has come. */
enum MHD_Result exchange_answer(struct sp_http_exchange *exchange);

/* ---- framing.c ---- */

/* Whether a request's length can be read in one way only. NULL: it can; else why not. */
const char *framing_mistake(struct MHD_Connection *connection);

#endif
