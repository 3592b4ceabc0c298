/* What a proxy tells of a request becomes a question: tables of both. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/schema.h"
#include "server/ext_authz/request.h"
#include "server/gateway/headers.h"
#include "support/envoy.h"
#include "wire/wire.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

enum { TEXT_BYTES = 2048 };

typedef Envoy__Service__Auth__V3__CheckRequest Request;
typedef Envoy__Service__Auth__V3__AttributeContext Context;

static struct sp_arena arena; /* reset after each row */
static struct sp_arena kept;

static int start(void **state) {
    (void)state;
    return sp_arena_init(&arena, 64 * 1024, 1024 * 1024) == SP_OK && sp_arena_init(&kept, 4096, 65536) == SP_OK ? 0
                                                                                                                : -1;
}

static int stop(void **state) {
    (void)state;
    sp_arena_fini(&arena);
    sp_arena_fini(&kept);
    return 0;
}

/* Packs the message, and reads it as the server does. */
static const Request *request_of(const struct envoy_parts *parts) {
    struct sp_bytes packed;
    ProtobufCMessage *message;
    assert_true(envoy_pack(parts, &arena, &packed));
    assert_int_equal(
        sp_wire_unpack(&envoy__service__auth__v3__check_request__descriptor, packed, &arena, &message, NULL), SP_OK);
    return (const Request *)message;
}

/* ---- settings ---- */

static struct sp_gateway_settings settings_of(const char *headers, const char *proxies, unsigned hops,
                                              const char *route_default) {
    struct sp_gateway_options options = {.route_default = route_default};
    const struct sp_forwarded_settings forwarded = {
        .proxies = proxies, .hops = hops, .peers = hops > 0 ? "uds,10.0.0.0/8" : NULL};
    struct sp_gateway_settings settings;
    struct sp_error error = {0};
    for (const char *at = headers; at != NULL; at = strchr(at, ',') == NULL ? NULL : strchr(at, ',') + 1) {
        const char *end = strchr(at, ',');
        options.key_headers.values[options.key_headers.count++] =
            sp_arena_strdup(&kept, (struct sp_str){at, end == NULL ? strlen(at) : (size_t)(end - at)});
    }
    if (sp_gateway_settings_read(&options, &forwarded, &settings, &error) != SP_OK)
        fail_msg("%s", error.message);
    return settings;
}

static struct sp_gateway_settings usual_settings(void) {
    return settings_of("x-api-key,xi-api-key,authorization", "10.0.0.0/8", 0, NULL);
}

/* ---- questions ---- */

/* "REASON credential ip type/id:action@workspace -removed,…" of what was read. */
static void describe(const struct sp_gateway_request *request, char ret_text[static TEXT_BYTES]) {
    char ip[SP_CIDR_TEXT_BYTES] = "-";
    const struct sp_query *query = &request->query;
    if (query->ip != NULL)
        sp_ip_format(query->ip, ip);
    struct sp_str key = {(const char *)query->credential.data, query->credential.size};
    const char *reason = request->reason == SP_REASON_NONE ? "ask" : sp_reason_name(request->reason);
    int size = snprintf(ret_text, TEXT_BYTES, "%s %.*s %s %.*s/%.*s:%.*s@%.*s", reason, SP_STR_ARG(key), ip,
                        SP_STR_ARG(query->resource_type), SP_STR_ARG(query->resource_id), SP_STR_ARG(query->action),
                        SP_STR_ARG(query->workspace));
    for (size_t i = 0; i < request->spoofed_count; i++)
        size += snprintf(ret_text + size, (size_t)(TEXT_BYTES - size), " -%.*s", SP_STR_ARG(request->spoofed[i]));
}

struct row {
    const char *name;
    struct envoy_parts parts;
    const char *expected;
};

#define VOICE "resource_type=voice\naction=use\nresource_id=v1"

static void expect_rows(const struct sp_gateway_settings *settings, const struct row *rows, size_t count) {
    for (size_t i = 0; i < count; i++) {
        struct sp_gateway_request request;
        struct envoy_parts parts = rows[i].parts;
        char text[TEXT_BYTES];
        parts.method = parts.method == NULL ? "GET" : parts.method;
        parts.path = parts.path == NULL ? "/" : parts.path;
        sp_ext_authz_read(settings, request_of(&parts), true, &arena, &request);
        describe(&request, text);
        if (strcmp(text, rows[i].expected) != 0)
            fail_msg("%s: \"%s\" instead of \"%s\"", rows[i].name, text, rows[i].expected);
        sp_arena_reset(&arena);
    }
}

