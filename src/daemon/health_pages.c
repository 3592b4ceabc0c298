#include "daemon/health_pages.h"

#include "http/pages.h"
#include "observe/metrics.h"

static void handle_metrics(struct sp_http_exchange *exchange, void *user) {
    const struct sp_health_pages *pages = user;
    sp_http_reply_page(exchange, SP_METRICS_CONTENT_TYPE, pages->write_metrics, pages->user);
}

/* It answers, so the process is alive. */
static void handle_healthz(struct sp_http_exchange *exchange, void *user) {
    (void)user;
    sp_http_reply_text(exchange, 200, SP_STR_LITERAL("ok\n"));
}

static void handle_readyz(struct sp_http_exchange *exchange, void *user) {
    const struct sp_health_pages *pages = user;
    if (atomic_load(pages->ready))
        sp_http_reply_text(exchange, 200, SP_STR_LITERAL("ok\n"));
    else
        sp_http_reply_text(exchange, 503, SP_STR_LITERAL("not serving\n"));
}

void sp_health_routes(struct sp_health_pages *pages, struct sp_http_route ret_routes[static SP_HEALTH_ROUTES]) {
    ret_routes[0] =
        (struct sp_http_route){.method = "GET", .path = "/metrics", .handle = handle_metrics, .user = pages};
    ret_routes[1] =
        (struct sp_http_route){.method = "GET", .path = "/healthz", .handle = handle_healthz, .anyone = true};
    ret_routes[2] = (struct sp_http_route){
        .method = "GET", .path = "/readyz", .handle = handle_readyz, .user = pages, .anyone = true};
}
