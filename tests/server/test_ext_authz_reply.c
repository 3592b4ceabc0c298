/* What a verdict makes the proxy do, and the options of it all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "server/ext_authz/reply.h"
#include "server/gateway/headers.h"
#include "support/envoy.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static struct sp_arena arena;

static int start(void **state) {
    (void)state;
    return sp_arena_init(&arena, 64 * 1024, 1024 * 1024) == SP_OK ? 0 : -1;
}

static int stop(void **state) {
    (void)state;
    sp_arena_fini(&arena);
    return 0;
}

static struct sp_gateway_settings usual_settings(void) {
    const struct sp_gateway_options options = {
        .key_headers = {.values = {"x-api-key", "xi-api-key", "authorization"}, .count = 3}};
    struct sp_gateway_settings settings;
    assert_int_equal(sp_gateway_settings_read(&options, &(struct sp_forwarded_settings){.hops = 0}, &settings, NULL),
                     SP_OK);
    return settings;
}

/* ---- replies ---- */

static void describe(const struct sp_gateway_settings *settings, const struct sp_gateway_request *request,
                     const struct sp_gateway_verdict *verdict, char ret_text[static ENVOY_REPLY_TEXT_BYTES]) {
    struct sp_bytes bytes;
    assert_int_equal(sp_ext_authz_pack(settings, request, verdict, &arena, &bytes), SP_OK);
    assert_true(envoy_describe(bytes, &arena, ret_text));
}

static void an_allowed_request_tells_the_upstream_who_it_is_and_loses_its_keys(void **state) {
    (void)state;
    static const struct sp_str spoofed[] = {{"x-sallyport-role", 16}};
    struct sp_gateway_settings settings = usual_settings();
    struct sp_gateway_request request = {.spoofed = spoofed, .spoofed_count = 1};
    struct sp_gateway_verdict verdict = {
        .reason = SP_REASON_ALLOWED,
        .key = {.workspace = SP_STR_LITERAL("acme"),
                .principal = SP_STR_LITERAL("usr_1"),
                .key_id = SP_STR_LITERAL("key_1")},
        .decision_id = SP_STR_LITERAL("d1"),
        .plan = SP_STR_LITERAL("free"),
    };
    char text[ENVOY_REPLY_TEXT_BYTES];
    describe(&settings, &request, &verdict, text);
    assert_string_equal(text, "OK\n"
                              "x-sallyport-workspace: acme\n"
                              "x-sallyport-principal: usr_1\n"
                              "x-sallyport-key-id: key_1\n"
                              "x-sallyport-decision-id: d1\n"
                              "-x-api-key\n"
                              "-xi-api-key\n"
                              "-authorization\n"
                              "-x-sallyport-role\n"
                              "decision_id=d1\n"
                              "reason=ALLOWED\n"
                              "workspace=acme\n"
                              "principal=usr_1\n"
                              "key_id=key_1\n"
                              "plan=free\n");
}

struct denied_row {
    enum sp_reason reason;
    const char *id, *refusal, *expected;
};

#define PLACES "the header x-api-key, xi-api-key or authorization (Bearer KEY)."
#define JSON "content-type: application/json\n"
#define ASK "www-authenticate: Bearer\n"
#define WRONG "www-authenticate: Bearer error=\"invalid_token\"\n"
#define BODY(type, code, message, id)                                                                                  \
    "{\"detail\":{\"type\":\"" type "\",\"code\":\"" code "\",\"message\":\"" message "\",\"request_id\":\"" id "\"}}" \
    "\n"

