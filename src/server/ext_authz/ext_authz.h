/* Envoy's external authorization (envoy.service.auth.v3.Authorization/Check): what a proxy tells of a request becomes a
 * question, and its answer what the proxy does with the request. Pure but for the method itself.
 *
 * A gateway can be told to let requests pass when there is an error, so nothing that its client can influence may become
 * one: every question gets a reply with status OK of gRPC, and whatever cannot be read, judged or looked up is a denied
 * one. In order: REQUEST_MALFORMED (400); CREDENTIAL_AMBIGUOUS, CREDENTIAL_MISSING (401); ROUTE_UNKNOWN (403), or
 * REQUEST_MALFORMED (400) where the path is spelt in a way that core/route.h refuses; then the decision (401, 403, and 503
 * for STALE). No answer at all is 503.
 *
 * Resource and action come from the context extensions that the proxy's configuration gives a route, or from the schema's routes,
 * never from both:
 *
 *   resource_type, action      both are required where any of the four is given
 *   resource_id                the id itself; empty is not allowed, and neither is "{…}": ids that a path holds are for the schema's routes
 *   workspace                  asserted, as in CheckRequest
 *
 * Half a set, a key that is none of the four or a value that cannot be a type, action or id is ROUTE_UNKNOWN and logged: the
 * configuration is wrong, and is not guessed at. */
#ifndef SP_SERVER_EXT_AUTHZ_EXT_AUTHZ_H
#define SP_SERVER_EXT_AUTHZ_EXT_AUTHZ_H

struct sp_rpc_call;

/* The method; `user` is the service. */
void sp_ext_authz_check(struct sp_rpc_call *call, void *user);

#endif
