#include "server/http.h"

#include "daemon/health_pages.h"
#include "daemon/listeners.h"
#include "server/authzen/authzen.h"
#include "server/metrics_page.h"

static void write_server_metrics(void *user, struct sp_text_out *out) {
    sp_server_metrics_page(user, out);
}

static void stop_http_worker(void *user) {
    sp_service_worker_stopping(SP_SERVER_HTTP_WORKER, user);
}

static void stop_metrics_worker(void *user) {
    sp_service_worker_stopping(SP_SERVER_METRICS_WORKER, user);
}

static enum sp_status start_metrics(struct sp_service *service, struct sp_error *error) {
    service->metrics_listener = (struct sp_metrics_listener){
        .callers = service->callers, .write = write_server_metrics, .stopping = stop_metrics_worker, .user = service};
    return sp_metrics_listener_start(&service->config->daemon, &service->metrics_listener, &service->metrics_http,
                                     error);
}

enum sp_status sp_server_http_start(struct sp_service *service, struct sp_error *error) {
    /* Read until the server is closed. */
    static struct sp_http_route routes[SP_HEALTH_ROUTES + SP_AUTHZEN_ROUTES];
    static struct sp_health_pages pages;
    const struct sp_daemon_options *daemon = &service->config->daemon;
    struct sp_http_options options = sp_listeners_http_options(daemon, &daemon->http_listen);
    options.thread_stopping = stop_http_worker;
    options.user = service;
    if (options.listen_count > 0) {
        pages = (struct sp_health_pages){&service->ready, service->watchdog};
        sp_health_routes(&pages, routes);
        sp_authzen_routes(service, routes + SP_HEALTH_ROUTES);
        enum sp_status status =
            sp_http_open(&options, routes, SP_HEALTH_ROUTES + SP_AUTHZEN_ROUTES, &service->http, error);
        if (status != SP_OK)
            return status;
        status = sp_listeners_start_http(&daemon->http_listen, "HTTP", service->http, error);
        if (status != SP_OK)
            return status;
    }
    return start_metrics(service, error);
}

void sp_server_http_close(struct sp_service *service) {
    sp_http_close(service->metrics_http); /* its page shows the other's connections */
    service->metrics_http = NULL;
    sp_http_close(service->http);
    service->http = NULL;
}