static void a_denied_request_is_told_why_in_json(void **state) {
    (void)state;
    static const struct denied_row rows[] = {
        {SP_REASON_NONE, "r1", NULL,
         "503\n" JSON BODY("unavailable", "unavailable", "The request cannot be authorized right now. Try again.",
                           "r1") "decision_id=d1\nreason=UNAVAILABLE\n"},
        {SP_REASON_STALE, "r1", NULL,
         "503\n" JSON BODY("unavailable", "stale", "The authorization data is out of date. Try again later.",
                           "r1") "decision_id=d1\nreason=STALE\n"},
        {SP_REASON_CREDENTIAL_MISSING, "r1", NULL,
         "401\n" JSON ASK BODY("authentication_error", "credential_missing",
                               "The request has no API key. Send it in " PLACES,
                               "r1") "decision_id=d1\nreason=CREDENTIAL_MISSING\n"},
        {SP_REASON_CREDENTIAL_AMBIGUOUS, "", NULL,
         "401\n" JSON WRONG BODY("authentication_error", "credential_ambiguous",
                                 "The request has different credentials. Send only one, in " PLACES,
                                 "d1") "decision_id=d1\nreason=CREDENTIAL_AMBIGUOUS\n"},
        {SP_REASON_KEY_EXPIRED, "r1", NULL,
         "401\n" JSON WRONG BODY("authentication_error", "key_expired", "The API key has expired.",
                                 "r1") "decision_id=d1\nreason=KEY_EXPIRED\n"},
        {SP_REASON_IP_NOT_ALLOWED, "r1", NULL,
         "403\n" JSON BODY("authorization_error", "ip_not_allowed", "The API key may not be used from this address.",
                           "r1") "decision_id=d1\nreason=IP_NOT_ALLOWED\n"},
        {SP_REASON_ROUTE_UNKNOWN, "r1", NULL,
         "403\n" JSON BODY("authorization_error", "route_unknown", "Nothing is served under this method and path.",
                           "r1") "decision_id=d1\nreason=ROUTE_UNKNOWN\n"},
        {SP_REASON_REQUEST_MALFORMED, "r1", NULL,
         "400\n" JSON BODY("invalid_request", "request_malformed", "The request is not accepted in this form.",
                           "r1") "decision_id=d1\nreason=REQUEST_MALFORMED\n"},
        {SP_REASON_REQUEST_MALFORMED, "r1", "an empty segment (\"//\") or a \\",
         "400\n" JSON BODY("invalid_request", "request_malformed",
                           "The request is not accepted in this form: an empty segment (\\\"//\\\") or a \\\\.",
                           "r1") "decision_id=d1\nreason=REQUEST_MALFORMED\n"},
    };
    struct sp_gateway_settings settings = usual_settings();
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct sp_gateway_request request = {.id = sp_str_from(rows[i].id), .refusal = rows[i].refusal};
        struct sp_gateway_verdict verdict = {.reason = rows[i].reason, .decision_id = SP_STR_LITERAL("d1")};
        char text[ENVOY_REPLY_TEXT_BYTES];
        describe(&settings, &request, &verdict, text);
        assert_string_equal(text, rows[i].expected);
        sp_arena_reset(&arena);
    }
}

static void a_401_says_where_a_key_is_looked_for(void **state) {
    (void)state;
    static const struct {
        struct sp_option_texts headers, schemes;
        const char *places, *challenge, *wrong;
    } rows[] = {
        {{{"x-api-key"}, 1}, {{"bearer"}, 1}, "the header x-api-key.", "ApiKey", "ApiKey"},
        {{{"authorization"}, 1},
         {{"bearer"}, 1},
         "the header authorization (Bearer KEY).",
         "Bearer",
         "Bearer error=\"invalid_token\""},
        {{{"authorization"}, 1}, {{"token"}, 1}, "the header authorization (Token KEY).", "Token", "Token"},
        {{{"xi-api-key", "x-api-key", "authorization"}, 3},
         {{"APIKEY", "basic", "bearer", "basic"}, 4},
         "the header xi-api-key, x-api-key or authorization (Bearer KEY or Basic with the key as user name and no "
         "password or ApiKey KEY).",
         "Bearer, Basic realm=\"API key\", ApiKey",
         "Bearer error=\"invalid_token\", Basic realm=\"API key\", ApiKey"},
    };
    for (size_t i = 0; i < 2 * COUNT(rows); i++) {
        const bool wrong = i % 2 == 1;
        const struct sp_gateway_options options = {.key_headers = rows[i / 2].headers,
                                                   .key_schemes = rows[i / 2].schemes};
        const struct sp_gateway_request request = {.id = SP_STR_LITERAL("r1")};
        struct sp_gateway_settings settings;
        struct sp_gateway_verdict verdict = {.reason = wrong ? SP_REASON_KEY_UNKNOWN : SP_REASON_CREDENTIAL_MISSING};
        char text[ENVOY_REPLY_TEXT_BYTES], line[256];
        assert_int_equal(
            sp_gateway_settings_read(&options, &(struct sp_forwarded_settings){.hops = 0}, &settings, NULL), SP_OK);
        describe(&settings, &request, &verdict, text);
        snprintf(line, sizeof(line), "\nwww-authenticate: %s\n", wrong ? rows[i / 2].wrong : rows[i / 2].challenge);
        if (strstr(text, line) == NULL || (!wrong && strstr(text, rows[i / 2].places) == NULL))
            fail_msg("row %zu:\n%s", i, text);
        sp_arena_reset(&arena);
    }
}

static void every_reason_but_allowed_is_denied_with_its_status(void **state) {
    (void)state;
    struct sp_gateway_settings settings = usual_settings();
    struct sp_gateway_request request = {.fault = NULL};
    for (unsigned reason = 0; reason < SP_REASON_COUNT; reason++) {
        struct sp_gateway_verdict verdict = {.reason = (enum sp_reason)reason};
        char text[ENVOY_REPLY_TEXT_BYTES], expected[16] = "OK\n";
        unsigned status = sp_reason_http_status(verdict.reason);
        if (reason != SP_REASON_ALLOWED)
            snprintf(expected, sizeof(expected), "%u\n", status == 500 ? 503 : status);
        describe(&settings, &request, &verdict, text);
        assert_memory_equal(text, expected, strlen(expected));
        assert_null(strstr(text, "(null)"));
        sp_arena_reset(&arena);
    }
}

