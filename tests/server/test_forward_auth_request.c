/* What nginx, Traefik and Caddy say of a request in headers becomes a question, and what a client
 * could say in their place does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/schema.h"
#include "server/forward_auth/request.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

enum { FIELDS_MAX = 32, TEXT_BYTES = 1024 };

static struct sp_arena arena; /* reset after each row */

static int start(void **state) {
    (void)state;
    return sp_arena_init(&arena, 64 * 1024, 1024 * 1024) == SP_OK ? 0 : -1;
}

static int stop(void **state) {
    (void)state;
    sp_arena_fini(&arena);
    return 0;
}

static struct sp_gateway_settings settings_for(const char *gateway, const struct sp_forwarded_settings *forwarded) {
    const struct sp_gateway_options options = {.key_headers = {.values = {"x-api-key", "authorization"}, .count = 2},
                                               .forward_auth = gateway};
    struct sp_gateway_settings settings;
    struct sp_error error = {0};
    if (sp_gateway_settings_read(&options, forwarded, &settings, &error) != SP_OK)
        fail_msg("%s", error.message);
    return settings;
}

/* Lines "name: value". */
static size_t split_fields(const char *lines, struct sp_http_field *ret_fields) {
    size_t count = 0;
    while (*lines != '\0') {
        size_t size = strcspn(lines, "\n");
        const char *colon = memchr(lines, ':', size);
        assert_non_null(colon);
        assert_true(count < FIELDS_MAX);
        size_t name = (size_t)(colon - lines), skip = name + 1 < size && colon[1] == ' ' ? 2 : 1;
        ret_fields[count++] =
            (struct sp_http_field){.name = {lines, name}, .value = {colon + skip, size - name - skip}};
        lines += size + (lines[size] == '\n');
    }
    return count;
}

struct row {
    const char *name, *lines, *expected; /* "REASON key ip method path culprit" */
};

static void expect_rows(const struct sp_gateway_settings *settings, const struct row *rows, size_t count) {
    for (size_t i = 0; i < count; i++) {
        struct sp_http_field fields[FIELDS_MAX];
        struct sp_gateway_request request;
        char ip[SP_CIDR_TEXT_BYTES] = "-", text[TEXT_BYTES];
        sp_forward_auth_read(settings, fields, split_fields(rows[i].lines, fields), &arena, &request);
        if (request.query.ip != NULL)
            sp_ip_format(request.query.ip, ip);
        snprintf(text, sizeof(text), "%s %.*s %s %.*s %.*s%s%.*s",
                 request.reason == SP_REASON_NONE ? "ask" : sp_reason_name(request.reason),
                 (int)request.query.credential.size, (const char *)request.query.credential.data, ip,
                 SP_STR_ARG(request.method), SP_STR_ARG(request.path), request.culprit.size > 0 ? " " : "",
                 SP_STR_ARG(request.culprit));
        if (strcmp(text, rows[i].expected) != 0)
            fail_msg("%s: \"%s\" instead of \"%s\"", rows[i].name, text, rows[i].expected);
        assert_false(request.has_target);
        sp_arena_reset(&arena);
    }
}

#define NGINX "x-original-method: POST\nx-original-uri: /v1/a?b=c\n"
#define KEY "x-api-key: k\n"
#define FROM "x-forwarded-for: 203.0.113.7\n"

static void nginx_says_what_it_was_asked(void **state) {
    (void)state;
    static const struct row rows[] = {
        {"all", NGINX KEY FROM, "ask k 203.0.113.7 POST /v1/a?b=c"},
        {"names in any case", "X-Original-METHOD: GET\nX-Original-URI: /\nX-API-Key: k\nX-Forwarded-FOR: 203.0.113.7\n",
         "ask k 203.0.113.7 GET /"},
        {"a bearer token of the client", NGINX "authorization: Bearer k\n" FROM, "ask k 203.0.113.7 POST /v1/a?b=c"},
        {"what Traefik and Caddy would say is the client's",
         "x-forwarded-method: GET\nx-forwarded-uri: /open\n" NGINX KEY FROM "x-forwarded-method: GET\n",
         "ask k 203.0.113.7 POST /v1/a?b=c"},
        {"only that", "x-forwarded-method: GET\nx-forwarded-uri: /open\n" KEY FROM,
         "ROUTE_UNKNOWN k 203.0.113.7   x-original-method"},
        {"no method", "x-original-uri: /v1/a\n" KEY FROM, "ROUTE_UNKNOWN k 203.0.113.7  /v1/a x-original-method"},
        {"no URI", "x-original-method: GET\n" KEY FROM, "ROUTE_UNKNOWN k 203.0.113.7 GET  x-original-uri"},
        {"an empty URI", "x-original-method: GET\nx-original-uri: \n" KEY FROM,
         "ROUTE_UNKNOWN k 203.0.113.7 GET  x-original-uri"},
        {"two methods", NGINX "x-original-method: GET\n" KEY FROM,
         "ROUTE_UNKNOWN k 203.0.113.7 GET /v1/a?b=c x-original-method"},
        {"two URIs, although alike", NGINX "x-original-uri: /v1/a?b=c\n" KEY FROM,
         "ROUTE_UNKNOWN k 203.0.113.7 POST /v1/a?b=c x-original-uri"},
        {"underscores are no hyphens", "x_original_method: GET\nx_original_uri: /\n" KEY FROM,
         "ROUTE_UNKNOWN k 203.0.113.7   x-original-method"},
        {"no key", NGINX FROM, "CREDENTIAL_MISSING  203.0.113.7 POST /v1/a?b=c"},
        {"two keys", NGINX KEY "x-api-key: l\n" FROM, "CREDENTIAL_AMBIGUOUS k 203.0.113.7 POST /v1/a?b=c"},
    };
    struct sp_gateway_settings settings = settings_for("nginx", &(struct sp_forwarded_settings){.peers = "127.0.0.1"});
    expect_rows(&settings, rows, COUNT(rows));
}

