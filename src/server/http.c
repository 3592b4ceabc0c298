#include "server/http.h"

#include "base/log.h"
#include "http/pages.h"
#include "server/authzen/authzen.h"
#include "server/metrics_page.h"

enum { MAX_CONNECTIONS = 256 };

static void write_metrics(void *user, struct sp_text_out *out) {
    sp_server_metrics_page(user, out);
}

static void metrics(struct sp_http_exchange *exchange, void *user) {
    sp_http_reply_page(exchange, SP_METRICS_CONTENT_TYPE, write_metrics, user);
}

static void readyz(struct sp_http_exchange *exchange, void *user) {
    const struct sp_service *service = user;
    sp_http_reply_ready(exchange, atomic_load(&service->ready));
}

static void tell_of_tls(void *service, bool good, const char *message) {
    (void)service;
    sp_log(good ? SP_LOG_INFO : SP_LOG_ERROR, "%s", message);
}

static void thread_stopping(void *user) {
    sp_service_worker_stopping(SP_SERVER_HTTP_WORKER, user);
}

static enum sp_status start(struct sp_service *service, struct sp_http_server *server, struct sp_error *error) {
    const struct sp_option_texts *listen = &service->config->http_listen;
    service->http = server;
    enum sp_status status = sp_http_start(server, error);
    for (size_t i = 0; i < listen->count && status == SP_OK; i++)
        sp_log(SP_LOG_INFO, "listening for HTTP on %s, port %d", listen->values[i], sp_http_port(server, i));
    return status;
}

enum sp_status sp_server_http_start(struct sp_service *service, struct sp_http_server **ret_server,
                                    struct sp_error *error) {
    /* Read until the server is closed. */
    static struct sp_http_route routes[3 + SP_AUTHZEN_ROUTES];
    const struct sp_http_route table[] = {
        {.method = "GET", .path = "/metrics", .handle = metrics, .user = service},
        {.method = "GET", .path = "/healthz", .handle = sp_http_healthz, .anyone = true},
        {.method = "GET", .path = "/readyz", .handle = readyz, .user = service, .anyone = true},
    };
    enum { ROUTES = sizeof(table) / sizeof(*table) };
    const struct sp_server_config *config = service->config;
    const struct sp_http_options options = {
        .listen = config->http_listen.values,
        .listen_count = config->http_listen.count,
        .insecure = config->insecure,
        .tls = config->tls,
        .notice = tell_of_tls,
        .max_connections = MAX_CONNECTIONS,
        .thread_stopping = thread_stopping,
        .user = service,
    };
    *ret_server = NULL;
    if (options.listen_count == 0)
        return SP_OK;
    for (size_t i = 0; i < ROUTES; i++)
        routes[i] = table[i];
    sp_authzen_routes(service, routes + ROUTES);
    struct sp_http_server *server = NULL;
    enum sp_status status = sp_http_open(&options, routes, ROUTES + SP_AUTHZEN_ROUTES, &server, error);
    if (status == SP_OK)
        status = start(service, server, error);
    if (status == SP_OK)
        *ret_server = server;
    else
        sp_http_close(server);
    return status;
}
