/* sallyportd as a proxy sees it: what is allowed, and that whatever a client can do to a request,
 * it is denied by a reply and never by an error. */
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "core/digest.h"
#include "support/envoy.h"
#include "support/gateway_world.h"
#include "support/programs.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define CHECK "/envoy.service.auth.v3.Authorization/Check"

static struct programs programs;
static char user_key[PROGRAMS_KEY_BYTES];
static struct caller admin;

static char near_key[PROGRAMS_KEY_BYTES];

static int make_world(void **state) {
    (void)state;
    sp_rpc_global_init();
    setenv("SALLYPORTD_TRUSTED_PROXIES", "10.0.0.0/8", 1);
    setenv("SALLYPORTD_KEY_HEADERS", "x-api-key,xi-api-key,authorization", 1);
    setenv("SALLYPORTD_DECISION_LOG", "-", 1);
    setenv("SALLYPORTD_DECISION_LOG_WHAT", "all", 1);
    gateway_world_make(&programs, &admin, user_key, near_key);
    return 0;
}

static int remove_world(void **state) {
    (void)state;
    caller_close(&admin);
    programs_stop(&programs);
    sp_rpc_global_fini();
    return 0;
}

/* Asks, and describes the reply: "OK…" or "401…". "$K" in the headers stands for the key. */
static void ask(struct envoy_parts parts, const char *key, char ret_text[static ENVOY_REPLY_TEXT_BYTES]) {
    struct caller *caller = &programs.checker;
    char headers[1024];
    struct sp_bytes request, reply;
    const char *mark = parts.headers == NULL ? NULL : strstr(parts.headers, "$K");
    if (mark != NULL) {
        snprintf(headers, sizeof(headers), "%.*s%s%s", (int)(mark - parts.headers), parts.headers, key, mark + 2);
        parts.headers = headers;
    }
    sp_arena_reset(&caller->arena);
    assert_true(envoy_pack(&parts, &caller->arena, &request));
    if (caller_raw(caller, CHECK, request, &reply) != SP_OK)
        fail_msg("an error instead of a reply: %s", caller->error.message);
    assert_true(envoy_describe(reply, &caller->arena, ret_text));
}

/* Whether a line of the reply is this. */
static bool has_line(const char *text, const char *line) {
    size_t size = strlen(line);
    for (; text != NULL; text = strchr(text, '\n') == NULL ? NULL : strchr(text, '\n') + 1)
        if (strncmp(text, line, size) == 0 && text[size] == '\n')
            return true;
    return false;
}

static void wait_for_log(const char *text) {
    char *log = NULL;
    for (int i = 0; i < 500 && (log == NULL || strstr(log, text) == NULL); i++) {
        free(log);
        nanosleep(&(struct timespec){.tv_nsec = 10 * 1000000}, NULL);
        log = process_read(programs.server.out);
    }
    assert_non_null(strstr(log, text));
    free(log);
}

#define VOICE "resource_type=voice\nresource_id=v1\naction=use"

static void an_allowed_request_says_who_it_is(void **state) {
    (void)state;
    char text[ENVOY_REPLY_TEXT_BYTES];
    struct envoy_parts parts = {.peer = "198.51.100.1",
                                .method = "POST",
                                .path = "/v1/text-to-speech/v1",
                                .headers = "x-api-key: $K\nx-sallyport-workspace: spoofed\nx-sallyport-role: spoofed",
                                .extensions = VOICE};
    ask(parts, user_key, text);
    static const char *const lines[] = {
        "OK",
        "x-sallyport-workspace: w1",
        "x-sallyport-principal: u1",
        "x-sallyport-key-id: u1-key",
        "-x-api-key",
        "-xi-api-key",
        "-authorization",
        "-x-sallyport-role",
        "workspace=w1",
        "principal=u1",
        "key_id=u1-key",
        "reason=ALLOWED",
    };
    for (size_t i = 0; i < COUNT(lines); i++)
        if (!has_line(text, lines[i]))
            fail_msg("no line \"%s\" in\n%s", lines[i], text);
    assert_null(strstr(text, "spoofed"));
    assert_null(strstr(text, user_key));
}

