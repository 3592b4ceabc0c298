/* The HTTP pages of both programs for probes: /healthz and /readyz. */
#ifndef SP_DAEMON_HEALTH_PAGES_H
#define SP_DAEMON_HEALTH_PAGES_H

#include <stdatomic.h>

#include "http/server.h"

enum { SP_HEALTH_ROUTES = 3 };

/* The routes, for sp_http_open. `ready` is what /readyz answers, and must outlive the server. They
 * need no client certificate. /metrics says where metrics are. */
void sp_health_routes(atomic_bool *ready, struct sp_http_route ret_routes[static SP_HEALTH_ROUTES]);

#endif