static void a_call_without_memory_has_a_last_word_that_denies(void **state) {
    (void)state;
    struct sp_ext_authz_last_word last_word;
    assert_int_equal(sp_ext_authz_write_last_word(&last_word), SP_OK);
    struct sp_bytes bytes = {last_word.bytes, last_word.size};
    char text[ENVOY_REPLY_TEXT_BYTES];
    assert_true(envoy_describe(bytes, &arena, text));
    assert_memory_equal(text, "503\n", 4);
}

/* ---- options ---- */

static void refuses_options_that_cannot_be_meant(void **state) {
    (void)state;
    static const struct {
        const char *header, *proxies, *route_default, *scheme, *deciding, *message;
    } rows[] = {
        {"X-Api-Key", NULL, NULL, NULL, NULL, "--key-header: \"X-Api-Key\" is not a header name in lower case"},
        {"x api key", NULL, NULL, NULL, NULL, "--key-header: \"x api key\" is not a header name in lower case"},
        {":path", NULL, NULL, NULL, NULL, "--key-header: \":path\" is not a header name in lower case"},
        {"", NULL, NULL, NULL, NULL, "--key-header: \"\" is not a header name in lower case"},
        {"host", NULL, NULL, NULL, NULL, "--key-header: host cannot carry keys because it has another meaning"},
        {"keep-alive", NULL, NULL, NULL, NULL, "--key-header: keep-alive cannot carry keys"},
        {"x-forwarded-for", NULL, NULL, NULL, NULL,
         "--key-header: x-forwarded-for cannot carry keys because it has another meaning"},
        {"x-sallyport-key", NULL, NULL, NULL, NULL,
         "--key-header: x-sallyport-key cannot carry keys because it has another meaning"},
        {"x-api-key", "0.0.0.0/0", NULL, NULL, NULL,
         "--trusted-proxies: entry 1, \"0.0.0.0/0\": contains every address and would trust every client; list only "
         "your "
         "proxies"},
        {"x-api-key", NULL, "api", NULL, NULL, "--route-default: \"api\" is not TYPE/ACTION"},
        {"x-api-key", NULL, "api/", NULL, NULL, "--route-default: the action: "},
        {"x-api-key", NULL, "/call", NULL, NULL, "--route-default: the type: "},
        {"x-api-key", NULL, "api/id/call", NULL, NULL, "--route-default: the action: "},
        {"x-original-uri", NULL, NULL, NULL, NULL,
         "--key-header: x-original-uri cannot carry keys because it has another meaning"},
        {"x-api-key", NULL, NULL, "digest", NULL, "--key-scheme: \"digest\" is not bearer, basic, token or apikey"},
        {"x-api-key", NULL, NULL, "", NULL, "--key-scheme: \"\" is not bearer, basic, token or apikey"},
        {"x-api-key", NULL, NULL, NULL, "authorization",
         "--deciding-key-header: \"authorization\" is not one of --key-header"},
        {"x-api-key", NULL, NULL, NULL, "X-API-KEY", "--deciding-key-header: \"X-API-KEY\" is not one of --key-header"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct sp_gateway_options options = {
            .key_headers = {.values = {rows[i].header}, .count = 1},
            .key_schemes = {.values = {rows[i].scheme}, .count = rows[i].scheme != NULL},
            .deciding_header = rows[i].deciding,
            .route_default = rows[i].route_default};
        const struct sp_forwarded_settings forwarded = {.proxies = rows[i].proxies};
        struct sp_gateway_settings settings;
        struct sp_error error = {0};
        assert_int_equal(sp_gateway_settings_read(&options, &forwarded, &settings, &error), SP_ERR_INVALID);
        if (strncmp(error.message, rows[i].message, strlen(rows[i].message)) != 0)
            fail_msg("\"%s\" does not begin with \"%s\"", error.message, rows[i].message);
    }
}

static void an_address_is_never_read_from_a_header_of_keys(void **state) {
    (void)state;
    const struct sp_gateway_options options = {.key_headers = {.values = {"authorization", "x-key"}, .count = 2}};
    const struct sp_forwarded_settings forwarded = {.header = "x-key", .peers = "uds"};
    struct sp_gateway_settings settings;
    struct sp_error error = {0};
    assert_int_equal(sp_gateway_settings_read(&options, &forwarded, &settings, &error), SP_ERR_INVALID);
    assert_string_equal(error.message, "--address-header: x-key carries keys (--key-header); name the header in which "
                                       "your proxy writes the client's address");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_allowed_request_tells_the_upstream_who_it_is_and_loses_its_keys, start,
                                        stop),
        cmocka_unit_test_setup_teardown(a_denied_request_is_told_why_in_json, start, stop),
        cmocka_unit_test_setup_teardown(a_401_says_where_a_key_is_looked_for, start, stop),
        cmocka_unit_test_setup_teardown(every_reason_but_allowed_is_denied_with_its_status, start, stop),
        cmocka_unit_test_setup_teardown(a_call_without_memory_has_a_last_word_that_denies, start, stop),
        cmocka_unit_test_setup_teardown(refuses_options_that_cannot_be_meant, start, stop),
        cmocka_unit_test(an_address_is_never_read_from_a_header_of_keys),
    };
    return cmocka_run_group_tests_name("ext_authz_reply", tests, NULL, NULL);
}
