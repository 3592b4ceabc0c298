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

enum sp_status sp_server_http_start(struct sp_service *service, struct sp_error *error) {
    /* Read until the server is closed. */
    static struct sp_http_route routes[SP_HEALTH_ROUTES + SP_AUTHZEN_ROUTES];
    static struct sp_health_pages pages;
    struct sp_http_options options = sp_listeners_http_options(&service->config->daemon);
    if (options.listen_count == 0)
        return SP_OK;
    options.thread_stopping = stop_http_worker;
    options.user = service;
    pages = (struct sp_health_pages){&service->ready, write_server_metrics, service};
    sp_health_routes(&pages, routes);
    sp_authzen_routes(service, routes + SP_HEALTH_ROUTES);
    enum sp_status status = sp_http_open(&options, routes, SP_HEALTH_ROUTES + SP_AUTHZEN_ROUTES, &service->http, error);
    if (status != SP_OK)
        return status;
    return sp_listeners_start_http(&service->config->daemon, service->http, error);
}
