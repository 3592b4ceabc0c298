#include "server/http.h"

#include <string.h>

#include "connect/connect.h"
#include "daemon/health_pages.h"
#include "daemon/listeners.h"
#include "sallyport/v1/authorization.pb-c.h"
#include "server/authzen/authzen.h"
#include "server/forward_auth/forward_auth.h"
#include "server/methods.h"
#include "server/metrics_page.h"

enum {
    FORWARD_AUTH_ROUTES = 1,
    MAX_ROUTES = SP_HEALTH_ROUTES + SP_AUTHZEN_ROUTES + FORWARD_AUTH_ROUTES + SP_SERVER_METHODS + SP_CONNECT_OWN_ROUTES,
};

static void write_server_metrics(void *user, struct sp_text_out *out) {
    sp_server_metrics_page(user, out);
}

static void stop_http_worker(void *user) {
    sp_service_worker_stopping(SP_SERVER_HTTP_WORKER, user);
}

static void stop_metrics_worker(void *user) {
    sp_service_worker_stopping(SP_SERVER_METRICS_WORKER, user);
}

/* The names of --http-host, and the one under which callers of AuthZEN reach this port. Returns how
 * many. */
static size_t list_host_names(struct sp_service *service) {
    static const char scheme[] = "https://";
    const struct sp_server_config *config = service->config;
    const struct sp_option_texts *given = &config->daemon.http_hosts;
    size_t count = 0;
    for (; count < given->count; count++)
        service->host_names[count] = given->values[count];
    if (config->authzen.url == NULL)
        return count;
    const char *from = config->authzen.url + sizeof(scheme) - 1;
    size_t size = strcspn(from, ":/");
    if (size >= sizeof(service->authzen_host))
        return count;
    memcpy(service->authzen_host, from, size);
    service->authzen_host[size] = '\0';
    service->host_names[count++] = service->authzen_host;
    return count;
}

static enum sp_status start_metrics(struct sp_service *service, struct sp_error *error) {
    service->metrics_listener = (struct sp_metrics_listener){
        .callers = service->callers, .write = write_server_metrics, .stopping = stop_metrics_worker, .user = service};
    return sp_metrics_listener_start(&service->config->daemon, &service->metrics_listener, &service->metrics_http,
                                     error);
}

static enum sp_status start_server_connect(struct sp_service *service, struct sp_error *error) {
    static const ProtobufCServiceDescriptor *const services[] = {&sallyport__v1__authorization__descriptor};
    struct sp_rpc_method methods[SP_SERVER_METHODS];
    const struct sp_connect_options options = {.methods = methods,
                                               .method_count = SP_SERVER_METHODS,
                                               .services = services,
                                               .service_count = 1,
                                               .max_stream_age_s = (unsigned)service->config->daemon.max_stream_age_s,
                                               .slot = SP_SERVER_CONNECT_WORKER,
                                               .admit = sp_service_admit,
                                               .worker_stopping = sp_service_worker_stopping,
                                               .user = service};
    sp_service_methods(service, methods);
    return sp_connect_start(&options, &service->connect, error);
}

/* All of the HTTP port; returns how many. */
static size_t list_server_routes(struct sp_service *service, struct sp_http_route ret_routes[static MAX_ROUTES]) {
    const struct sp_http_route *of_connect = NULL;
    size_t count = SP_HEALTH_ROUTES + SP_AUTHZEN_ROUTES;
    sp_health_routes(&service->health_pages, ret_routes);
    sp_authzen_routes(service, ret_routes + SP_HEALTH_ROUTES);
    for (size_t i = sp_connect_routes(service->connect, &of_connect); i > 0; i--)
        ret_routes[count++] = of_connect[i - 1];
    if (service->config->gateway.forward_auth != NULL)
        ret_routes[count++] = sp_forward_auth_route(service);
    return count;
}

enum sp_status sp_server_http_start(struct sp_service *service, struct sp_error *error) {
    struct sp_http_route routes[MAX_ROUTES];
    const struct sp_daemon_options *daemon = &service->config->daemon;
    struct sp_http_options options = sp_listeners_http_options(daemon, &daemon->http_listen);
    options.host_name_count = list_host_names(service);
    options.host_names = service->host_names;
    options.thread_stopping = stop_http_worker;
    options.user = service;
    if (options.listen_count > 0) {
        service->health_pages = (struct sp_health_pages){&service->ready, service->watchdog};
        enum sp_status status = start_server_connect(service, error);
        if (status != SP_OK)
            return status;
        size_t count = list_server_routes(service, routes);
        status = sp_listeners_open_http(&options, "HTTP", routes, count, &service->http, error);
        if (status != SP_OK)
            return status;
    }
    return start_metrics(service, error);
}

void sp_server_http_close(struct sp_service *service) {
    sp_connect_leave(service->connect);
    sp_listeners_close_http(&service->http, &service->metrics_http);
    sp_connect_stop(service->connect);
}
