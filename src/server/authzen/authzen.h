/* AuthZEN Authorization API 1.0 on the HTTP port: evaluation, evaluations, the three searches,
 * and the metadata. docs/authzen.md describes the mapping. */
#ifndef SP_SERVER_AUTHZEN_AUTHZEN_H
#define SP_SERVER_AUTHZEN_AUTHZEN_H

#include "http/server.h"
#include "server/service.h"

enum { SP_AUTHZEN_ROUTES = 6 };

/* The routes, for sp_http_open; the service must outlive the server. Call once, before any
 * thread uses JSON. */
void sp_authzen_routes(struct sp_service *service, struct sp_http_route ret_routes[static SP_AUTHZEN_ROUTES]);

#endif
