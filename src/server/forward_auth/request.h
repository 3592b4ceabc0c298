/* What nginx, Traefik or Caddy says of a request in headers of its own question, read into one that
 * is to be judged. Pure, and never fails.
 *
 * The gateway hands its client's headers on beside its own, so only those count that it always
 * sets: method and URI in the headers of the gateway that is configured, once each, and the last
 * entry of `x-forwarded-for`, which is what the gateway was called from. A client's header that
 * begins with "x-sallyport-", in any spelling, denies the request: these gateways cannot be told to
 * remove it. */
#ifndef SP_SERVER_FORWARD_AUTH_REQUEST_H
#define SP_SERVER_FORWARD_AUTH_REQUEST_H

#include "http/exchange.h"
#include "server/gateway/request.h"

/* From a gateway that may be believed. `settings->forward_auth` is set. */
void sp_forward_auth_read(const struct sp_gateway_settings *settings, const struct sp_http_field *fields, size_t count,
                          struct sp_arena *arena, struct sp_gateway_request *ret_request);

#endif
