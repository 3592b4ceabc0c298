/* GET /auth on the HTTP port, for nginx's auth_request, Traefik's ForwardAuth and Caddy's
 * forward_auth: 200 with the headers for the upstream (server/gateway/headers.h), 401 or 403 with a
 * body that says why, or 503 where there is no answer. What is REQUEST_MALFORMED is 403 here, since
 * nginx turns any other status into 500. Whatever is uncertain is denied; docs/forward-auth.md
 * describes the configuration. */
#ifndef SP_SERVER_FORWARD_AUTH_FORWARD_AUTH_H
#define SP_SERVER_FORWARD_AUTH_FORWARD_AUTH_H

#include "http/exchange.h"
#include "server/service.h"

/* The route; the service must outlive the server. */
struct sp_http_route sp_forward_auth_route(struct sp_service *service);

#endif