static void finds_the_credential_in_any_header_that_may_carry_it(void **state) {
    (void)state;
    static const struct row rows[] = {
        {"x-api-key", {.headers = "x-api-key: k", .extensions = VOICE}, "ask k - voice/v1:use@"},
        {"another header", {.headers = "xi-api-key: k", .extensions = VOICE}, "ask k - voice/v1:use@"},
        {"a bearer token", {.headers = "authorization: Bearer k", .extensions = VOICE}, "ask k - voice/v1:use@"},
        {"names in capitals", {.headers = "X-API-Key: k", .extensions = VOICE}, "ask k - voice/v1:use@"},
        {"as they are", {.raw_headers = "x-api-key: k", .extensions = VOICE}, "ask k - voice/v1:use@"},
        {"in both lists",
         {.headers = "x-api-key: k", .raw_headers = "x-api-key: k", .extensions = VOICE},
         "ask k - voice/v1:use@"},
        {"the same in all",
         {.headers = "x-api-key: k\nxi-api-key: k\nauthorization: Bearer k", .extensions = VOICE},
         "ask k - voice/v1:use@"},
        {"the same twice", {.raw_headers = "x-api-key: k\nx-api-key: k", .extensions = VOICE}, "ask k - voice/v1:use@"},
        {"an empty one beside",
         {.headers = "x-api-key: \nxi-api-key: k", .extensions = VOICE},
         "ask k - voice/v1:use@"},
        {"joined by the proxy", {.headers = "x-api-key: k,k", .extensions = VOICE}, "ask k - voice/v1:use@"},
        {"joined with an empty one", {.headers = "x-api-key: k,", .extensions = VOICE}, "ask k - voice/v1:use@"},
        {"joined behind an empty one", {.headers = "x-api-key: , k", .extensions = VOICE}, "ask k - voice/v1:use@"},
        {"empty ones joined", {.headers = "x-api-key: ,", .extensions = VOICE}, "CREDENTIAL_MISSING  - /:@"},
        {"tokens joined",
         {.headers = "authorization: Bearer k,Bearer k", .extensions = VOICE},
         "ask k - voice/v1:use@"},
        {"joined in a raw list", {.raw_headers = "x-api-key: k,k", .extensions = VOICE}, "ask k - voice/v1:use@"},
        {"different ones joined", {.headers = "x-api-key: k,l", .extensions = VOICE}, "CREDENTIAL_AMBIGUOUS k - /:@"},
        {"different tokens joined",
         {.headers = "authorization: Bearer k,Bearer l", .extensions = VOICE},
         "CREDENTIAL_AMBIGUOUS k - /:@"},
        {"a token joined to another scheme",
         {.headers = "authorization: Basic k,Bearer k", .extensions = VOICE},
         "CREDENTIAL_AMBIGUOUS k - /:@"},
        {"blanks around it", {.headers = "x-api-key: \t k  ", .extensions = VOICE}, "ask k - voice/v1:use@"},
        {"blanks around a token",
         {.headers = "authorization: Bearer  k\t ", .extensions = VOICE},
         "ask k - voice/v1:use@"},
        {"no header", {.extensions = VOICE}, "CREDENTIAL_MISSING  - /:@"},
        {"an empty one", {.headers = "x-api-key: ", .extensions = VOICE}, "CREDENTIAL_MISSING  - /:@"},
        {"another scheme", {.headers = "authorization: Basic k", .extensions = VOICE}, "CREDENTIAL_MISSING  - /:@"},
        {"a header that carries none", {.headers = "x-other-key: k", .extensions = VOICE}, "CREDENTIAL_MISSING  - /:@"},
        {"a longer name", {.headers = "x-api-key2: k", .extensions = VOICE}, "CREDENTIAL_MISSING  - /:@"},
        {"two that differ",
         {.headers = "x-api-key: k\nxi-api-key: l", .extensions = VOICE},
         "CREDENTIAL_AMBIGUOUS k - /:@"},
        {"one header twice",
         {.raw_headers = "x-api-key: k\nx-api-key: l", .extensions = VOICE},
         "CREDENTIAL_AMBIGUOUS k - /:@"},
        {"lists that differ",
         {.headers = "x-api-key: k", .raw_headers = "x-api-key: l", .extensions = VOICE},
         "CREDENTIAL_AMBIGUOUS k - /:@"},
        {"a key and a token",
         {.headers = "x-api-key: k\nauthorization: Bearer l", .extensions = VOICE},
         "CREDENTIAL_AMBIGUOUS k - /:@"},
        {"a key beside another scheme",
         {.headers = "x-api-key: k\nauthorization: Basic k", .extensions = VOICE},
         "ask k - voice/v1:use@"},
        {"a key behind a digest",
         {.headers = "authorization: Digest a=\"b, c\", nc=1\nx-api-key: k", .extensions = VOICE},
         "ask k - voice/v1:use@"},
        {"a key beside text without a scheme",
         {.headers = "x-api-key: k\nauthorization: l", .extensions = VOICE},
         "CREDENTIAL_AMBIGUOUS k - /:@"},
        {"a key beside a token and another scheme",
         {.headers = "x-api-key: k\nauthorization: Bearer k, Basic l", .extensions = VOICE},
         "CREDENTIAL_AMBIGUOUS k - /:@"},
    };
    struct sp_gateway_settings settings = usual_settings();
    expect_rows(&settings, rows, COUNT(rows));
}

