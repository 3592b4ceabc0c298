/* A small HTTP/1.1 server on libmicrohttpd, for what is asked over HTTP: metrics, health, AuthZEN, the admin API as JSON.
 *
 * One thread serves every connection and runs every handler, synchronously: a handler replies before it returns and must
 * not block. Requests that intermediaries could read in two ways (Content-Length beside Transfer-Encoding, either of them
 * twice, malformed header names) are refused with 400 and the connection is closed. Paths are matched byte by byte, without
 * any decoding. HEAD is answered where GET is. Errors of the server itself are JSON: {"code":"not_found","message":"…"}.
 * Every reply carries the request's X-Request-ID, if it has one.
 *
 * With a certificate every TCP address speaks TLS 1.2 or 1.3 only; Unix sockets never do. Certificate files are looked after
 * while the server runs: new connections get the new certificate, those that there are go on, and files that cannot be
 * used leave the last good ones in use. */
#ifndef SP_HTTP_SERVER_H
#define SP_HTTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/status.h"
#include "tls/files.h"

struct sp_http_server;
struct sp_http_exchange; /* a request and its reply */

struct sp_http_route {
    const char *method; /* "GET", "POST" */
    const char *path;   /* "/metrics": exact, without a query */
    void (*handle)(struct sp_http_exchange *exchange, void *user);
    void *user;
    bool anyone; /* also who shows no certificate where one is asked for: probes */
};

struct sp_http_options {
    const char *const *listen; /* "127.0.0.1:7402", "[::1]:7402", "unix:/run/sallyport-http.sock"; port 0 picks one */
    size_t listen_count;
    bool insecure;            /* allow plaintext on addresses other than loopback */
    struct sp_tls_files tls;  /* no certificate: plaintext; with a CA: clients must show a certificate that it signed */
    unsigned max_connections; /* more wait in the backlog; 0: 256 */
    unsigned timeout_s;       /* without progress; three times that for a whole request and its reply; 0: 10 */
    size_t max_body_bytes;    /* 0: 1 MiB; a larger body is 413 */
    size_t arena_budget_bytes; /* for one request; 0: 16 MiB */
    /* Told of new certificates (good) and of files that cannot be used, on the thread; may be NULL. */
    void (*notice)(void *user, bool good, const char *message);
    /* Called on the thread when it starts and ends; may be NULL. */
    void (*thread_started)(void *user);
    void (*thread_stopping)(void *user);
    void *user;
};

/* Binds; nothing is served before sp_http_start. `routes` must outlive the server. SP_ERR_INVALID: an address that cannot be
 * read, or is not loopback without `insecure`; SP_ERR_IO: an address in use; SP_ERR_MEMORY. */
enum sp_status sp_http_open(const struct sp_http_options *options, const struct sp_http_route *routes,
                            size_t route_count, struct sp_http_server **ret_server, struct sp_error *error) SP_MUST_USE;

/* The port that listener i was given; 0 for Unix sockets. */
int sp_http_port(const struct sp_http_server *server, size_t i);

/* Starts the thread. SP_ERR_IO. */
enum sp_status sp_http_start(struct sp_http_server *server, struct sp_error *error) SP_MUST_USE;

/* Takes no more connections, lets requests under way be answered for at most `grace_ms`, ends the thread. */
void sp_http_stop(struct sp_http_server *server, unsigned grace_ms);

/* Frees a stopped (or never started) server. NULL is allowed. */
void sp_http_close(struct sp_http_server *server);

/* Connections open now. Any thread. */
unsigned sp_http_connections(const struct sp_http_server *server);

/* ---- within a handler; what is borrowed lives until the reply was sent ---- */

struct sp_str sp_http_method(const struct sp_http_exchange *exchange);
struct sp_str sp_http_path(const struct sp_http_exchange *exchange);
/* What stands behind '?', as it came; empty for none. */
struct sp_str sp_http_query(const struct sp_http_exchange *exchange);
/* The whole body. */
struct sp_bytes sp_http_body(const struct sp_http_exchange *exchange);
/* The first value of a header, whatever the case of its name, and how many there are; empty and 0 for none. */
struct sp_str sp_http_header(const struct sp_http_exchange *exchange, const char *name, size_t *ret_count);
/* The connection's peer without port: "127.0.0.1", "::1", "unix". */
struct sp_str sp_http_peer(const struct sp_http_exchange *exchange);
/* Who the connection has proven to be. The names are subject alternative names (RFC 5280 section 4.2.1.6) of a certificate
 * that the CA signed, no more than fit; the user id, that of the process at the other end of a Unix socket. */
enum sp_http_peer_kind { SP_HTTP_PEER_PLAIN, SP_HTTP_PEER_TLS, SP_HTTP_PEER_UNIX };
enum { SP_HTTP_IDENTITY_NAMES = 16 };
struct sp_http_identity {
    enum sp_http_peer_kind kind;
    bool uid_known;
    uint32_t uid;
    size_t uri_count, dns_count;
    struct sp_str uris[SP_HTTP_IDENTITY_NAMES];
    struct sp_str dns[SP_HTTP_IDENTITY_NAMES];
};
void sp_http_identity(struct sp_http_exchange *exchange, struct sp_http_identity *ret_identity);
/* Scratch memory, wiped once the reply was sent. */
struct sp_arena *sp_http_arena(struct sp_http_exchange *exchange);

/* Adds a header to the reply, before it. Both are copied. Names and values come from the program or were checked: one with
 * a control character is left out. */
void sp_http_add_header(struct sp_http_exchange *exchange, const char *name, struct sp_str value);
/* Replies, once. The bytes must live until the exchange ends: constants, or from its arena. */
void sp_http_reply(struct sp_http_exchange *exchange, unsigned status, const char *content_type, struct sp_bytes body);
/* Replies with {"code","message"}, code by the HTTP status. */
void sp_http_fail(struct sp_http_exchange *exchange, unsigned status, const char *message);

#endif
