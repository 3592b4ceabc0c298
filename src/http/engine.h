/* Inside src/http: libmicrohttpd's daemons, which have no listening sockets and no threads of their
 * own. On the server's thread. */
#ifndef SP_HTTP_ENGINE_H
#define SP_HTTP_ENGINE_H

#include <stdbool.h>
#include <sys/socket.h>

#include <microhttpd.h>

#include "base/status.h"
#include "tls/files.h"

struct engine;

/* What libmicrohttpd's events are for; all get `user`. */
struct engine_events {
    MHD_NotifyConnectionCallback on_connection;
    void *(*on_request_line)(void *user, const char *target, struct MHD_Connection *connection);
    MHD_AccessHandlerCallback on_request;
    MHD_RequestCompletedCallback on_completed;
    /* It is about to stop, and must have no suspended connections then. */
    void (*on_stopping)(void *user, const struct MHD_Daemon *daemon);
    void (*on_failure)(void *user);           /* libmicrohttpd is about to answer a request itself, with an error */
    void (*on_handshake_failure)(void *user); /* of the connection that was read from last */
    sp_tls_notice *notice;                    /* of certificates */
    void *user;
};

/* A certificate belongs to a daemon for the daemon's life, so a new one gets a new daemon. */
struct engines {
    struct engine_events events;
    unsigned max_connections;
    unsigned timeout_s;
    struct engine *plain;  /* for plaintext */
    struct engine *secure; /* for TLS, with the newest certificate; NULL: no TLS */
    struct engine *old;    /* with certificates that were replaced, until their connections have ended */
    struct sp_tls_watch watch;
};

enum { ENGINES_MAX = 8 }; /* plain, secure and old ones; the oldest of more is ended at once */

/* Starts the plain one, and with a certificate the secure one. SP_ERR_INVALID: files that cannot be
 * used; SP_ERR_IO: libmicrohttpd refuses the certificate; SP_ERR_MEMORY. After a failure
 * sp_http_engines_stop is still due. */
enum sp_status sp_http_engines_start(struct engines *engines, const struct sp_tls_files *tls,
                                     struct sp_error *error) SP_MUST_USE;
/* Closes all connections. */
void sp_http_engines_stop(struct engines *engines);

/* Gives an accepted socket to the plain or the secure engine, for good. False when it was refused,
 * and closed. */
bool sp_http_engines_take(const struct engines *engines, bool is_unix, int fd, const struct sockaddr *peer,
                          socklen_t size);
/* What to poll for reading; returns how many. */
size_t sp_http_engines_fds(const struct engines *engines, int ret_fds[static ENGINES_MAX]);
/* How long all of them can wait: `most_ms` (negative: for ever) or less. What they ask for counts
 * as `longest_ms` at most. */
int sp_http_engines_wait_ms(const struct engines *engines, int most_ms, int longest_ms);
/* Does what is ready. */
void sp_http_engines_run(const struct engines *engines);
/* Switches to new certificates, and ends old engines that have no connection left. Now and then. */
void sp_http_engines_reload(struct engines *engines);

#endif