/* Only once, and only in the gateway's own header; else it is not known. */
static void a_gateway_says_the_host(void **state) {
    (void)state;
    static const struct {
        const char *gateway, *lines, *host;
    } rows[] = {
        {"nginx", NGINX "x-original-host: api.example.com\n", "api.example.com"},
        {"nginx", NGINX "x-forwarded-host: api.example.com\nhost: api.example.com\n", ""},
        {"nginx", NGINX "x-original-host: api.example.com\nx-original-host: api.example.com\n", ""},
        {"nginx", NGINX "x_original_host: api.example.com\n", ""},
        {"caddy", NGINX "X-Forwarded-Host: api.example.com:443\n", "api.example.com:443"},
        {"traefik", NGINX "x-forwarded-host: a.example\nhost: b.example\n", "a.example"},
        {"traefik", NGINX "x-original-host: api.example.com\n", ""},
        {"traefik", NGINX "x-forwarded-host: a.example, b.example\n", "a.example, b.example"}, /* no name */
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct sp_gateway_settings settings =
            settings_for(rows[i].gateway, &(struct sp_forwarded_settings){.peers = "127.0.0.1"});
        struct sp_http_field fields[FIELDS_MAX];
        struct sp_gateway_request request;
        sp_forward_auth_read(&settings, fields, split_fields(rows[i].lines, fields), &arena, &request);
        if (!sp_str_equal(request.host, sp_str_from(rows[i].host)))
            fail_msg("row %zu: \"%.*s\" instead of \"%s\"", i, SP_STR_ARG(request.host), rows[i].host);
        sp_arena_reset(&arena);
    }
}

static void traefik_and_caddy_say_it_in_theirs(void **state) {
    (void)state;
    static const struct row rows[] = {
        {"all", "x-forwarded-method: PUT\nx-forwarded-uri: /v1/a\n" KEY FROM, "ask k 203.0.113.7 PUT /v1/a"},
        {"what nginx would say is the client's",
         "x-original-method: GET\nx-original-uri: /open\nx-forwarded-method: PUT\nx-forwarded-uri: /v1/a\n" KEY FROM,
         "ask k 203.0.113.7 PUT /v1/a"},
        {"joined with a client's", "x-forwarded-method: PUT, GET\nx-forwarded-uri: /v1/a\n" KEY FROM,
         "ask k 203.0.113.7 PUT, GET /v1/a"}, /* no route has such a method */
    };
    static const char *const gateways[] = {"traefik", "caddy"};
    for (size_t i = 0; i < COUNT(gateways); i++) {
        struct sp_gateway_settings settings =
            settings_for(gateways[i], &(struct sp_forwarded_settings){.peers = "127.0.0.1"});
        expect_rows(&settings, rows, COUNT(rows));
    }
}

static void a_client_that_speaks_in_our_name_is_denied(void **state) {
    (void)state;
    static const struct row rows[] = {
        {"a header that is set", NGINX KEY FROM "x-sallyport-workspace: other\n",
         "REQUEST_MALFORMED k 203.0.113.7 POST /v1/a?b=c"},
        {"one that is not", NGINX KEY FROM "X-Sallyport-Role: admin\n",
         "REQUEST_MALFORMED k 203.0.113.7 POST /v1/a?b=c"},
        {"with underscores", NGINX KEY FROM "x_sallyport_workspace: other\n",
         "REQUEST_MALFORMED k 203.0.113.7 POST /v1/a?b=c"},
        {"with another length", NGINX KEY FROM "x-sallyport: other\n", "ask k 203.0.113.7 POST /v1/a?b=c"},
    };
    struct sp_gateway_settings settings = settings_for("nginx", &(struct sp_forwarded_settings){.peers = "127.0.0.1"});
    expect_rows(&settings, rows, COUNT(rows));
}

#define ASK "ask k "
#define END " POST /v1/a?b=c"

