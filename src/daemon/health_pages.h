/* The HTTP pages of both programs for probes: /healthz and /readyz. */
#ifndef SP_DAEMON_HEALTH_PAGES_H
#define SP_DAEMON_HEALTH_PAGES_H

#include <stdatomic.h>

#include "daemon/watchdog.h"
#include "http/server.h"

enum { SP_HEALTH_ROUTES = 3 };

struct sp_health_pages {
    const atomic_bool *ready;           /* what /readyz answers, unless a thread is stuck */
    const struct sp_watchdog *watchdog; /* what /healthz answers by; NULL: always well */
};

/* What /readyz answers: calls are served, and no thread is stuck. Any thread. */
bool sp_health_is_ready(const atomic_bool *ready, const struct sp_watchdog *watchdog);

/* The routes, for sp_http_open. `pages` must outlive the server. They need no client certificate.
 * /metrics says where metrics are. */
void sp_health_routes(struct sp_health_pages *pages, struct sp_http_route ret_routes[static SP_HEALTH_ROUTES]);

#endif
