/* Envoy's description of a request, read into one that is to be judged. Pure, and never fails:
 * whatever is wrong with a request becomes the reason for which it is denied. */
#ifndef SP_SERVER_EXT_AUTHZ_REQUEST_H
#define SP_SERVER_EXT_AUTHZ_REQUEST_H

#include "envoy/service/auth/v3/external_auth.pb-c.h"
#include "server/gateway/request.h"

/* Reads a message that passed the wire's checks. Never fails. `trusted`: the gateway may say what
 * the client's address is; otherwise it is not known. */
void sp_ext_authz_read(const struct sp_gateway_settings *settings,
                       const Envoy__Service__Auth__V3__CheckRequest *message, bool trusted, struct sp_arena *arena,
                       struct sp_gateway_request *ret_request);

#endif