static void the_address_is_what_the_gateway_was_called_from_or_behind_trusted_proxies(void **state) {
    (void)state;
    static const struct row direct[] = {
        {"the last entry", NGINX KEY "x-forwarded-for: 198.51.100.66, 203.0.113.7\n", ASK "203.0.113.7" END},
        {"the last line", NGINX KEY "x-forwarded-for: 198.51.100.66\nx-forwarded-for: 203.0.113.7\n",
         ASK "203.0.113.7" END},
        {"with a port", NGINX KEY "x-forwarded-for: 203.0.113.7:4711\n", ASK "203.0.113.7" END},
        {"IPv6", NGINX KEY "x-forwarded-for: [2001:db8::7]:1\n", ASK "2001:db8::7" END},
        {"nothing", NGINX KEY, ASK "-" END},
        {"an empty line", NGINX KEY "x-forwarded-for: \n", ASK "-" END},
        {"an empty entry behind it", NGINX KEY "x-forwarded-for: 203.0.113.7,\n", ASK "-" END},
        {"what is no address", NGINX KEY "x-forwarded-for: 203.0.113.7, unknown\n", ASK "-" END},
        {"another header", NGINX KEY "x-real-ip: 203.0.113.7\nforwarded: for=203.0.113.7\n", ASK "-" END},
    };
    static const struct row behind_proxies[] = {
        {"one", NGINX KEY "x-forwarded-for: 198.51.100.66, 203.0.113.7, 10.0.0.1\n", ASK "203.0.113.7" END},
        {"none", NGINX KEY "x-forwarded-for: 10.0.0.1, 203.0.113.7\n", ASK "203.0.113.7" END},
        {"only proxies", NGINX KEY "x-forwarded-for: 10.0.0.2, 10.0.0.1\n", ASK "-" END},
    };
    static const struct row by_hops[] = {
        {"two", NGINX KEY "x-forwarded-for: 198.51.100.66, 203.0.113.7, 10.0.0.1\n", ASK "203.0.113.7" END},
        {"a client past the load balancer", NGINX KEY "x-forwarded-for: 203.0.113.7, 198.51.100.66\n",
         ASK "198.51.100.66" END},
        {"too few", NGINX KEY "x-forwarded-for: 10.0.0.1\n", ASK "-" END},
    };
    static const struct row by_header[] = {
        {"from a trusted peer", NGINX KEY "cf-connecting-ip: 203.0.113.7\nx-forwarded-for: 10.0.0.1\n",
         ASK "203.0.113.7" END},
        {"from another", NGINX KEY "cf-connecting-ip: 203.0.113.7\nx-forwarded-for: 198.51.100.66\n",
         ASK "198.51.100.66" END},
        {"from nobody knows where", NGINX KEY "cf-connecting-ip: 203.0.113.7\n", ASK "-" END},
    };
    struct sp_gateway_settings settings = settings_for("nginx", &(struct sp_forwarded_settings){.peers = "127.0.0.1"});
    expect_rows(&settings, direct, COUNT(direct));
    settings = settings_for("nginx", &(struct sp_forwarded_settings){.peers = "127.0.0.1", .proxies = "10.0.0.0/8"});
    expect_rows(&settings, behind_proxies, COUNT(behind_proxies));
    settings = settings_for("nginx", &(struct sp_forwarded_settings){.peers = "uds, 10.0.0.0/8", .hops = 2});
    expect_rows(&settings, by_hops, COUNT(by_hops));
    settings = settings_for("nginx",
                            &(struct sp_forwarded_settings){.peers = "uds, 10.0.0.0/8", .header = "cf-connecting-ip"});
    expect_rows(&settings, by_header, COUNT(by_header));
}

static void refuses_a_gateway_that_is_not_known_or_that_anybody_could_be(void **state) {
    (void)state;
    static const struct {
        const char *gateway, *peers, *message;
    } rows[] = {
        {"apache", "127.0.0.1", "--forward-auth: \"apache\" is not nginx, traefik, caddy or none"},
        {"", "127.0.0.1", "--forward-auth: \"\" is not nginx, traefik, caddy or none"},
        {"nginx", NULL, "--forward-auth: without --trusted-peers, anybody could forge the request"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct sp_gateway_options options = {.forward_auth = rows[i].gateway};
        struct sp_gateway_settings settings;
        struct sp_error error = {0};
        assert_int_equal(sp_gateway_settings_read(&options, &(struct sp_forwarded_settings){.peers = rows[i].peers},
                                                  &settings, &error),
                         SP_ERR_INVALID);
        if (strncmp(error.message, rows[i].message, strlen(rows[i].message)) != 0)
            fail_msg("%s", error.message);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nginx_says_what_it_was_asked, start, stop),
        cmocka_unit_test_setup_teardown(traefik_and_caddy_say_it_in_theirs, start, stop),
        cmocka_unit_test_setup_teardown(a_gateway_says_the_host, start, stop),
        cmocka_unit_test_setup_teardown(a_client_that_speaks_in_our_name_is_denied, start, stop),
        cmocka_unit_test_setup_teardown(the_address_is_what_the_gateway_was_called_from_or_behind_trusted_proxies,
                                        start, stop),
        cmocka_unit_test_setup_teardown(refuses_a_gateway_that_is_not_known_or_that_anybody_could_be, start, stop),
    };
    return cmocka_run_group_tests_name("forward_auth", tests, NULL, NULL);
}
