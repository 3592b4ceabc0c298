/* A request as a gateway describes it, whatever the gateway's dialect. Pure, and never fails:
 * whatever is wrong with a request becomes the reason for which it is denied.
 *
 * A dialect begins, offers every header in turn, and ends; then it names the peer of the gateway's
 * connection, if the gateway may be believed. */
#ifndef SP_SERVER_GATEWAY_REQUEST_H
#define SP_SERVER_GATEWAY_REQUEST_H

#include "core/credential.h"
#include "core/route_match.h"
#include "decide/check.h"
#include "server/gateway/settings.h"

/* A request as it is to be judged. Borrows from what the gateway sent and the arena; do not copy it
 * by value: `query` points into it. */
struct sp_gateway_request {
    enum sp_reason reason;        /* SP_REASON_NONE: may be asked about */
    const char *refusal;          /* what is wrong with method or path, for the client; else NULL */
    const char *fault;            /* what is wrong with the gateway's configuration, for the log; else NULL */
    struct sp_str culprit;        /* what in it `fault` is about */
    bool has_target;              /* the gateway names resource and action: the path is not looked at */
    struct sp_query query;        /* without its target, if !has_target */
    const struct sp_route *route; /* that gave the target; NULL: none did */
    struct sp_ip ip;
    struct sp_str method, path;
    struct sp_str host;           /* that the gateway chose its upstream by; empty: not known for certain */
    struct sp_str id;             /* x-request-id, fit to be quoted; else empty */
    struct sp_str trace;          /* traceparent, as it came; empty: none, or several */
    const struct sp_str *spoofed; /* headers that only Sallyport may set, to be removed */
    size_t spoofed_count;
};

/* A request's headers while they are read. */
struct sp_gateway_headers {
    const struct sp_gateway_settings *settings;
    struct sp_arena *arena;
    struct sp_gateway_request *request;
    struct sp_credential deciding, others; /* of the header that decides, and of the rest */
    size_t most;                           /* headers that there are */
    struct sp_str address_header;
    struct sp_str *forwarded; /* its lines */
    size_t forwarded_count;
    struct sp_str *spoofed;
    size_t request_ids, traces;
    bool out_of_memory;
};

/* Begins with an empty request, for at most `most` headers. */
void sp_gateway_headers_begin(struct sp_gateway_headers *headers, const struct sp_gateway_settings *settings,
                              size_t most, struct sp_arena *arena, struct sp_gateway_request *ret_request);

/* A header, in the order in which it came. Names are compared in any case. */
void sp_gateway_headers_take(struct sp_gateway_headers *headers, struct sp_str name, struct sp_str value);

/* Sets credential and reason: REQUEST_MALFORMED, CREDENTIAL_AMBIGUOUS, CREDENTIAL_MISSING or, so
 * far, none. */
void sp_gateway_headers_end(struct sp_gateway_headers *headers);

/* Sets the client's address. `peer`: of the gateway's connection; NULL: not known. Only for a
 * gateway that may say it. */
void sp_gateway_find_address(const struct sp_gateway_headers *headers, const struct sp_ip *peer);

/* Whether the request's credential alone denies it; a malformed path still comes first. */
bool sp_gateway_lacks_credential(const struct sp_gateway_request *request);

/* Completes a request that has no target yet by the schema's routes, or by the default, and sets
 * the reason if neither gives one. If the request lacks a credential, only a path that is refused
 * changes the reason. `scratch` must live as long as the request. */
void sp_gateway_find_target(const struct sp_gateway_settings *settings, const struct sp_routes *routes,
                            char scratch[static SP_ROUTE_SCRATCH_BYTES], struct sp_gateway_request *request);

#endif
