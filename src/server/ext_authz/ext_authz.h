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

#include "config/options.h"
#include "core/forwarded.h"
#include "core/route.h"
#include "decide/check.h"
#include "envoy/service/auth/v3/external_auth.pb-c.h"

/* What the options say, before it was checked. */
struct sp_ext_authz_options {
    struct sp_option_texts key_headers;
    const char *trusted_proxies;
    uint64_t trusted_hops;
    const char *route_default;
};

enum { SP_EXT_AUTHZ_LAST_WORD_BYTES = 512 };

struct sp_ext_authz_settings {
    struct sp_forwarded_trust trust;
    struct sp_str key_headers[SP_OPTION_TEXTS_MAX]; /* lower case, terminated; "authorization" too if it is looked at */
    size_t key_header_count;
    struct sp_str default_type, default_action; /* of requests that no route knows; empty: denied */
    /* The reply of a call that has no memory left to say what happened: denied, 503. */
    uint8_t last_word[SP_EXT_AUTHZ_LAST_WORD_BYTES];
    size_t last_word_size;
};

enum { SP_EXT_AUTHZ_OPTION_ROWS = 4 };
/* Rows for the program's table of options. */
void sp_ext_authz_option_rows(struct sp_ext_authz_options *options,
                              struct sp_option ret_rows[static SP_EXT_AUTHZ_OPTION_ROWS]);

/* Texts stay borrowed from the options. SP_ERR_INVALID names the option. */
enum sp_status sp_ext_authz_settings_read(const struct sp_ext_authz_options *options,
                                          struct sp_ext_authz_settings *ret_settings,
                                          struct sp_error *error) SP_MUST_USE;

/* What an allowed request's upstream is told: workspace, principal, key id, decision id. Other headers that begin alike are
 * removed. */
enum { SP_EXT_AUTHZ_SET_HEADERS = 4 };
extern const struct sp_str sp_ext_authz_set_headers[SP_EXT_AUTHZ_SET_HEADERS];

/* A field name of RFC 9110 section 5.1, of at most 64 bytes, in lower case as proxies hand it over; no pseudo-header. */
bool sp_ext_authz_is_header_name(struct sp_str name);

/* A request as it is to be judged. Borrows from the message and its arena; do not copy it by value: `query` points into it. */
struct sp_ext_authz_request {
    enum sp_reason reason; /* SP_REASON_NONE: may be asked about */
    const char *refusal;   /* what is wrong with the spelling of method or path, for the client; else NULL */
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

/* Reads a message that the wire's checks let through. Never fails: what is wrong is the reason. */
void sp_ext_authz_read(const struct sp_ext_authz_settings *settings,
                       const Envoy__Service__Auth__V3__CheckRequest *message, struct sp_arena *arena,
                       struct sp_ext_authz_request *ret_request);

/* Completes a request that has no target yet by the schema's routes, or by the default. Sets the reason where there is none.
 * `scratch` must live as long as the request. */
void sp_ext_authz_find_target(const struct sp_ext_authz_settings *settings, const struct sp_routes *routes,
                              char scratch[static SP_ROUTE_SCRATCH_BYTES], struct sp_ext_authz_request *request);

/* What was decided. Texts are borrowed. */
struct sp_ext_authz_verdict {
    enum sp_reason reason;                      /* SP_REASON_NONE: there is no answer */
    struct sp_str workspace, principal, key_id; /* empty where they must not be revealed */
    struct sp_str decision_id;
};

/* The reply's bytes, in the arena. Only SP_REASON_ALLOWED makes one that lets the request pass. SP_ERR_MEMORY. */
enum sp_status sp_ext_authz_pack(const struct sp_ext_authz_settings *settings,
                                 const struct sp_ext_authz_request *request, const struct sp_ext_authz_verdict *verdict,
                                 struct sp_arena *arena, struct sp_bytes *ret_bytes) SP_MUST_USE;

struct sp_rpc_call;

/* The method; `user` is the service. */
void sp_ext_authz_check(struct sp_rpc_call *call, void *user);

#endif
