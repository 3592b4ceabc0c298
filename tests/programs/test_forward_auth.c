/* GET /auth as nginx, Traefik and Caddy ask it of a running sallyportd. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/authzen.h"
#include "support/gateway_world.h"

static struct programs programs;
static int port;
static char user_key[PROGRAMS_KEY_BYTES], near_key[PROGRAMS_KEY_BYTES];

static int make_world(void **state) {
    (void)state;
    struct caller admin;
    sp_rpc_global_init();
    setenv("SALLYPORTD_FORWARD_AUTH", "nginx", 1);
    setenv("SALLYPORTD_TRUSTED_PEERS", "127.0.0.1", 1);
    setenv("SALLYPORTD_KEY_SCHEMES", "bearer,basic", 1);
    setenv("SALLYPORTD_DECISION_LOG", "-", 1);
    setenv("SALLYPORTD_DECISION_LOG_WHAT", "all", 1);
    gateway_world_make(&programs, &admin, user_key, near_key);
    port = authzen_port(&programs.server);
    caller_close(&admin);
    return 0;
}

static int remove_world(void **state) {
    (void)state;
    programs_stop(&programs);
    sp_rpc_global_fini();
    return 0;
}

/* "$K" in the headers stands for the key. */
static void ask_at(int at_port, const char *headers, const char *key, struct http_reply *ret_reply) {
    char request[4096];
    const char *mark = strstr(headers, "$K");
    int fd = http_connect(at_port);
    snprintf(request, sizeof(request), "GET /auth HTTP/1.1\r\nHost: localhost\r\n%.*s%s%s\r\n",
             mark == NULL ? (int)strlen(headers) : (int)(mark - headers), headers, mark == NULL ? "" : key,
             mark == NULL ? "" : mark + 2);
    http_ask(fd, request);
    http_read(fd, false, ret_reply);
    assert_null(strstr(ret_reply->headers, key));
    assert_null(strstr(ret_reply->body, key));
    close(fd);
}

#define USE "X-Original-Method: POST\r\nX-Original-URI: /v1/text-to-speech/v1?x=1\r\n"
#define K "X-API-Key: $K\r\n"

static void an_allowed_request_says_who_it_is(void **state) {
    (void)state;
    struct http_reply reply;
    ask_at(port, USE K "X-Request-ID: r-1\r\n", user_key, &reply);
    assert_int_equal(reply.status, 200);
    assert_int_equal(reply.body_size, 0);
    assert_string_equal(http_reply_header(&reply, "x-sallyport-workspace"), "w1");
    assert_string_equal(http_reply_header(&reply, "x-sallyport-principal"), "u1");
    assert_string_equal(http_reply_header(&reply, "x-sallyport-key-id"), "u1-key");
    assert_int_equal(strlen(http_reply_header(&reply, "x-sallyport-decision-id")), 25);
    assert_string_equal(http_reply_header(&reply, "X-Request-ID"), "r-1");
    http_reply_fini(&reply);
}

