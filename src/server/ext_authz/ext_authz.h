/* Envoy's external authorization (envoy.service.auth.v3.Authorization/Check): a proxy's
 * description of a request becomes a question, and the answer becomes what the proxy does with
 * the request.
 *
 * A gateway can be configured to let requests pass on an error, so nothing that its client can
 * influence may become an error: every question gets a reply with gRPC status OK, and whatever
 * cannot be read, judged or looked up is denied. In order: REQUEST_MALFORMED (400), also if
 * core/route.h refuses the path's spelling; CREDENTIAL_AMBIGUOUS, CREDENTIAL_MISSING (401);
 * ROUTE_UNKNOWN (403); then the decision (401, 403, and 503 for STALE). A call without an answer is
 * 503.
 *
 * Resource and action come from the context extensions that the proxy's configuration gives a
 * route, or from the schema's routes, never from both:
 *
 *   resource_type, action      both are required if any of the four is given
 *   resource_id                the id itself; neither empty nor "{…}", since only the schema's
 *                              routes read ids from paths
 *   workspace                  asserted, as in CheckRequest
 *
 * An incomplete set, any other key, and a value that cannot be a type, action or id are
 * ROUTE_UNKNOWN and logged: the gateway's configuration is wrong, and no one guesses what it
 * meant. */
#ifndef SP_SERVER_EXT_AUTHZ_EXT_AUTHZ_H
#define SP_SERVER_EXT_AUTHZ_EXT_AUTHZ_H

struct sp_rpc_call;

/* The method; `user` is the service. */
void sp_ext_authz_check(struct sp_rpc_call *call, void *user);

#endif