static void a_scheme_counts_where_it_was_named(void **state) {
    (void)state;
    static const struct row named[] = {
        {"basic", {.headers = "authorization: Basic c3BfazE6", .extensions = VOICE}, "ask sp_k1 - voice/v1:use@"},
        {"joined",
         {.headers = "authorization: Basic c3BfazE6,Basic c3BfazE6", .extensions = VOICE},
         "ask sp_k1 - voice/v1:use@"},
        {"token", {.headers = "authorization: Token sp_k1", .extensions = VOICE}, "ask sp_k1 - voice/v1:use@"},
        {"in three ways",
         {.headers = "x-api-key: sp_k1\nauthorization: Token sp_k1, basic c3BfazE6", .extensions = VOICE},
         "ask sp_k1 - voice/v1:use@"},
        {"one that was not named",
         {.headers = "authorization: Bearer sp_k1", .extensions = VOICE},
         "CREDENTIAL_MISSING  - /:@"},
        {"with a password",
         {.headers = "authorization: Basic c3BfazE6cHc=", .extensions = VOICE},
         "CREDENTIAL_MISSING  - /:@"},
        {"beside another key",
         {.headers = "x-api-key: k\nauthorization: Basic c3BfazE6", .extensions = VOICE},
         "CREDENTIAL_AMBIGUOUS k - /:@"},
        {"beside a password",
         {.headers = "x-api-key: sp_k1\nauthorization: Basic c3BfazE6cHc=", .extensions = VOICE},
         "CREDENTIAL_AMBIGUOUS sp_k1 - /:@"},
    };
    struct sp_gateway_settings settings = usual_settings();
    settings.schemes = SP_CREDENTIAL_BASIC | SP_CREDENTIAL_TOKEN;
    expect_rows(&settings, named, COUNT(named));
}

static void a_key_in_the_deciding_header_is_the_only_one_that_counts(void **state) {
    (void)state;
    static const struct row rows[] = {
        {"a token of somebody else beside it",
         {.headers = "authorization: Bearer jwt\nx-api-key: k", .extensions = VOICE},
         "ask k - voice/v1:use@"},
        {"another scheme beside it",
         {.headers = "x-api-key: k\nauthorization: Digest a=b, c=d", .extensions = VOICE},
         "ask k - voice/v1:use@"},
        {"differing keys in the others",
         {.headers = "x-api-key: k\nauthorization: Bearer l\nxi-api-key: m", .extensions = VOICE},
         "ask k - voice/v1:use@"},
        {"it is empty",
         {.headers = "x-api-key: ,\nauthorization: Bearer k", .extensions = VOICE},
         "ask k - voice/v1:use@"},
        {"it is not there", {.headers = "authorization: Bearer k", .extensions = VOICE}, "ask k - voice/v1:use@"},
        {"it is not there, and the others differ",
         {.headers = "authorization: Bearer k\nxi-api-key: l", .extensions = VOICE},
         "CREDENTIAL_AMBIGUOUS k - /:@"},
        {"it is ambiguous itself",
         {.headers = "x-api-key: k,l\nauthorization: Bearer k", .extensions = VOICE},
         "CREDENTIAL_AMBIGUOUS k - /:@"},
        {"its lists differ",
         {.headers = "x-api-key: k", .raw_headers = "x-api-key: l", .extensions = VOICE},
         "CREDENTIAL_AMBIGUOUS k - /:@"},
    };
    static const struct row by_authorization[] = {
        {"its token decides",
         {.headers = "x-api-key: l\nauthorization: Bearer k", .extensions = VOICE},
         "ask k - voice/v1:use@"},
        {"another scheme is no key",
         {.headers = "x-api-key: k\nauthorization: Basic a", .extensions = VOICE},
         "ask k - voice/v1:use@"},
        {"text without a scheme may be one",
         {.headers = "x-api-key: k\nauthorization: a", .extensions = VOICE},
         "CREDENTIAL_AMBIGUOUS k - /:@"},
        {"another scheme alone",
         {.headers = "authorization: Basic a", .extensions = VOICE},
         "CREDENTIAL_MISSING  - /:@"},
    };
    struct sp_gateway_settings settings = usual_settings();
    settings.deciding_header = SP_STR_LITERAL("x-api-key");
    expect_rows(&settings, rows, COUNT(rows));
    settings.deciding_header = SP_STR_LITERAL("authorization");
    expect_rows(&settings, by_authorization, COUNT(by_authorization));
}