/* The id has 256 bytes, with the signs of identity providers and clouds. */
static void an_id_of_an_identity_provider_reaches_the_upstream_whole(void **state) {
    (void)state;
    enum { ID_BYTES = 256 };
    char id[ID_BYTES + 1] = "auth0|arn:aws:iam::1:user/", key[PROGRAMS_KEY_BYTES], text[ENVOY_REPLY_TEXT_BYTES];
    char line[ID_BYTES + 64];
    memset(id + strlen(id), 'x', ID_BYTES - strlen(id));
    caller_ok(&admin, "Admin/CreateUser", "{'id': '%s', 'name': 'A'}", id);
    caller_ok(&admin, "Admin/ShareResource",
              "{'resource': {'type': 'voice', 'id': 'v1'}, 'subject': {'principal': '%s'}, 'role': 'ROLE_VIEWER'}", id);
    caller_ok(&admin, "Admin/CreateApiKey", "{'principal': '%s', 'name': 'N', 'permissions': {'all': true}}", id);
    snprintf(key, sizeof(key), "%s", caller_text(&admin, "secret"));
    struct envoy_parts parts = {.peer = "198.51.100.1",
                                .method = "POST",
                                .path = "/v1/text-to-speech/v1",
                                .headers = "x-api-key: $K",
                                .extensions = VOICE};
    ask(parts, key, text);
    snprintf(line, sizeof(line), "x-sallyport-principal: %s", id);
    assert_true(has_line(text, "OK") && has_line(text, line));
    caller_ok(&programs.checker, "Authorization/Check",
              "{'apiKey': '%s', 'resource': {'type': 'voice', 'id': 'v1'}, 'action': 'use'}", key);
    assert_string_equal(caller_text(&programs.checker, "principal"), id);
    snprintf(line, sizeof(line), "\"principal\":\"%s\"", id);
    wait_for_log(line);
}

static void a_route_is_logged_by_its_name(void **state) {
    (void)state;
    char text[ENVOY_REPLY_TEXT_BYTES];
    ask((struct envoy_parts){.method = "POST", .path = "/v1/text-to-speech/v1?a=b", .headers = "x-api-key: $K"},
        user_key, text);
    assert_true(has_line(text, "OK"));
    wait_for_log("\"route\":\"POST /v1/text-to-speech/{voice_id}\"");
}

