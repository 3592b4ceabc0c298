/* The HTTP port of sallyportd: AuthZEN, /metrics, /healthz, /readyz. */
#ifndef SP_SERVER_HTTP_H
#define SP_SERVER_HTTP_H

#include "http/server.h"
#include "server/service.h"

/* Opens service->http and starts it. It stays NULL if the configuration names no address; if not
 * NULL, close it before the service ends, also after a failure. As sp_http_open. */
enum sp_status sp_server_http_start(struct sp_service *service, struct sp_error *error) SP_MUST_USE;

#endif