static void looks_at_no_header_that_it_was_not_told_of(void **state) {
    (void)state;
    static const struct row rows[] = {
        {"told",
         {.headers = "xi-api-key: k\nauthorization: Bearer l\nx-api-key: m", .extensions = VOICE},
         "ask k - voice/v1:use@"},
        {"not told",
         {.headers = "authorization: Bearer l\nx-api-key: m", .extensions = VOICE},
         "CREDENTIAL_MISSING  - /:@"},
    };
    struct sp_gateway_settings settings = settings_of("xi-api-key", NULL, 0, NULL);
    expect_rows(&settings, rows, COUNT(rows));
}

static void the_address_is_the_peers_or_behind_trusted_proxies(void **state) {
    (void)state;
    static const struct row rows[] = {
        {"a peer",
         {.peer = "203.0.113.7", .headers = "x-api-key: k", .extensions = VOICE},
         "ask k 203.0.113.7 voice/v1:use@"},
        {"one that spoofs",
         {.peer = "203.0.113.7", .headers = "x-api-key: k\nx-forwarded-for: 198.51.100.66", .extensions = VOICE},
         "ask k 203.0.113.7 voice/v1:use@"},
        {"a proxy",
         {.peer = "10.0.0.1",
          .headers = "x-api-key: k\nx-forwarded-for: 198.51.100.66,203.0.113.7",
          .extensions = VOICE},
         "ask k 203.0.113.7 voice/v1:use@"},
        {"lines as they are",
         {.peer = "10.0.0.1",
          .raw_headers = "x-forwarded-for: 198.51.100.66\nx-api-key: k\nx-forwarded-for: 203.0.113.7",
          .extensions = VOICE},
         "ask k 203.0.113.7 voice/v1:use@"},
        {"a name in capitals",
         {.peer = "10.0.0.1", .headers = "x-api-key: k\nX-Forwarded-For: 203.0.113.7", .extensions = VOICE},
         "ask k 203.0.113.7 voice/v1:use@"},
        {"a proxy that says nothing",
         {.peer = "10.0.0.1", .headers = "x-api-key: k", .extensions = VOICE},
         "ask k - voice/v1:use@"},
        {"what cannot be read",
         {.peer = "10.0.0.1", .headers = "x-api-key: k\nx-forwarded-for: 203.0.113.7, unknown", .extensions = VOICE},
         "ask k - voice/v1:use@"},
        {"no peer",
         {.headers = "x-api-key: k\nx-forwarded-for: 203.0.113.7", .extensions = VOICE},
         "ask k - voice/v1:use@"},
        {"a peer that is no address",
         {.peer = "/run/envoy.sock", .headers = "x-api-key: k\nx-forwarded-for: 203.0.113.7", .extensions = VOICE},
         "ask k - voice/v1:use@"},
        {"a mapped peer",
         {.peer = "::ffff:203.0.113.7", .headers = "x-api-key: k", .extensions = VOICE},
         "ask k 203.0.113.7 voice/v1:use@"},
        {"no other header counts",
         {.peer = "10.0.0.1",
          .headers =
              "x-api-key: k\nx-real-ip: 203.0.113.7\nforwarded: for=203.0.113.7\nx-envoy-external-address: 203.0.113.7",
          .extensions = VOICE},
         "ask k - voice/v1:use@"},
    };
    struct sp_gateway_settings settings = usual_settings();
    expect_rows(&settings, rows, COUNT(rows));
}