static void each_reason_denies_with_its_status(void **state) {
    (void)state;
    static const struct {
        const char *name;
        const char *key;
        struct envoy_parts parts;
        const char *status, *reason;
    } rows[] = {
        {"allowed", user_key, {.headers = "x-api-key: $K", .extensions = VOICE}, "OK", "ALLOWED"},
        {"as a bearer token", user_key, {.headers = "authorization: Bearer $K", .extensions = VOICE}, "OK", "ALLOWED"},
        {"in another header", user_key, {.headers = "xi-api-key: $K", .extensions = VOICE}, "OK", "ALLOWED"},
        {"as it is",
         user_key,
         {.headers = "xi-api-key: $K", .raw_headers = "a: \xff\xfe", .extensions = VOICE},
         "OK",
         "ALLOWED"},
        {"without a role",
         user_key,
         {.headers = "x-api-key: $K", .extensions = "resource_type=voice\naction=preview"},
         "OK",
         "ALLOWED"},
        {"in its workspace",
         user_key,
         {.headers = "x-api-key: $K", .extensions = VOICE "\nworkspace=w1"},
         "OK",
         "ALLOWED"},
        {"in another",
         user_key,
         {.headers = "x-api-key: $K", .extensions = VOICE "\nworkspace=w2"},
         "403",
         "WORKSPACE_MISMATCH"},
        {"no key", user_key, {.headers = "accept: a", .extensions = VOICE}, "401", "CREDENTIAL_MISSING"},
        {"two keys",
         user_key,
         {.headers = "x-api-key: $K\nxi-api-key: other", .extensions = VOICE},
         "401",
         "CREDENTIAL_AMBIGUOUS"},
        {"its lines joined", user_key, {.headers = "x-api-key: $K,", .extensions = VOICE}, "OK", "ALLOWED"},
        {"no key for a malformed path",
         user_key,
         {.headers = "accept: a", .method = "GET", .path = "/a//b"},
         "400",
         "REQUEST_MALFORMED"},
        {"no key for a path without a route",
         user_key,
         {.headers = "accept: a", .method = "GET", .path = "/nowhere"},
         "401",
         "CREDENTIAL_MISSING"},
        {"no key of ours", "sp_nonsense", {.headers = "x-api-key: $K", .extensions = VOICE}, "401", "KEY_MALFORMED"},
        {"bytes for a key", "\xff\xfe", {.headers = "x-api-key: $K", .extensions = VOICE}, "401", "KEY_MALFORMED"},
        {"an unknown resource",
         user_key,
         {.headers = "x-api-key: $K", .extensions = "resource_type=voice\nresource_id=v2\naction=use"},
         "403",
         "RESOURCE_UNKNOWN"},
        {"a role too low",
         user_key,
         {.headers = "x-api-key: $K", .extensions = "resource_type=voice\nresource_id=v1\naction=edit"},
         "403",
         "ROLE_TOO_LOW"},
        {"half a set",
         user_key,
         {.headers = "x-api-key: $K", .extensions = "resource_type=voice"},
         "403",
         "ROUTE_UNKNOWN"},
        {"no route",
         user_key,
         {.headers = "x-api-key: $K", .method = "GET", .path = "/nowhere"},
         "403",
         "ROUTE_UNKNOWN"},
        {"no path",
         user_key,
         {.headers = "x-api-key: $K", .method = "CONNECT", .path = ""},
         "400",
         "REQUEST_MALFORMED"},
        {"from its address",
         near_key,
         {.peer = "203.0.113.7", .headers = "x-api-key: $K", .extensions = VOICE},
         "OK",
         "ALLOWED"},
        {"from another",
         near_key,
         {.peer = "198.51.100.66", .headers = "x-api-key: $K", .extensions = VOICE},
         "403",
         "IP_NOT_ALLOWED"},
        {"from nowhere", near_key, {.headers = "x-api-key: $K", .extensions = VOICE}, "403", "IP_NOT_ALLOWED"},
        {"spoofed",
         near_key,
         {.peer = "198.51.100.66", .headers = "x-api-key: $K\nx-forwarded-for: 203.0.113.7", .extensions = VOICE},
         "403",
         "IP_NOT_ALLOWED"},
        {"through a proxy",
         near_key,
         {.peer = "10.0.0.1", .headers = "x-api-key: $K\nx-forwarded-for: 203.0.113.7", .extensions = VOICE},
         "OK",
         "ALLOWED"},
        {"spoofed through a proxy",
         near_key,
         {.peer = "10.0.0.1",
          .headers = "x-api-key: $K\nx-forwarded-for: 203.0.113.7, 198.51.100.66",
          .extensions = VOICE},
         "403",
         "IP_NOT_ALLOWED"},
        {"spoofed in a line of its own",
         near_key,
         {.peer = "10.0.0.1",
          .headers = "x-api-key: $K",
          .raw_headers = "x-forwarded-for: 203.0.113.7\nx-forwarded-for: 198.51.100.66",
          .extensions = VOICE},
         "403",
         "IP_NOT_ALLOWED"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char text[ENVOY_REPLY_TEXT_BYTES], reason[64];
        ask(rows[i].parts, rows[i].key, text);
        snprintf(reason, sizeof(reason), "reason=%s", rows[i].reason);
        if (!has_line(text, rows[i].status) || !has_line(text, reason))
            fail_msg("%s: not %s %s but\n%s", rows[i].name, rows[i].status, rows[i].reason, text);
        assert_null(strstr(text, rows[i].key));
    }
}

static void a_schema_that_is_put_is_in_force_at_once(void **state) {
    (void)state;
    char text[ENVOY_REPLY_TEXT_BYTES], request[8192];
    struct envoy_parts parts = {.headers = "x-api-key: $K", .method = "PUT", .path = "/v9/voices/v1"};
    ask(parts, user_key, text);
    assert_true(has_line(text, "reason=ROUTE_UNKNOWN"));
    size_t used = (size_t)snprintf(request, sizeof(request), "{'yaml': '");
    const char *const yaml[] = {programs_schema, gateway_routes, "  PUT /v9/voices/{id}: use voice/{id}\n"};
    for (size_t i = 0; i < COUNT(yaml); i++)
        for (const char *at = yaml[i]; *at != '\0'; at++)
            used += (size_t)snprintf(request + used, sizeof(request) - used, *at == '\n' ? "\\n" : "%c", *at);
    snprintf(request + used, sizeof(request) - used, "'}");
    operator_ok(&programs, "Admin/PutSchema", "%s", request);
    ask(parts, user_key, text);
    assert_true(has_line(text, "OK"));
}

/* ---- whatever a client can do ---- */

/* The denial's words quote the reasons of core/route.h, and are JSON all the same. */
static void every_refusal_of_a_path_is_told_in_json(void **state) {
    (void)state;
    static const char *const paths[] = {"/a//b",  "/a/../b",
                                        "/a/%2e", "/a\\b",
                                        "/a%5Cb", "/a%2Fb",
                                        "/a;b",   "/a%3Bb",
                                        "/a%25b", "/a%3Fb",
                                        "/a#b",   "/a%",
                                        "/a b",   "/a\"b",
                                        "/a%00",  "/a%ff",
                                        "a",      "*",
                                        "",       "/v1/Previews",
                                        "/a?b c", "/v1/previews/\x7f",
                                        "//",     "/\xc3\xa9"};
    for (size_t i = 0; i < COUNT(paths); i++) {
        char text[ENVOY_REPLY_TEXT_BYTES];
        ask((struct envoy_parts){.headers = "x-api-key: $K", .method = "GET", .path = paths[i]}, user_key, text);
        if (!has_line(text, "reason=REQUEST_MALFORMED"))
            fail_msg("%s:\n%s", paths[i], text);
        char *body = strchr(text, '{');
        assert_non_null(body);
        *strchr(body, '\n') = '\0';
        json_t *json = json_loads(body, JSON_REJECT_DUPLICATES, NULL);
        if (json == NULL)
            fail_msg("%s", body);
        assert_string_equal(json_string_value(json_object_get(json_object_get(json, "detail"), "code")),
                            "request_malformed");
        json_decref(json);
    }
}

static char *repeat(const char *text, size_t times) {
    size_t size = strlen(text);
    char *whole = malloc(size * times + 1);
    assert_non_null(whole);
    for (size_t i = 0; i < times; i++)
        memcpy(whole + size * i, text, size);
    whole[size * times] = '\0';
    return whole;
}

static void long_and_many_parts_are_denied_and_never_an_error(void **state) {
    (void)state;
    char *path = repeat("/a", 100000), *value = repeat("k", 200000), *id = repeat("i", 300);
    char *headers = repeat("x-sallyport-a: b\n", 100);
    char big[220000], extension[512], text[ENVOY_REPLY_TEXT_BYTES];
    headers[strlen(headers) - 1] = '\0';
    snprintf(big, sizeof(big), "x-api-key: %s", value);
    snprintf(extension, sizeof(extension), "resource_type=voice\naction=use\nresource_id=%s", id);
    ask((struct envoy_parts){.method = "GET", .path = path, .headers = "x-api-key: $K"}, user_key, text);
    assert_true(has_line(text, "400"));
    ask((struct envoy_parts){.method = value, .path = "/", .headers = "x-api-key: $K"}, user_key, text);
    assert_true(has_line(text, "400"));
    ask((struct envoy_parts){.headers = big, .extensions = VOICE}, user_key, text);
    assert_true(has_line(text, "reason=KEY_MALFORMED"));
    ask((struct envoy_parts){.headers = headers, .extensions = VOICE}, user_key, text);
    assert_true(has_line(text, "reason=CREDENTIAL_MISSING"));
    ask((struct envoy_parts){.headers = "x-api-key: $K", .extensions = extension}, user_key, text);
    assert_true(has_line(text, "reason=ROUTE_UNKNOWN"));
    free(path);
    free(value);
    free(id);
    free(headers);
}

/* A whole message of a map's empty entries unpacks to far more than a call may use. */
static void a_message_that_takes_too_much_memory_is_denied(void **state) {
    (void)state;
    enum { ENTRIES = 300000, HTTP_BYTES = 2 * ENTRIES };
    static uint8_t message[HTTP_BYTES + 32];
    size_t at = 0;
    static const uint8_t head[] = {0x0a, 0xc8, 0xcf, 0x24, 0x22, 0xc4, 0xcf, 0x24, 0x12, 0xc0, 0xcf, 0x24};
    memcpy(message, head, sizeof(head));
    for (at = sizeof(head); at < sizeof(head) + HTTP_BYTES; at += 2)
        memcpy(message + at, "\x1a\0", 2);
    struct sp_bytes reply;
    char text[ENVOY_REPLY_TEXT_BYTES];
    assert_int_equal(caller_raw(&programs.checker, CHECK, (struct sp_bytes){message, at}, &reply), SP_OK);
    assert_true(envoy_describe(reply, &programs.checker.arena, text));
    assert_true(has_line(text, "400"));
}

static uint64_t random_state;

static unsigned draw(unsigned below) {
    random_state = random_state * 6364136223846793005ULL + 1442695040888963407ULL;
    return (unsigned)((random_state >> 33) % below);
}

static void bytes_that_are_no_message_are_denied_and_never_an_error(void **state) {
    (void)state;
    const char *given = getenv("SP_TEST_SEED");
    uint64_t seed = given != NULL ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
    char headers[256];
    printf("SP_TEST_SEED=%" PRIu64 "\n", seed);
    random_state = seed;
    struct caller *caller = &programs.checker;
    /* With the last letter of its key changed, so that no change of the bytes but undoing it may be
     * allowed. */
    snprintf(headers, sizeof(headers), "x-api-key: %s", user_key);
    headers[strlen(headers) - 1] ^= 1;
    struct envoy_parts parts = {
        .peer = "10.0.0.1", .method = "GET", .path = "/v1/a", .headers = headers, .extensions = VOICE};
    for (unsigned round = 0; round < 2000; round++) {
        uint8_t bytes[1024];
        struct sp_bytes request, reply;
        char text[ENVOY_REPLY_TEXT_BYTES];
        sp_arena_reset(&caller->arena);
        assert_true(envoy_pack(&parts, &caller->arena, &request));
        assert_true(request.size <= sizeof(bytes));
        memcpy(bytes, request.data, request.size);
        for (unsigned i = 0, changes = 1 + draw(4); i < changes; i++)
            bytes[draw((unsigned)request.size)] ^= (uint8_t)(2U << draw(7));
        request = (struct sp_bytes){bytes, draw(4) == 0 ? draw((unsigned)request.size) : request.size};
        if (caller_raw(caller, CHECK, request, &reply) != SP_OK)
            fail_msg("an error instead of a reply: %s", caller->error.message);
        assert_true(envoy_describe(reply, &caller->arena, text));
        assert_false(has_line(text, "OK"));
    }
}

/* ---- the server's own trouble ---- */

/* Said at most once a second, whatever is wrong: it may take a few requests. */
static void a_wrong_gateway_configuration_is_logged(void **state) {
    (void)state;
    char text[ENVOY_REPLY_TEXT_BYTES];
    bool said = false;
    for (time_t end = time(NULL) + 10; !said && time(NULL) < end;) {
        ask((struct envoy_parts){.headers = "x-api-key: $K", .extensions = "resource_type=voice\nactoin=use"}, user_key,
            text);
        assert_true(has_line(text, "reason=ROUTE_UNKNOWN"));
        char *log = process_read(programs.server.err);
        said = strstr(log, "context extension \\\"actoin\\\" is not resource_type, resource_id, action or workspace") !=
               NULL;
        assert_null(strstr(log, user_key));
        free(log);
    }
    assert_true(said);
}

/* What the server wrote, once this is in it. */
static char *wait_for_output(const char *file, const char *text) {
    for (time_t end = time(NULL) + 10; time(NULL) < end;) {
        char *output = process_read(file);
        if (strstr(output, text) != NULL)
            return output;
        free(output);
    }
    fail_msg("\"%s\" never came", text);
    return NULL;
}

static void the_decision_log_has_the_requests_trace_and_no_key(void **state) {
    (void)state;
    static const char trace[] = "4bf92f3577b34da6a3ce929d0e0e4736";
    char text[ENVOY_REPLY_TEXT_BYTES], id[32];
    ask((struct envoy_parts){.headers =
                                 "x-api-key: $K\ntraceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                             .extensions = VOICE},
        user_key, text);
    const char *at = strstr(text, "decision_id=");
    assert_non_null(at);
    snprintf(id, sizeof(id), "%.25s", at + strlen("decision_id="));
    char *log = wait_for_output(programs.server.out, id);
    assert_non_null(strstr(log, trace));
    assert_null(strstr(log, user_key));
    free(log);
    ask((struct envoy_parts){.headers = "accept: a", .extensions = VOICE}, user_key, text);
    free(wait_for_output(programs.server.out, "CREDENTIAL_MISSING"));
}

static void a_damaged_record_is_denied_with_503(void **state) {
    (void)state;
    uint8_t digest[SP_DIGEST_BYTES];
    char text[ENVOY_REPLY_TEXT_BYTES];
    sp_key_digest_from_text(sp_str_from(user_key), digest);
    programs_damage_key(programs.store, digest);
    ask((struct envoy_parts){.headers = "x-api-key: $K", .extensions = VOICE}, user_key, text);
    assert_true(has_line(text, "503"));
    assert_true(has_line(text, "reason=UNAVAILABLE"));
    programs_damage_key(programs.store, digest);
    ask((struct envoy_parts){.headers = "x-api-key: $K", .extensions = VOICE}, user_key, text);
    assert_true(has_line(text, "OK"));
}

/* What a server of its own, with two more arguments, replies to a request with the user's key. */
static void ask_another(const char *store, const char *option, const char *value, const char *key, const char *peer,
                        char ret_text[static ENVOY_REPLY_TEXT_BYTES]) {
    struct process server;
    struct caller caller;
    struct sp_bytes request, reply;
    char target[64], headers[256];
    const char *arguments[] = {"sallyportd", "--store", store, "--listen", "127.0.0.1:0", option, value, NULL};
    process_start(&server, programs.folder, "another", arguments);
    if (strcmp(store, programs.store) == 0)
        process_wait_for(&server, "serving the store");
    snprintf(target, sizeof(target), "127.0.0.1:%d", process_port(&server));
    assert_true(caller_open(&caller, target, ""));
    snprintf(headers, sizeof(headers), "x-api-key: %s", key);
    struct envoy_parts parts = {.peer = peer, .headers = headers, .extensions = VOICE};
    assert_true(envoy_pack(&parts, &caller.arena, &request));
    assert_int_equal(caller_raw(&caller, CHECK, request, &reply), SP_OK);
    assert_true(envoy_describe(reply, &caller.arena, ret_text));
    caller_close(&caller);
    assert_int_equal(process_end(&server, SIGTERM), 0);
}

/* The gateway calls from 127.0.0.1, and says that its client is at 203.0.113.7. */
static void an_address_counts_from_a_trusted_gateway_only(void **state) {
    static const struct {
        const char *peers;
        bool allowed;
    } rows[] = {{"127.0.0.1", true}, {"127.0.0.0/8, uds", true}, {"192.0.2.1", false}, {"uds", false}};
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        char text[ENVOY_REPLY_TEXT_BYTES], file[128];
        ask_another(programs.store, "--trusted-peers", rows[i].peers, near_key, "203.0.113.7", text);
        if (has_line(text, "OK") != rows[i].allowed)
            fail_msg("row %zu: %s", i, text);
        if (rows[i].allowed)
            continue;
        assert_true(has_line(text, "reason=IP_NOT_ALLOWED"));
        snprintf(file, sizeof(file), "%s/another.err", programs.folder);
        free(wait_for_output(file, "the gateway at 127.0.0.1 is not among --trusted-peers"));
    }
}

static void the_plan_of_the_keys_workspace_is_told_where_it_is_wanted(void **state) {
    (void)state;
    char text[ENVOY_REPLY_TEXT_BYTES];
    setenv("SALLYPORTD_PLAN_METADATA", "true", 1);
    ask_another(programs.store, "--log-level", "info", user_key, NULL, text);
    if (!has_line(text, "OK") || !has_line(text, "plan=enterprise"))
        fail_msg("%s", text);
    ask_another(programs.store, "--log-level", "info", near_key, NULL, text);
    assert_true(has_line(text, "403"));
    assert_null(strstr(text, "plan="));
    unsetenv("SALLYPORTD_PLAN_METADATA");
    ask_another(programs.store, "--log-level", "info", user_key, NULL, text);
    assert_true(has_line(text, "OK"));
    assert_null(strstr(text, "plan="));
}

static void a_server_without_its_store_denies_with_503(void **state) {
    (void)state;
    char store[128], text[ENVOY_REPLY_TEXT_BYTES];
    snprintf(store, sizeof(store), "%s/nowhere", programs.folder);
    ask_another(store, "--log-level", "info", user_key, NULL, text);
    assert_true(has_line(text, "503"));
    assert_true(has_line(text, "reason=UNAVAILABLE"));
}

static void a_gateway_without_the_role_is_denied_by_a_reply_too(void **state) {
    (void)state;
    char file[128], text[ENVOY_REPLY_TEXT_BYTES];
    snprintf(file, sizeof(file), "%s/callers.yaml", programs.folder);
    FILE *out = fopen(file, "we");
    assert_non_null(out);
    assert_true(fputs("uri:spiffe://example.org/gateway: check\nplaintext: explain\n", out) >= 0);
    assert_int_equal(fclose(out), 0);
    ask_another(programs.store, "--callers", file, user_key, NULL, text);
    assert_true(has_line(text, "503"));
    assert_null(strstr(text, "workspace="));
    snprintf(file, sizeof(file), "%s/another.err", programs.folder);
    free(wait_for_output(file, "ext_authz: denied the requests of a gateway"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_allowed_request_says_who_it_is),
        cmocka_unit_test(an_id_of_an_identity_provider_reaches_the_upstream_whole),
        cmocka_unit_test(a_route_is_logged_by_its_name),
        cmocka_unit_test(each_reason_denies_with_its_status),
        cmocka_unit_test(a_schema_that_is_put_is_in_force_at_once),
        cmocka_unit_test(every_refusal_of_a_path_is_told_in_json),
        cmocka_unit_test(long_and_many_parts_are_denied_and_never_an_error),
        cmocka_unit_test(a_message_that_takes_too_much_memory_is_denied),
        cmocka_unit_test(bytes_that_are_no_message_are_denied_and_never_an_error),
        cmocka_unit_test(a_wrong_gateway_configuration_is_logged),
        cmocka_unit_test(the_decision_log_has_the_requests_trace_and_no_key),
        cmocka_unit_test(a_damaged_record_is_denied_with_503),
        cmocka_unit_test(an_address_counts_from_a_trusted_gateway_only),
        cmocka_unit_test(the_plan_of_the_keys_workspace_is_told_where_it_is_wanted),
        cmocka_unit_test(a_server_without_its_store_denies_with_503),
        cmocka_unit_test(a_gateway_without_the_role_is_denied_by_a_reply_too),
    };
    return cmocka_run_group_tests_name("ext_authz", tests, make_world, remove_world);
}
