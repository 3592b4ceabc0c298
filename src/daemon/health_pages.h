/* The HTTP pages of both programs: /metrics, /healthz and /readyz. */
#ifndef SP_DAEMON_HEALTH_PAGES_H
#define SP_DAEMON_HEALTH_PAGES_H

#include <stdatomic.h>

#include "base/text_out.h"
#include "http/server.h"

enum { SP_HEALTH_ROUTES = 3 };

struct sp_health_pages {
    const atomic_bool *ready; /* what /readyz answers */
    /* Writes the text of /metrics, on the HTTP server's thread. */
    void (*write_metrics)(void *user, struct sp_text_out *out);
    void *user;
};

/* The routes, for sp_http_open. `pages` must outlive the server. /healthz and /readyz need no
 * client certificate. */
void sp_health_routes(struct sp_health_pages *pages, struct sp_http_route ret_routes[static SP_HEALTH_ROUTES]);

#endif