static void context_extensions_are_whole_or_denied(void **state) {
    (void)state;
    static const struct row rows[] = {
        {"all four", {.headers = "x-api-key: k", .extensions = VOICE "\nworkspace=acme"}, "ask k - voice/v1:use@acme"},
        {"without an id",
         {.headers = "x-api-key: k", .extensions = "resource_type=voice\naction=use"},
         "ask k - voice/:use@"},
        {"a type alone",
         {.headers = "x-api-key: k", .extensions = "resource_type=voice"},
         "ROUTE_UNKNOWN k - voice/:@"},
        {"an action alone", {.headers = "x-api-key: k", .extensions = "action=use"}, "ROUTE_UNKNOWN k - /:use@"},
        {"an id alone", {.headers = "x-api-key: k", .extensions = "resource_id=v1"}, "ROUTE_UNKNOWN k - /v1:@"},
        {"a workspace alone", {.headers = "x-api-key: k", .extensions = "workspace=acme"}, "ROUTE_UNKNOWN k - /:@acme"},
        {"a misspelt name",
         {.headers = "x-api-key: k", .extensions = VOICE "\nworkspce=acme"},
         "ROUTE_UNKNOWN k - voice/v1:use@"},
        {"a name in capitals",
         {.headers = "x-api-key: k", .extensions = "Resource_Type=voice\naction=use"},
         "ROUTE_UNKNOWN k - /:@"},
        {"others' names only",
         {.headers = "x-api-key: k", .extensions = "virtual_host=local"},
         "ROUTE_UNKNOWN k - /:@"},
        {"an empty type",
         {.headers = "x-api-key: k", .extensions = "resource_type=\naction=use"},
         "ROUTE_UNKNOWN k - /:@"},
        {"an empty id",
         {.headers = "x-api-key: k", .extensions = "resource_id=\nresource_type=voice\naction=use"},
         "ROUTE_UNKNOWN k - /:@"},
        {"an empty workspace",
         {.headers = "x-api-key: k", .extensions = "workspace=\nresource_type=voice\naction=use"},
         "ROUTE_UNKNOWN k - /:@"},
        {"a type twice",
         {.headers = "x-api-key: k", .extensions = "resource_type=voice\nresource_type=agent\naction=use"},
         "ROUTE_UNKNOWN k - voice/:@"},
        {"a type that is no word",
         {.headers = "x-api-key: k", .extensions = "resource_type=Voice\naction=use"},
         "ROUTE_UNKNOWN k - /:@"},
        {"an action that is no word",
         {.headers = "x-api-key: k", .extensions = "action=a b\nresource_type=voice"},
         "ROUTE_UNKNOWN k - /:@"},
        {"a workspace that is no id",
         {.headers = "x-api-key: k", .extensions = "workspace=a b"},
         "ROUTE_UNKNOWN k - /:@"},
        {"a capture",
         {.headers = "x-api-key: k", .extensions = "resource_id={voice_id}\nresource_type=voice\naction=use"},
         "ROUTE_UNKNOWN k - /:@"},
        {"an id with a control character",
         {.headers = "x-api-key: k", .extensions = "resource_id=a\tb\nresource_type=voice\naction=use"},
         "ROUTE_UNKNOWN k - /:@"},
        {"no credential comes first", {.extensions = "action=use"}, "CREDENTIAL_MISSING  - /:@"},
    };
    struct sp_gateway_settings settings = usual_settings();
    expect_rows(&settings, rows, COUNT(rows));
}

static void headers_that_only_sallyport_sets_are_removed(void **state) {
    (void)state;
    static const struct row rows[] = {
        {"those that are set",
         {.headers = "x-api-key: k\nx-sallyport-workspace: w\nx-sallyport-principal: p\nx-sallyport-key-id: "
                     "k\nx-sallyport-decision-id: d",
          .extensions = VOICE},
         "ask k - voice/v1:use@"},
        {"one that is not",
         {.headers = "x-api-key: k\nx-sallyport-role: admin", .extensions = VOICE},
         "ask k - voice/v1:use@ -x-sallyport-role"},
        {"spelt with underscores",
         {.headers = "x-api-key: k\nx_sallyport_workspace: w\nx-sallyport_key-id: k", .extensions = VOICE},
         "ask k - voice/v1:use@ -x_sallyport_workspace -x-sallyport_key-id"},
        {"in a raw list",
         {.raw_headers = "x-api-key: k\nx-sallyport-: w\nx-sallyport-a: w", .extensions = VOICE},
         "ask k - voice/v1:use@ -x-sallyport- -x-sallyport-a"},
        {"others alike",
         {.headers = "x-api-key: k\nx-sallyport: w\nx-sally-port-a: w\nsallyport-workspace: w", .extensions = VOICE},
         "ask k - voice/v1:use@"},
        {"an invalid name",
         {.headers = "x-api-key: k\nx-sallyport-\x01: w", .extensions = VOICE},
         "REQUEST_MALFORMED k - /:@"},
    };
    struct sp_gateway_settings settings = usual_settings();
    expect_rows(&settings, rows, COUNT(rows));
}

static void a_message_without_a_request_is_malformed(void **state) {
    (void)state;
    struct sp_gateway_settings settings = usual_settings();
    struct sp_gateway_request request;
    Request empty = ENVOY__SERVICE__AUTH__V3__CHECK_REQUEST__INIT;
    Context context = ENVOY__SERVICE__AUTH__V3__ATTRIBUTE_CONTEXT__INIT;
    Envoy__Service__Auth__V3__AttributeContext__Request inner =
        ENVOY__SERVICE__AUTH__V3__ATTRIBUTE_CONTEXT__REQUEST__INIT;
    sp_ext_authz_read(&settings, &empty, true, &arena, &request);
    assert_int_equal(request.reason, SP_REASON_REQUEST_MALFORMED);
    empty.attributes = &context;
    sp_ext_authz_read(&settings, &empty, true, &arena, &request);
    assert_int_equal(request.reason, SP_REASON_REQUEST_MALFORMED);
    context.request = &inner;
    sp_ext_authz_read(&settings, &empty, true, &arena, &request);
    assert_int_equal(request.reason, SP_REASON_REQUEST_MALFORMED);
}

