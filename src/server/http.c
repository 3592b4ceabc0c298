#include "server/http.h"

#include "base/log.h"
#include "server/metrics.h"

enum { PAGE_BYTES = 256 * 1024, MAX_CONNECTIONS = 256 };

static void reply_text(struct sp_http_exchange *exchange, unsigned status, struct sp_str text) {
    sp_http_reply(exchange, status, "text/plain; charset=utf-8",
                  (struct sp_bytes){(const uint8_t *)text.data, text.size});
}

static void metrics(struct sp_http_exchange *exchange, void *user) {
    struct sp_text_out out;
    char *page = sp_arena_alloc(sp_http_arena(exchange), PAGE_BYTES);
    if (page == NULL) {
        sp_http_fail(exchange, 503, "out of memory");
        return;
    }
    sp_text_out_init(&out, page, PAGE_BYTES);
    sp_server_metrics_page(user, &out);
    if (out.full)
        sp_http_fail(exchange, 500, "the page is larger than it may be");
    else
        sp_http_reply(exchange, 200, SP_METRICS_CONTENT_TYPE, (struct sp_bytes){(const uint8_t *)page, out.used});
}

/* It answers, so it lives. */
static void healthz(struct sp_http_exchange *exchange, void *user) {
    (void)user;
    reply_text(exchange, 200, SP_STR_LITERAL("ok\n"));
}

static void readyz(struct sp_http_exchange *exchange, void *user) {
    const struct sp_service *service = user;
    bool ready = atomic_load(&service->ready);
    reply_text(exchange, ready ? 200 : 503, ready ? SP_STR_LITERAL("ok\n") : SP_STR_LITERAL("not serving\n"));
}

static void thread_stopping(void *user) {
    sp_service_worker_stopping(SP_SERVER_HTTP_WORKER, user);
}

static enum sp_status start(struct sp_service *service, struct sp_http_server *server, struct sp_error *error) {
    const struct sp_option_texts *listen = &service->config->http_listen;
    enum sp_status status = sp_http_start(server, error);
    for (size_t i = 0; i < listen->count && status == SP_OK; i++)
        sp_log(SP_LOG_INFO, "listening for HTTP on %s, port %d", listen->values[i], sp_http_port(server, i));
    return status;
}

enum sp_status sp_server_http_start(struct sp_service *service, struct sp_http_server **ret_server,
                                    struct sp_error *error) {
    /* Read until the server is closed. */
    static struct sp_http_route routes[3];
    const struct sp_http_route table[] = {
        {"GET", "/metrics", metrics, service},
        {"GET", "/healthz", healthz, service},
        {"GET", "/readyz", readyz, service},
    };
    enum { ROUTES = sizeof(table) / sizeof(*table) };
    const struct sp_server_config *config = service->config;
    const struct sp_http_options options = {
        .listen = config->http_listen.values,
        .listen_count = config->http_listen.count,
        .insecure = config->insecure,
        .max_connections = MAX_CONNECTIONS,
        .thread_stopping = thread_stopping,
        .user = service,
    };
    *ret_server = NULL;
    if (options.listen_count == 0)
        return SP_OK;
    for (size_t i = 0; i < ROUTES; i++)
        routes[i] = table[i];
    struct sp_http_server *server = NULL;
    enum sp_status status = sp_http_open(&options, routes, ROUTES, &server, error);
    if (status == SP_OK)
        status = start(service, server, error);
    if (status == SP_OK)
        *ret_server = server;
    else
        sp_http_close(server);
    return status;
}
