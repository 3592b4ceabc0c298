/* The HTTP ports of sallyportd: one for AuthZEN, Connect, /healthz and /readyz, one for
 * /metrics. */
#ifndef SP_SERVER_HTTP_H
#define SP_SERVER_HTTP_H

#include "http/server.h"
#include "server/service.h"

/* Opens service->http and service->metrics_http and starts them. Each stays NULL if the
 * configuration names no address for it. sp_server_http_close is due before the service ends, also
 * after a failure. service->connect is for the caller to free when no handler has a call of it any
 * more. As sp_http_open. */
enum sp_status sp_server_http_start(struct sp_service *service, struct sp_error *error) SP_MUST_USE;
void sp_server_http_close(struct sp_service *service);

#endif