/* ---- routes ---- */

static const struct sp_routes *compile_routes(void) {
    static const char yaml[] = "version: 1\n"
                               "types:\n"
                               "  voice: {actions: {list: {}, use: {}}}\n"
                               "  workspace: {actions: {manage: {}}}\n"
                               "routes:\n"
                               "  GET /v1/voices: list voice\n"
                               "  POST /v1/text-to-speech/{voice_id}: use voice/{voice_id}\n"
                               "  '* /v1/admin': manage workspace\n";
    struct sp_schema schema;
    struct sp_error error = {0};
    if (sp_schema_parse(SP_STR_LITERAL(yaml), &arena, &schema, &error) != SP_OK)
        fail_msg("%s", error.message);
    return schema.matcher;
}

struct route_row {
    const char *method, *path, *denied, *by_default;
};

static void what_no_route_knows_is_denied_or_asked_as_the_default(void **state) {
    (void)state;
    static const struct route_row rows[] = {
        {"GET", "/v1/voices", "ask voice/:list", "ask voice/:list"},
        {"POST", "/v1/text-to-speech/v1?x=1", "ask voice/v1:use", "ask voice/v1:use"},
        {"DELETE", "/v1/admin", "ask workspace/:manage", "ask workspace/:manage"},
        {"GET", "/v2/models", "ROUTE_UNKNOWN /:", "ask api/:call"},
        {"GET", "/v2/models?a=/v1/voices", "ROUTE_UNKNOWN /:", "ask api/:call"},
        {"GET", "/", "ROUTE_UNKNOWN /:", "ask api/:call"},
        {"GET", "/v1/voices/v1/x", "ROUTE_UNKNOWN /:", "ask api/:call"},
        /* Known under another method: the default may be laxer. */
        {"POST", "/v1/voices", "ROUTE_UNKNOWN /:", "ROUTE_UNKNOWN /:"},
        {"GET", "/v1/text-to-speech/v1", "ROUTE_UNKNOWN /:", "ROUTE_UNKNOWN /:"},
        /* Known but for a slash, which upstreams may forgive. */
        {"GET", "/v1/voices/", "ROUTE_UNKNOWN /:", "ROUTE_UNKNOWN /:"},
        {"POST", "/v1/voices/", "ROUTE_UNKNOWN /:", "ROUTE_UNKNOWN /:"},
        {"GET", "/v1/voices/?a=b", "ROUTE_UNKNOWN /:", "ROUTE_UNKNOWN /:"},
        {"POST", "/v1/text-to-speech/v1/", "ROUTE_UNKNOWN /:", "ROUTE_UNKNOWN /:"},
        /* Spelt so that somebody could read it differently. */
        {"GET", "/v1/Voices", "REQUEST_MALFORMED /:", "REQUEST_MALFORMED /:"},
        {"GET", "/v1//voices", "REQUEST_MALFORMED /:", "REQUEST_MALFORMED /:"},
        {"GET", "/v2/../v1/admin", "REQUEST_MALFORMED /:", "REQUEST_MALFORMED /:"},
        {"GET", "/v1/%2e%2e/admin", "REQUEST_MALFORMED /:", "REQUEST_MALFORMED /:"},
        {"GET", "/v1/admin%2f", "REQUEST_MALFORMED /:", "REQUEST_MALFORMED /:"},
        {"GET", "/v1/\xff", "REQUEST_MALFORMED /:", "REQUEST_MALFORMED /:"},
        {"GET", "http://other/v1/voices", "REQUEST_MALFORMED /:", "REQUEST_MALFORMED /:"},
        {"OPTIONS", "*", "REQUEST_MALFORMED /:", "REQUEST_MALFORMED /:"},
        {"CONNECT", "", "REQUEST_MALFORMED /:", "REQUEST_MALFORMED /:"},
        {"CONNECT", "example.org:443", "REQUEST_MALFORMED /:", "REQUEST_MALFORMED /:"},
        {"", "/v2/models", "REQUEST_MALFORMED /:", "REQUEST_MALFORMED /:"},
    };
    for (size_t i = 0; i < 2 * COUNT(rows); i++) {
        const struct route_row *row = &rows[i / 2];
        struct sp_gateway_settings settings = settings_of("x-api-key", NULL, 0, i % 2 == 0 ? NULL : "api/call");
        struct envoy_parts parts = {.method = row->method, .path = row->path, .headers = "x-api-key: k"};
        char scratch[SP_ROUTE_SCRATCH_BYTES], text[TEXT_BYTES];
        struct sp_gateway_request request;
        sp_ext_authz_read(&settings, request_of(&parts), true, &arena, &request);
        assert_int_equal(request.reason, SP_REASON_NONE);
        assert_false(request.has_target);
        sp_gateway_find_target(&settings, compile_routes(), scratch, &request);
        snprintf(text, sizeof(text), "%s %.*s/%.*s:%.*s",
                 request.reason == SP_REASON_NONE ? "ask" : sp_reason_name(request.reason),
                 SP_STR_ARG(request.query.resource_type), SP_STR_ARG(request.query.resource_id),
                 SP_STR_ARG(request.query.action));
        const char *expected = i % 2 == 0 ? row->denied : row->by_default;
        if (strcmp(text, expected) != 0)
            fail_msg("%s %s: \"%s\" instead of \"%s\"", row->method, row->path, text, expected);
        assert_int_equal(request.refusal != NULL, request.reason == SP_REASON_REQUEST_MALFORMED);
        sp_arena_reset(&arena);
    }
}

