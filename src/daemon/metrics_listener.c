#include "daemon/metrics_listener.h"

#include "daemon/admit.h"
#include "daemon/listeners.h"
#include "http/pages.h"
#include "observe/metrics.h"

static void handle_metrics(struct sp_http_exchange *exchange, void *user) {
    const struct sp_metrics_listener *listener = user;
    struct sp_error error = {0};
    enum sp_status status = sp_admit_request(listener->callers, exchange, SP_CALLER_METRICS, &error);
    if (status != SP_OK) {
        sp_http_add_header(exchange, "WWW-Authenticate", SP_STR_LITERAL("Bearer"));
        sp_http_fail(exchange, status == SP_ERR_UNAUTHENTICATED ? 401 : 403, error.message);
        return;
    }
    sp_http_reply_page(exchange, SP_METRICS_CONTENT_TYPE, listener->write, listener->user);
}

static void stop_metrics_thread(void *user) {
    const struct sp_metrics_listener *listener = user;
    listener->stopping(listener->user);
}

enum sp_status sp_metrics_listener_start(const struct sp_daemon_options *options, struct sp_metrics_listener *listener,
                                         struct sp_http_server **ret_server, struct sp_error *error) {
    struct sp_http_options http = sp_listeners_http_options(options, &options->metrics_listen);
    if (http.listen_count == 0)
        return SP_OK;
    http.thread_name = "metrics";
    http.thread_stopping = stop_metrics_thread;
    http.user = listener;
    listener->route =
        (struct sp_http_route){.method = "GET", .path = "/metrics", .handle = handle_metrics, .user = listener};
    return sp_listeners_open_http(&http, "metrics", &listener->route, 1, ret_server, error);
}
