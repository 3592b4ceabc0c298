/* A proxy's description of a request, read into a question. Pure, and never fails: whatever is
 * wrong with a request becomes the reason for which it is denied. */
#ifndef SP_SERVER_EXT_AUTHZ_REQUEST_H
#define SP_SERVER_EXT_AUTHZ_REQUEST_H

#include "core/route.h"
#include "decide/check.h"
#include "envoy/service/auth/v3/external_auth.pb-c.h"
#include "server/ext_authz/settings.h"

/* A request as it is to be judged. Borrows from the message and its arena; do not copy it by
 * value: `query` points into it. */
struct sp_ext_authz_request {
    enum sp_reason reason; /* SP_REASON_NONE: may be asked about */
    const char *refusal;   /* what is wrong with method or path, for the client; else NULL */
    const char *fault;     /* what is wrong with the configuration, for the log; else NULL */
    struct sp_str culprit; /* the context extension that `fault` is about */
    bool has_target;       /* the context extensions name resource and action */
    struct sp_query query; /* without its target, if !has_target */
    struct sp_ip ip;
    struct sp_str method, path;
    struct sp_str id;             /* x-request-id, fit to be quoted; else empty */
    struct sp_str trace;          /* traceparent, as it came; empty: none, or several */
    const struct sp_str *spoofed; /* headers that only Sallyport may set, to be removed */
    size_t spoofed_count;
};

/* Reads a message that passed the wire's checks. Never fails. `trusted`: the gateway may say what
 * the client's address is; otherwise it is not known. */
void sp_ext_authz_read(const struct sp_ext_authz_settings *settings,
                       const Envoy__Service__Auth__V3__CheckRequest *message, bool trusted, struct sp_arena *arena,
                       struct sp_ext_authz_request *ret_request);

/* Completes a request that has no target yet by the schema's routes, or by the default. Sets the
 * reason if neither gives one. `scratch` must live as long as the request. */
void sp_ext_authz_find_target(const struct sp_ext_authz_settings *settings, const struct sp_routes *routes,
                              char scratch[static SP_ROUTE_SCRATCH_BYTES], struct sp_ext_authz_request *request);

#endif