/* Routes that name hosts: Envoy's :authority counts, unless a header that it passes on says
 * otherwise. */
static void a_host_that_is_not_certain_is_denied(void **state) {
    (void)state;
    static const char yaml[] = "version: 2\n"
                               "types: {voice: {actions: {list: {}, use: {}}}}\n"
                               "routes:\n"
                               "  GET api.example.com/v1/voices: use voice\n"
                               "  GET /v1/voices: list voice\n";
    static const struct {
        const char *host, *headers, *raw_headers, *expected;
    } rows[] = {
        {"api.example.com", "x-api-key: k", NULL, "ask use"},
        {"API.example.com:443", "x-api-key: k", NULL, "ask use"},
        {"www.example.com", "x-api-key: k", NULL, "ask list"},
        {"api.example.com", "x-api-key: k\n:authority: API.example.com", NULL, "ask use"},
        {NULL, "x-api-key: k", NULL, "REQUEST_MALFORMED "},
        {NULL, "x-api-key: k\n:authority: api.example.com", NULL, "REQUEST_MALFORMED "},
        {"", "x-api-key: k", NULL, "REQUEST_MALFORMED "},
        {"www.example.com", "x-api-key: k\nhost: api.example.com", NULL, "REQUEST_MALFORMED "},
        {"www.example.com", "x-api-key: k\n:authority: api.example.com", NULL, "REQUEST_MALFORMED "},
        {"www.example.com", NULL, "x-api-key: k\nHost: api.example.com", "REQUEST_MALFORMED "},
        {"www.example.com.", "x-api-key: k", NULL, "REQUEST_MALFORMED "},
        {"www.example.com", NULL, NULL, "CREDENTIAL_MISSING "},
        {"www.example.com.", NULL, NULL, "REQUEST_MALFORMED "},
    };
    struct sp_gateway_settings settings = usual_settings();
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct envoy_parts parts = {.method = "GET",
                                          .path = "/v1/voices",
                                          .host = rows[i].host,
                                          .headers = rows[i].headers,
                                          .raw_headers = rows[i].raw_headers};
        char scratch[SP_ROUTE_SCRATCH_BYTES], text[TEXT_BYTES];
        struct sp_gateway_request request;
        struct sp_schema schema;
        assert_int_equal(sp_schema_parse(SP_STR_LITERAL(yaml), &arena, &schema, NULL), SP_OK);
        sp_ext_authz_read(&settings, request_of(&parts), true, &arena, &request);
        sp_gateway_find_target(&settings, schema.matcher, scratch, &request);
        snprintf(text, sizeof(text), "%s %.*s",
                 request.reason == SP_REASON_NONE ? "ask" : sp_reason_name(request.reason),
                 SP_STR_ARG(request.query.action));
        if (strcmp(text, rows[i].expected) != 0)
            fail_msg("row %zu: \"%s\" instead of \"%s\"", i, text, rows[i].expected);
        sp_arena_reset(&arena);
    }
}