static void each_reason_denies_with_a_status_that_every_gateway_understands(void **state) {
    (void)state;
    static const struct {
        const char *name, *key, *headers;
        int status;
        const char *code; /* NULL: allowed */
    } rows[] = {
        {"in its header", user_key, USE K, 200, NULL},
        {"as a bearer token", user_key, USE "Authorization: Bearer $K\r\n", 200, NULL},
        {"in two lines", user_key, USE K "X-API-Key:\r\n", 200, NULL},
        {"no key", "x-none", USE, 401, "credential_missing"},
        {"two keys", user_key, USE K "Authorization: Bearer other\r\n", 401, "credential_ambiguous"},
        {"beside a digest", user_key, USE K "Authorization: Digest username=\"u\", realm=\"a, b\", nc=1\r\n", 200,
         NULL},
        {"beside another scheme", user_key, USE "Authorization: Token other\r\n" K, 200, NULL},
        {"beside a user with a password", user_key, USE K "Authorization: Basic dTpw\r\n", 401, "credential_ambiguous"},
        {"beside text without a scheme", user_key, USE K "Authorization: other\r\n", 401, "credential_ambiguous"},
        {"no key of ours", "sp_nonsense", USE K, 401, "key_malformed"},
        {"another method", user_key, "X-Original-Method: GET\r\nX-Original-URI: /v1/text-to-speech/v1\r\n" K, 403,
         "route_unknown"},
        {"a role too low", user_key, "X-Original-Method: PATCH\r\nX-Original-URI: /v1/voices/v1\r\n" K, 403,
         "role_too_low"},
        {"another resource", user_key, "X-Original-Method: POST\r\nX-Original-URI: /v1/text-to-speech/v2\r\n" K, 403,
         "resource_unknown"},
        {"a path with two readings", user_key,
         "X-Original-Method: POST\r\nX-Original-URI: /v1/x/../text-to-speech/v1\r\n" K, 403, "request_malformed"},
        {"the same without a key", "x-none", "X-Original-Method: POST\r\nX-Original-URI: /v1//text-to-speech/v1\r\n",
         403, "request_malformed"},
        {"a whole URL", user_key, "X-Original-Method: POST\r\nX-Original-URI: http://a/v1/text-to-speech/v1\r\n" K, 403,
         "request_malformed"},
        {"no method", user_key, "X-Original-URI: /v1/text-to-speech/v1\r\n" K, 403, "route_unknown"},
        {"another gateway's headers", user_key,
         "X-Forwarded-Method: POST\r\nX-Forwarded-Uri: /v1/text-to-speech/v1\r\n" K, 403, "route_unknown"},
        {"in our name", user_key, USE K "X-Sallyport-Workspace: w2\r\n", 403, "request_malformed"},
        {"in our name, almost", user_key, USE K "X_Sallyport_Workspace: w2\r\n", 403, "request_malformed"},
        {"from its address", near_key, USE K "X-Forwarded-For: 198.51.100.66, 203.0.113.7\r\n", 200, NULL},
        {"from another", near_key, USE K "X-Forwarded-For: 203.0.113.7, 198.51.100.66\r\n", 403, "ip_not_allowed"},
        {"from nowhere", near_key, USE K, 403, "ip_not_allowed"},
        {"from what another header says", near_key, USE K "X-Real-IP: 203.0.113.7\r\n", 403, "ip_not_allowed"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct http_reply reply;
        char code[64];
        ask_at(port, rows[i].headers, rows[i].key, &reply);
        snprintf(code, sizeof(code), "\"code\":\"%s\"", rows[i].code == NULL ? "" : rows[i].code);
        if (reply.status != rows[i].status || (rows[i].code != NULL && strstr(reply.body, code) == NULL))
            fail_msg("%s: %d %s", rows[i].name, reply.status, reply.body);
        assert_int_equal(http_reply_header(&reply, "WWW-Authenticate") != NULL, rows[i].status == 401);
        assert_int_equal(http_reply_header(&reply, "x-sallyport-workspace") != NULL, rows[i].code == NULL);
        http_reply_fini(&reply);
    }
}

/* The whole reply of a denial is JSON, and says where a key is looked for. */
static void a_401_says_where_a_key_is_looked_for(void **state) {
    (void)state;
    struct http_reply reply;
    ask_at(port, USE "X-Request-ID: r-2\r\n", "x-none", &reply);
    assert_string_equal(reply.body,
                        "{\"detail\":{\"type\":\"authentication_error\",\"code\":\"credential_missing\",\"message\":"
                        "\"The request has no API key. Send it in the header x-api-key or authorization (Bearer KEY or "
                        "Basic with the key as user name and no password).\",\"request_id\":\"r-2\"}}");
    assert_string_equal(http_reply_header(&reply, "WWW-Authenticate"), "Bearer, Basic realm=\"API key\"");
    http_reply_fini(&reply);
}

static void only_get_is_asked(void **state) {
    (void)state;
    struct authzen_reply reply;
    authzen_post(port, &(struct authzen_request){.path = "/auth", .body = "{}"}, &reply);
    assert_int_equal(reply.http.status, 405);
    authzen_reply_fini(&reply);
}

/* What the server wrote, once this is in it. */
static void wait_for_text(const char *file, const char *text) {
    char *output = NULL;
    for (int i = 0; i < 1000; i++) {
        free(output);
        output = process_read(file);
        if (strstr(output, text) != NULL) {
            assert_null(strstr(output, user_key));
            free(output);
            return;
        }
        usleep(10000);
    }
    fail_msg("\"%s\" never came: %s", text, output);
}

static void decisions_are_logged_and_counted_under_their_own_name(void **state) {
    (void)state;
    struct http_reply reply;
    ask_at(port, USE K "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n", user_key, &reply);
    char id[32];
    snprintf(id, sizeof(id), "%s", http_reply_header(&reply, "x-sallyport-decision-id"));
    http_reply_fini(&reply);
    wait_for_text(programs.server.out, id);
    wait_for_text(programs.server.out, "4bf92f3577b34da6a3ce929d0e0e4736");
    wait_for_text(programs.server.out, "forward_auth");
}

static void a_gateway_without_its_headers_is_told_in_the_log(void **state) {
    (void)state;
    struct http_reply reply;
    sleep(1); /* at most one message a second */
    ask_at(port, "X-Original-Method: POST\r\n" K, user_key, &reply);
    assert_int_equal(reply.status, 403);
    http_reply_fini(&reply);
    wait_for_text(programs.server.err, "its header \\\"x-original-uri\\\" is missing: see docs/forward-auth.md");
}

/* Another server over the same store, with two more arguments. */
static int start_another(struct process *server, const char *option, const char *value) {
    const char *arguments[] = {"sallyportd", "--store", programs.store, "--listen", "127.0.0.1:0", option, value, NULL};
    process_start(server, programs.folder, "another", arguments);
    int at = authzen_port(server);
    process_wait_for(server, "serving the store");
    return at;
}

static void only_trusted_gateways_are_answered(void **state) {
    (void)state;
    static const char *const peers[] = {"192.0.2.1", "uds"};
    for (size_t i = 0; i < sizeof(peers) / sizeof(*peers); i++) {
        struct process server;
        struct http_reply reply;
        char file[128];
        int at = start_another(&server, "--trusted-peers", peers[i]);
        ask_at(at, USE K, user_key, &reply);
        assert_int_equal(reply.status, 403);
        assert_non_null(strstr(reply.body, "the gateway at 127.0.0.1 is not among --trusted-peers"));
        http_reply_fini(&reply);
        snprintf(file, sizeof(file), "%s/another.err", programs.folder);
        wait_for_text(file, "forward_auth: denied the requests of a gateway");
        assert_int_equal(process_end(&server, 15), 0);
    }
}

/* The client's bearer token is not the gateway's. */
static void a_gateway_needs_the_role_and_no_token_of_a_client_gives_it(void **state) {
    (void)state;
    static const char token[] = "a-token-of-some-service";
    struct process server;
    struct http_reply reply;
    char callers[128], token_file[128], headers[256];
    snprintf(token_file, sizeof(token_file), "%s/token", programs.folder);
    snprintf(callers, sizeof(callers), "%s/callers.yaml", programs.folder);
    FILE *out = fopen(token_file, "we");
    assert_non_null(out);
    assert_true(fputs(token, out) >= 0);
    assert_int_equal(fclose(out), 0);
    out = fopen(callers, "we");
    assert_non_null(out);
    assert_true(fprintf(out, "token:%s: check\nplaintext: explain\n", token_file) > 0);
    assert_int_equal(fclose(out), 0);
    int at = start_another(&server, "--callers", callers);
    snprintf(headers, sizeof(headers), USE "Authorization: Bearer %s\r\n", token);
    ask_at(at, headers, "x-none", &reply);
    assert_int_equal(reply.status, 403);
    assert_non_null(strstr(reply.body, "permission_denied"));
    assert_null(http_reply_header(&reply, "x-sallyport-workspace"));
    http_reply_fini(&reply);
    assert_int_equal(process_end(&server, 15), 0);
}

static void nothing_is_at_the_path_unless_it_was_asked_for(void **state) {
    (void)state;
    struct process server;
    struct http_reply reply;
    int at = start_another(&server, "--forward-auth", "none");
    ask_at(at, USE K, user_key, &reply);
    assert_int_equal(reply.status, 404);
    http_reply_fini(&reply);
    assert_int_equal(process_end(&server, 15), 0);
}

static void a_misspelled_variable_is_named_in_the_log(void **state) {
    (void)state;
    struct process server;
    char file[128];
    setenv("SALLYPORTD_FOWARD_AUTH", "caddy", 1);
    (void)start_another(&server, "--log-level", "info");
    unsetenv("SALLYPORTD_FOWARD_AUTH");
    snprintf(file, sizeof(file), "%s/another.err", programs.folder);
    wait_for_text(file, "unknown environment variable SALLYPORTD_FOWARD_AUTH; did you mean SALLYPORTD_FORWARD_AUTH");
    assert_int_equal(process_end(&server, 15), 0);
}

static void a_server_without_its_store_denies_with_503(void **state) {
    (void)state;
    struct process server;
    struct http_reply reply;
    char store[128];
    snprintf(store, sizeof(store), "%s/nowhere", programs.folder);
    const char *arguments[] = {"sallyportd", "--store", store, "--listen", "127.0.0.1:0", NULL};
    process_start(&server, programs.folder, "nowhere", arguments);
    ask_at(authzen_port(&server), USE K, user_key, &reply);
    assert_int_equal(reply.status, 503);
    assert_non_null(strstr(reply.body, "\"code\":\"unavailable\""));
    http_reply_fini(&reply);
    ask_at(authzen_port(&server), USE, "x-none", &reply);
    assert_int_equal(reply.status, 401);
    http_reply_fini(&reply);
    assert_int_equal(process_end(&server, 15), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_allowed_request_says_who_it_is),
        cmocka_unit_test(each_reason_denies_with_a_status_that_every_gateway_understands),
        cmocka_unit_test(a_401_says_where_a_key_is_looked_for),
        cmocka_unit_test(only_get_is_asked),
        cmocka_unit_test(decisions_are_logged_and_counted_under_their_own_name),
        cmocka_unit_test(a_gateway_without_its_headers_is_told_in_the_log),
        cmocka_unit_test(only_trusted_gateways_are_answered),
        cmocka_unit_test(a_gateway_needs_the_role_and_no_token_of_a_client_gives_it),
        cmocka_unit_test(nothing_is_at_the_path_unless_it_was_asked_for),
        cmocka_unit_test(a_misspelled_variable_is_named_in_the_log),
        cmocka_unit_test(a_server_without_its_store_denies_with_503),
    };
    return cmocka_run_group_tests_name("forward_auth", tests, make_world, remove_world);
}
