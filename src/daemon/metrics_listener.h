/* The HTTP server for metrics of both programs, apart from the one for probes and AuthZEN: with
 * addresses, a thread and a cap on connections of its own, for callers with the role `metrics`. */
#ifndef SP_DAEMON_METRICS_LISTENER_H
#define SP_DAEMON_METRICS_LISTENER_H

#include "base/text_out.h"
#include "daemon/callers.h"
#include "daemon/options.h"
#include "http/server.h"

/* What must outlive the server. */
struct sp_metrics_listener {
    const struct sp_callers *callers;
    /* Writes the text of /metrics, on the server's thread. */
    void (*write)(void *user, struct sp_text_out *out);
    /* The thread ends. */
    void (*stopping)(void *user);
    void *user;
    struct sp_http_route route; /* its own */
};

/* Opens a server at the addresses of --metrics-listen and starts it; *ret_server stays as it is if
 * there are none. Once set, it is for the caller to close, also after a failure. As
 * sp_http_open. */
enum sp_status sp_metrics_listener_start(const struct sp_daemon_options *options, struct sp_metrics_listener *listener,
                                         struct sp_http_server **ret_server, struct sp_error *error) SP_MUST_USE;

#endif