/* In the order that proto/sallyport/v1/authorization.proto states. */
static void what_denies_before_a_question_comes_in_its_order(void **state) {
    (void)state;
    static const struct {
        const char *path, *headers, *extensions, *expected;
    } rows[] = {
        {"/a//b", NULL, NULL, "REQUEST_MALFORMED"},
        {"/a//b", "x-api-key: k,l", NULL, "REQUEST_MALFORMED"},
        {"/v1/Voices", NULL, NULL, "REQUEST_MALFORMED"},
        {"/a%C2%80", NULL, NULL, "REQUEST_MALFORMED"},
        {"/a%C2%9F", "x-api-key: k", NULL, "REQUEST_MALFORMED"},
        {"/a%C2%A0", "x-api-key: k", NULL, "ROUTE_UNKNOWN"},
        {"/a//b", NULL, VOICE, "CREDENTIAL_MISSING"}, /* not looked at */
        {"/nowhere", NULL, NULL, "CREDENTIAL_MISSING"},
        {"/nowhere", "x-api-key: k,l", NULL, "CREDENTIAL_AMBIGUOUS"},
        {"/v1/voices", NULL, NULL, "CREDENTIAL_MISSING"},
        {"/v1/voices", NULL, "nonsense=x", "CREDENTIAL_MISSING"},
        {"/a//b", "x-api-key: k", "nonsense=x", "ROUTE_UNKNOWN"},
        {"/nowhere", "x-api-key: k", NULL, "ROUTE_UNKNOWN"},
        {"/v1/voices", "x-api-key: k", NULL, "ask"},
        {"/v1/voices", "x-sallyport-\x01: a", NULL, "REQUEST_MALFORMED"},
    };
    struct sp_gateway_settings settings = usual_settings();
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct envoy_parts parts = {
            .method = "GET", .path = rows[i].path, .headers = rows[i].headers, .extensions = rows[i].extensions};
        char scratch[SP_ROUTE_SCRATCH_BYTES];
        struct sp_gateway_request request;
        sp_ext_authz_read(&settings, request_of(&parts), true, &arena, &request);
        if ((request.reason == SP_REASON_NONE || sp_gateway_lacks_credential(&request)) && !request.has_target)
            sp_gateway_find_target(&settings, compile_routes(), scratch, &request);
        const char *reason = request.reason == SP_REASON_NONE ? "ask" : sp_reason_name(request.reason);
        if (strcmp(reason, rows[i].expected) != 0)
            fail_msg("row %zu: %s instead of %s", i, reason, rows[i].expected);
        sp_arena_reset(&arena);
    }
}

static void quotes_only_request_ids_that_need_no_escaping(void **state) {
    (void)state;
    static const struct {
        const char *headers, *id;
    } rows[] = {
        {"x-request-id: 1f0c-9A_b.c:d=e+f/g@h", "1f0c-9A_b.c:d=e+f/g@h"},
        {"x-request-id: a\"b", ""},
        {"x-request-id: a\\b", ""},
        {"x-request-id: a b", ""},
        {"x-request-id: \xc3\xa9", ""},
        {"x-request-id: ", ""},
        {"x-request-id: a\"\nx-request-id: b", ""},
        {"x-request-id: a\nx-request-id: b", "a"},
        {"x-request-id: "
         "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
         "01234567890123456789012345678",
         ""},
    };
    struct sp_gateway_settings settings = usual_settings();
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct envoy_parts parts = {.method = "GET", .path = "/", .headers = rows[i].headers};
        struct sp_gateway_request request;
        sp_ext_authz_read(&settings, request_of(&parts), true, &arena, &request);
        assert_true(sp_str_equal(request.id, sp_str_from(rows[i].id)));
        sp_arena_reset(&arena);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(finds_the_credential_in_any_header_that_may_carry_it, start, stop),
        cmocka_unit_test_setup_teardown(a_scheme_counts_where_it_was_named, start, stop),
        cmocka_unit_test_setup_teardown(a_key_in_the_deciding_header_is_the_only_one_that_counts, start, stop),
        cmocka_unit_test_setup_teardown(looks_at_no_header_that_it_was_not_told_of, start, stop),
        cmocka_unit_test_setup_teardown(the_address_is_the_peers_or_behind_trusted_proxies, start, stop),
        cmocka_unit_test_setup_teardown(context_extensions_are_whole_or_denied, start, stop),
        cmocka_unit_test_setup_teardown(headers_that_only_sallyport_sets_are_removed, start, stop),
        cmocka_unit_test_setup_teardown(a_message_without_a_request_is_malformed, start, stop),
        cmocka_unit_test_setup_teardown(what_no_route_knows_is_denied_or_asked_as_the_default, start, stop),
        cmocka_unit_test_setup_teardown(a_host_that_is_not_certain_is_denied, start, stop),
        cmocka_unit_test_setup_teardown(what_denies_before_a_question_comes_in_its_order, start, stop),
        cmocka_unit_test_setup_teardown(quotes_only_request_ids_that_need_no_escaping, start, stop),
    };
    return cmocka_run_group_tests_name("ext_authz", tests, NULL, NULL);
}
