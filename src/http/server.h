/* A small HTTP/1.1 server on libmicrohttpd, for metrics, health and AuthZEN.
 *
 * One thread serves every connection and runs every handler: a handler must not block, and either
 * replies before it returns or defers the reply to another thread (http/exchange.h). Requests that
 * intermediaries could read in two ways (Content-Length beside Transfer-Encoding, either of them
 * twice, malformed header names, control characters in header values) are refused with 400 and the
 * connection is closed; so are requests to a loopback address, over plaintext, whose Host header
 * names neither loopback nor this server. Paths are matched byte by byte, without any decoding.
 * HEAD is answered where GET is. Errors of the server itself are JSON:
 * {"code":"not_found","message":"…"}. Every reply carries the request's X-Request-ID, if it has
 * one.
 *
 * With a certificate every TCP address speaks TLS 1.2 or 1.3 only; Unix sockets never do. Changed
 * certificate files are loaded while the server runs: new connections get the new certificate,
 * existing ones continue, and files that cannot be used leave the last good ones in use. With
 * revocation lists, a revoked certificate counts as none, on existing connections too. */
#ifndef SP_HTTP_SERVER_H
#define SP_HTTP_SERVER_H

#include "base/heartbeat.h"
#include "base/status.h"
#include "http/exchange.h"
#include "tls/files.h"
#include "tls/refusal.h"

struct sp_http_server;

struct sp_http_options {
    const char *const *listen; /* "127.0.0.1:7402", "[::1]:7402", "unix:/run/sallyport-http.sock"; port 0 picks one */
    size_t listen_count;
    bool insecure;           /* allow plaintext on addresses other than loopback */
    struct sp_tls_files tls; /* no certificate: plaintext; with a CA: clients must show a certificate that it signed */
    /* Names that requests to plaintext loopback listeners may have in their Host header, beside
     * those of loopback; without ports. They must outlive the server. */
    const char *const *host_names;
    size_t host_name_count;
    /* Half of them from one address. The one that has waited longest for a request makes room for a
     * new one. 0: 256. */
    unsigned max_connections;
    unsigned timeout_s;        /* without progress; three times that for a request and its reply; 0: 10 */
    size_t max_body_bytes;     /* 0: 1 MiB; a larger body is 413 */
    size_t arena_budget_bytes; /* for one request; 0: 16 MiB */
    /* Gets news of certificates: new ones (good) and files that cannot be used. On the thread; may
     * be NULL. */
    void (*notice)(void *user, bool good, const char *message);
    /* Gets clients whose TLS handshake failed, and those whose request was refused because they
     * showed no certificate or none that is accepted; each connection once. On the thread; may be
     * NULL. */
    void (*tls_refused)(void *user, const struct sp_tls_refusal *refusal);
    const char *thread_name; /* at most 15 bytes; NULL: "http" */
    /* Called on the thread when it starts and ends; may be NULL. */
    void (*thread_started)(void *user);
    void (*thread_stopping)(void *user);
    void *user;
};

/* Binds; nothing is served before sp_http_start. `routes` are copied. SP_ERR_INVALID:
 * an invalid address, or one that is not loopback without `insecure`; SP_ERR_IO: an address in use;
 * SP_ERR_MEMORY. */
enum sp_status sp_http_open(const struct sp_http_options *options, const struct sp_http_route *routes,
                            size_t route_count, struct sp_http_server **ret_server, struct sp_error *error) SP_MUST_USE;

/* The port that listener i was given; 0 for Unix sockets. */
int sp_http_port(const struct sp_http_server *server, size_t i);

/* Starts the thread. SP_ERR_IO. */
enum sp_status sp_http_start(struct sp_http_server *server, struct sp_error *error) SP_MUST_USE;

/* From now on each reply asks its client to close the connection. NULL is allowed. Any thread. */
void sp_http_leave(struct sp_http_server *server);
/* Takes no more connections, lets requests under way be answered for at most `grace_ms`, ends the
 * thread. NULL is allowed. */
void sp_http_stop(struct sp_http_server *server, unsigned grace_ms);

/* Frees a stopped (or never started) server. NULL is allowed. */
void sp_http_close(struct sp_http_server *server);

/* Connections open now. NULL is allowed: none. Any thread. */
unsigned sp_http_connections(const struct sp_http_server *server);

/* The sign of life of the thread; it lives as long as the server. NULL for NULL. Any thread. */
const struct sp_heartbeat *sp_http_heartbeat(const struct sp_http_server *server);

#endif
