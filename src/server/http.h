/* The HTTP port of sallyportd: /metrics, /healthz, /readyz. */
#ifndef SP_SERVER_HTTP_H
#define SP_SERVER_HTTP_H

#include "http/server.h"
#include "server/service.h"

/* Binds and starts; *ret_server is NULL where the configuration names no address. The service must outlive it. As
 * sp_http_open. */
enum sp_status sp_server_http_start(struct sp_service *service, struct sp_http_server **ret_server,
                                    struct sp_error *error) SP_MUST_USE;

#endif
