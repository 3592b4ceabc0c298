#include "daemon/health_pages.h"

#include "http/pages.h"

bool sp_health_is_ready(const atomic_bool *ready, const struct sp_watchdog *watchdog) {
    return atomic_load(ready) && sp_watchdog_stuck(watchdog) == 0;
}

static void handle_healthz(struct sp_http_exchange *exchange, void *user) {
    const struct sp_health_pages *pages = user;
    if (sp_watchdog_stuck(pages->watchdog) == 0)
        sp_http_reply_text(exchange, 200, SP_STR_LITERAL("ok\n"));
    else
        sp_http_reply_text(exchange, 503, SP_STR_LITERAL("a thread is stuck: the log names it\n"));
}

static void handle_readyz(struct sp_http_exchange *exchange, void *user) {
    const struct sp_health_pages *pages = user;
    if (sp_health_is_ready(pages->ready, pages->watchdog))
        sp_http_reply_text(exchange, 200, SP_STR_LITERAL("ok\n"));
    else
        sp_http_reply_text(exchange, 503, SP_STR_LITERAL("not serving\n"));
}

/* They were here once. */
static void redirect_metrics(struct sp_http_exchange *exchange, void *user) {
    (void)user;
    sp_http_fail(exchange, 404, "metrics are not served on this port: set --metrics-listen, and scrape that address");
}

void sp_health_routes(struct sp_health_pages *pages, struct sp_http_route ret_routes[static SP_HEALTH_ROUTES]) {
    ret_routes[0] =
        (struct sp_http_route){.method = "GET", .path = "/metrics", .handle = redirect_metrics, .anyone = true};
    ret_routes[1] = (struct sp_http_route){
        .method = "GET", .path = "/healthz", .handle = handle_healthz, .user = pages, .anyone = true};
    ret_routes[2] = (struct sp_http_route){
        .method = "GET", .path = "/readyz", .handle = handle_readyz, .user = pages, .anyone = true};
}
