/* The admin API and Authorization as JSON over HTTP, by the Connect protocol, of both real
 * programs: the rotation story, and that what holds for gRPC holds here. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "support/authzen.h"
#include "support/http_client.h"
#include "support/metrics_page.h"
#include "support/programs.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { PATH_BYTES = 128, BODY_BYTES = 2048, FRAME_HEAD_BYTES = 5 };

static struct programs programs;
static int admin_port, check_port;
static char boss_key[PROGRAMS_KEY_BYTES];
static char headers[256]; /* of the key that acts */

static void act_with(const char *key) {
    snprintf(headers, sizeof(headers), "Authorization: Bearer %s\r\n", key);
}

static int make_world(void **state) {
    (void)state;
    programs_start(&programs, NULL);
    admin_port = http_port(&programs.sync);
    check_port = http_port(&programs.server);
    programs_workspace(&programs, "acme", boss_key);
    act_with(boss_key);
    return 0;
}

static int remove_world(void **state) {
    (void)state;
    programs_stop(&programs);
    return 0;
}

/* ---- asking ---- */

static void spell(const char *format, va_list values, char *ret_body) {
    int size = vsnprintf(ret_body, BODY_BYTES, format, values);
    assert_in_range(size, 0, BODY_BYTES - 1);
    for (char *at = ret_body; *at != '\0'; at++)
        if (*at == '\'')
            *at = '"';
}

static void post(int port, const char *method, const char *body, struct authzen_reply *ret_reply) {
    char path[PATH_BYTES];
    snprintf(path, sizeof(path), "/sallyport.v1.%s", method);
    const struct authzen_request request = {.path = path, .body = body, .headers = headers};
    authzen_post(port, &request, ret_reply);
    assert_non_null(ret_reply->json);
}

/* Single quotes stand for double ones, in both. The reply must hold the part. */
static void expect(int port, const char *method, int status, const char *part, const char *format, ...) SP_PRINTF(5, 6);
static void expect(int port, const char *method, int status, const char *part, const char *format, ...) {
    char body[BODY_BYTES], wanted[BODY_BYTES];
    struct authzen_reply reply;
    va_list values;
    va_start(values, format);
    spell(format, values, body);
    va_end(values);
    snprintf(wanted, sizeof(wanted), "%s", part);
    for (char *at = wanted; *at != '\0'; at++)
        if (*at == '\'')
            *at = '"';
    post(port, method, body, &reply);
    json_t *holds = json_loads(wanted, 0, NULL);
    assert_non_null(holds);
    if (reply.http.status != status || !json_holds(reply.json, holds, true))
        fail_msg("%s %s: %d %s", method, body, reply.http.status, reply.http.body);
    json_decref(holds);
    authzen_reply_fini(&reply);
}

/* The secret of a new or rotated key, and its id. */
static void take_key(const char *method, char ret_key[static PROGRAMS_KEY_BYTES],
                     char ret_id[static PROGRAMS_KEY_BYTES], const char *format, ...) SP_PRINTF(4, 5);
static void take_key(const char *method, char ret_key[static PROGRAMS_KEY_BYTES],
                     char ret_id[static PROGRAMS_KEY_BYTES], const char *format, ...) {
    char body[BODY_BYTES];
    struct authzen_reply reply;
    va_list values;
    va_start(values, format);
    spell(format, values, body);
    va_end(values);
    post(admin_port, method, body, &reply);
    if (reply.http.status != 200)
        fail_msg("%s: %s", method, reply.http.body);
    snprintf(ret_key, PROGRAMS_KEY_BYTES, "%s", json_string_value(json_object_get(reply.json, "secret")));
    snprintf(ret_id, PROGRAMS_KEY_BYTES, "%s",
             json_string_value(json_object_get(json_object_get(reply.json, "apiKey"), "id")));
    authzen_reply_fini(&reply);
}

#define CHECK_BODY "{'apiKey': '%s', 'ip': '203.0.113.7', 'resource': {'type': 'voice', 'id': 'v1'}, 'action': 'use'}"
#define ALLOWED "{'decision': 'ALLOW', 'reason': 'ALLOWED', 'httpStatus': 200}"

/* ---- the story ---- */

static void a_service_account_key_is_rotated_without_a_lost_call(void **state) {
    char first[PROGRAMS_KEY_BYTES], second[PROGRAMS_KEY_BYTES];
    char first_id[PROGRAMS_KEY_BYTES], second_id[PROGRAMS_KEY_BYTES];
    (void)state;
    expect(admin_port, "Admin/CreateServiceAccount", 200, "{'principal': {'id': 'robot'}}",
           "{'id': 'robot', 'name': 'Robot'}");
    expect(admin_port, "Admin/CreateGroup", 200, "{'group': {'id': 'readers'}}",
           "{'id': 'readers', 'name': 'Readers'}");
    expect(admin_port, "Admin/AddGroupMembers", 200, "{}", "{'group': 'readers', 'principals': ['robot']}");
    operator_ok(&programs, "Admin/RegisterResource", "{'workspace':'acme','resource':{'type':'voice','id':'v1'}}");
    expect(admin_port, "Admin/ShareResource", 200, "{}",
           "{'resource': {'type': 'voice', 'id': 'v1'}, 'subject': {'group': 'readers'}, 'role': 'ROLE_VIEWER'}");
    take_key("Admin/CreateApiKey", first, first_id,
             "{'principal': 'robot', 'name': 'first', 'permissions': {'all': true}}");
    expect(check_port, "Authorization/Check", 200, ALLOWED, CHECK_BODY, first);
    take_key("Admin/RotateApiKey", second, second_id, "{'id': '%s'}", first_id);
    expect(check_port, "Authorization/Check", 200, ALLOWED, CHECK_BODY, first);
    expect(check_port, "Authorization/Check", 200, ALLOWED, CHECK_BODY, second);
    expect(admin_port, "Admin/DeleteApiKey", 200, "{}", "{'id': '%s'}", first_id);
    expect(check_port, "Authorization/Check", 200, "{'reason': 'KEY_UNKNOWN', 'httpStatus': 401}", CHECK_BODY, first);
    expect(check_port, "Authorization/Check", 200, ALLOWED, CHECK_BODY, second);
    expect(check_port, "Authorization/CheckBatch", 200, "{'results': [" ALLOWED "]}",
           "{'apiKey': '%s', 'items': [{'resource': {'type': 'voice', 'id': 'v1'}, 'action': 'use'}]}", second);
    expect(check_port, "Authorization/Explain", 200, "{'answer': " ALLOWED "}", "{'check': " CHECK_BODY "}", second);
}

/* ---- the same as over gRPC ---- */

static void answers_hold_what_grpc_answers(void **state) {
    struct authzen_reply reply;
    (void)state;
    assert_int_equal(caller_call(&programs.operator_caller, "Admin/GetPrincipal", "{'workspace':'acme','id':'robot'}"),
                     SP_OK);
    post(admin_port, "Admin/GetPrincipal", "{\"id\":\"robot\"}", &reply);
    assert_true(json_holds(programs.operator_caller.reply, reply.json, false));
    assert_true(json_object_size(reply.json) > 2);
    authzen_reply_fini(&reply);
}

static const struct {
    const char *method, *body;
    int status;
    const char *code, *message; /* the beginning of it */
} mistakes[] = {
    {"CreateGroup", "{'id': 'a', 'nmae': 'b'}", 400, "invalid_argument", "nmae: no such field"},
    {"CreateGroup", "{'id': 'not an id', 'name': 'a'}", 400, "invalid_argument", "id: "},
    {"CreateGroup", "{'id': 7}", 400, "invalid_argument", "id: must be a string"},
    {"CreateGroup", "{'id': 'readers', 'name': 'a'}", 409, "already_exists", ""},
    {"GetGroup", "{'id': 'nobody'}", 404, "not_found", ""},
    {"GetWorkspace", "{'workspace': 'another'}", 404, "not_found", ""},
    {"CreateWorkspace", "{'id': 'another'}", 403, "permission_denied", ""},
    {"UpdateShares", "{'updates': [{}, {'role': 'ROLE_OF_NOBODY'}]}", 400, "invalid_argument",
     "updates[1].role: must be"},
    {"ListApiKeys", "{'pageSize': -1}", 400, "invalid_argument", "pageSize: number out of range"},
    {"ListApiKeys", "{'page_size': 1, 'pageSize': 1}", 400, "invalid_argument", "page"},
    {"CreateApiKey",
     "{'principal': 'robot', 'name': 'a', 'permissions': {'all': true}, 'allowedIps': {'entries': ['10.1.2.3']}}", 400,
     "invalid_argument", "allowed_ips[0]: 10.1.2.3/32 is in"},
};

static void mistakes_get_their_code_and_name_the_field(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(mistakes); i++) {
        char method[PATH_BYTES], body[BODY_BYTES];
        struct authzen_reply reply;
        snprintf(method, sizeof(method), "Admin/%s", mistakes[i].method);
        snprintf(body, sizeof(body), "%s", mistakes[i].body);
        for (char *at = body; *at != '\0'; at++)
            if (*at == '\'')
                *at = '"';
        post(admin_port, method, body, &reply);
        const char *code = json_string_value(json_object_get(reply.json, "code"));
        const char *message = json_string_value(json_object_get(reply.json, "message"));
        if (reply.http.status != mistakes[i].status || code == NULL || strcmp(code, mistakes[i].code) != 0 ||
            message == NULL || strncmp(message, mistakes[i].message, strlen(mistakes[i].message)) != 0)
            fail_msg("%s %s: %d %s", method, body, reply.http.status, reply.http.body);
        authzen_reply_fini(&reply);
    }
}

static void a_request_id_holds_over_both_ways_in(void **state) {
    struct caller boss;
    (void)state;
    expect(admin_port, "Admin/CreateGroup", 200, "{'group': {'id': 'once'}}",
           "{'id':'once','name':'a','requestId':'r1'}");
    expect(admin_port, "Admin/CreateGroup", 200, "{'group': {'id': 'once'}}",
           "{'id':'once','name':'a','request_id':'r1'}");
    assert_true(caller_open(&boss, programs.sync_target, boss_key));
    assert_int_equal(caller_call(&boss, "Admin/CreateGroup", "{'id':'once','name':'a','request_id':'r1'}"), SP_OK);
    assert_int_equal(caller_call(&boss, "Admin/CreateGroup", "{'id':'twice','name':'a','request_id':'r1'}"),
                     SP_ERR_INVALID);
    caller_close(&boss);
}

static void keys_are_found_in_either_header_and_not_in_two(void **state) {
    (void)state;
    snprintf(headers, sizeof(headers), "X-API-Key: %s\r\n", boss_key);
    expect(admin_port, "Admin/WhoAmI", 200, "{'workspace': {'id': 'acme'}}", "{}");
    headers[0] = '\0';
    expect(admin_port, "Admin/WhoAmI", 401, "{'code': 'unauthenticated'}", "{}");
    snprintf(headers, sizeof(headers), "X-API-Key: %s\r\nAuthorization: Bearer %s\r\n", boss_key,
             programs.operator_key);
    expect(admin_port, "Admin/WhoAmI", 401, "{'code': 'unauthenticated'}", "{}");
    act_with(boss_key);
}

/* What is no JSON shows whether it was read. */
static void a_large_request_is_not_read_for_who_may_not_make_it(void **state) {
    char body[32 * 1024], key[PROGRAMS_KEY_BYTES], id[PROGRAMS_KEY_BYTES];
    struct authzen_reply reply;
    (void)state;
    memset(body, '[', sizeof(body) - 1);
    body[sizeof(body) - 1] = '\0';
    expect(admin_port, "Admin/CreateServiceAccount", 200, "{}", "{'id': 'plain', 'name': 'Plain'}");
    take_key("Admin/CreateApiKey", key, id, "{'principal': 'plain', 'name': 'k', 'permissions': {'all': true}}");
    act_with(key);
    post(admin_port, "Admin/ApplyPolicy", body, &reply);
    assert_int_equal(reply.http.status, 403);
    assert_non_null(strstr(reply.http.body, "ApplyPolicy requires the key of an ADMIN user"));
    authzen_reply_fini(&reply);
    act_with(boss_key);
    post(admin_port, "Admin/ApplyPolicy", body, &reply);
    assert_int_equal(reply.http.status, 400);
    authzen_reply_fini(&reply);
}

static void changes_are_in_the_audit_trail_with_the_address(void **state) {
    (void)state;
    expect(admin_port, "Admin/CreateGroup", 200, "{}", "{'id': 'audited', 'name': 'a'}");
    expect(admin_port, "Admin/ListChanges", 200,
           "{'changes': [{'method': 'CreateGroup', 'address': '127.0.0.1', 'workspace': 'acme'}]}",
           "{'pageSize': 1000}");
}

static void metrics_count_calls_of_both_ways_in(void **state) {
    static const char calls[] = "sallyport_admin_calls_total{method=\"GetGroup\",outcome=\"ok\"}";
    static const char checks[] =
        "sallyport_decisions_total{decision=\"deny\",reason=\"KEY_MALFORMED\",transport=\"check\"}";
    (void)state;
    char *page = scrape(&programs.sync);
    double before = sample(page, calls);
    free(page);
    expect(admin_port, "Admin/GetGroup", 200, "{'id': 'readers'}", "{'id': 'readers'}");
    page = scrape(&programs.sync);
    assert_true(sample(page, calls) == (before < 0 ? 0 : before) + 1);
    free(page);
    page = scrape(&programs.server);
    before = sample(page, checks);
    free(page);
    expect(check_port, "Authorization/Check", 200, "{'reason': 'KEY_MALFORMED'}", CHECK_BODY, "nonsense");
    page = scrape(&programs.server);
    assert_true(sample(page, checks) == (before < 0 ? 0 : before) + 1);
    free(page);
}

static void a_check_waits_for_its_revision(void **state) {
    (void)state;
    expect(check_port, "Authorization/Check", 503, "{'code': 'unavailable'}",
           "{'apiKey': 'x', 'action': 'use', 'resource': {'type': 'voice'}, 'minRevision': {'epoch': '1', 'number': "
           "1000000}}");
}

static void a_page_of_another_name_is_refused(void **state) {
    struct http_reply reply;
    char request[512];
    const int ports[] = {admin_port, check_port};
    (void)state;
    for (size_t i = 0; i < COUNT(ports); i++) {
        int fd = http_connect(ports[i]);
        snprintf(request, sizeof(request),
                 "POST /sallyport.v1.%s HTTP/1.1\r\nHost: rebound.example\r\nContent-Type: application/json\r\n"
                 "Content-Length: 2\r\n\r\n{}",
                 i == 0 ? "Admin/WhoAmI" : "Authorization/Check");
        http_ask(fd, request);
        http_read(fd, false, &reply);
        assert_int_equal(reply.status, 400);
        assert_non_null(strstr(reply.body, "names another server"));
        http_reply_fini(&reply);
        close(fd);
    }
}

/* Whatever it is: 401 comes before its text is looked at. */
static void a_large_request_without_a_key_is_not_read(void **state) {
    enum { BYTES = 100000 };
    struct authzen_reply reply;
    char *body = malloc(BYTES + 1);
    (void)state;
    assert_non_null(body);
    memset(body, '[', BYTES);
    body[BYTES] = '\0';
    headers[0] = '\0';
    post(admin_port, "Admin/UpdateShares", body, &reply);
    assert_int_equal(reply.http.status, 401);
    authzen_reply_fini(&reply);
    act_with(boss_key);
    post(admin_port, "Admin/UpdateShares", body, &reply);
    assert_int_equal(reply.http.status, 400);
    authzen_reply_fini(&reply);
    free(body);
}

/* ---- streams ---- */

/* A frame's message; the text ends at `size`. */
static json_t *take_frame(const struct http_reply *reply, size_t *at, unsigned *ret_flags) {
    assert_true(reply->body_size - *at >= FRAME_HEAD_BYTES);
    const uint8_t *head = (const uint8_t *)reply->body + *at;
    size_t size = sp_load_be32(head + 1);
    *ret_flags = head[0];
    *at += FRAME_HEAD_BYTES;
    assert_true(size <= reply->body_size - *at);
    json_t *json = json_loadb(reply->body + *at, size, 0, NULL);
    assert_non_null(json);
    *at += size;
    return json;
}

/* Posts one message. */
static int send_stream(int port, const char *method, const char *more, const char *body) {
    char head[1024];
    uint8_t frame[FRAME_HEAD_BYTES] = {0};
    sp_store_be32(frame + 1, (uint32_t)strlen(body));
    int fd = http_connect(port);
    snprintf(head, sizeof(head),
             "POST /sallyport.v1.%s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/connect+json\r\n%s%s"
             "Content-Length: %zu\r\nConnection: close\r\n\r\n",
             method, headers, more, sizeof(frame) + strlen(body));
    http_ask(fd, head);
    http_send(fd, (const char *)frame, sizeof(frame));
    http_ask(fd, body);
    return fd;
}

static void post_stream(int port, const char *method, const char *more, const char *body,
                        struct http_reply *ret_reply) {
    int fd = send_stream(port, method, more, body);
    http_read(fd, false, ret_reply);
    close(fd);
}

/* The streams of a reply end with {}, or with an error of this code. */
static void expect_end(json_t *end, unsigned flags, const char *code) {
    assert_int_equal(flags, 2);
    const char *found = json_string_value(json_object_get(json_object_get(end, "error"), "code"));
    if (code == NULL)
        assert_null(found);
    else
        assert_string_equal(found, code);
    json_decref(end);
}

static void changes_are_watched_as_they_come(void **state) {
    struct http_reply reply;
    unsigned flags = 0;
    size_t at = 0;
    bool created = false;
    (void)state;
    post_stream(admin_port, "Admin/WatchChanges", "Connect-Timeout-Ms: 1000\r\n", "{\"fromOldest\":true}", &reply);
    assert_int_equal(reply.status, 200);
    json_t *json = take_frame(&reply, &at, &flags);
    for (; flags == 0; json = take_frame(&reply, &at, &flags)) {
        created |= strcmp(json_string_value(json_object_get(json, "method")), "CreateServiceAccount") == 0;
        json_decref(json);
    }
    assert_true(created);
    expect_end(json, flags, "deadline_exceeded");
    http_reply_fini(&reply);
}

static void a_watch_without_a_key_ends_at_once(void **state) {
    struct http_reply reply;
    unsigned flags = 0;
    size_t at = 0;
    (void)state;
    headers[0] = '\0';
    post_stream(admin_port, "Admin/WatchChanges", "", "{}", &reply);
    json_t *json = take_frame(&reply, &at, &flags);
    expect_end(json, flags, "unauthenticated");
    http_reply_fini(&reply);
    act_with(boss_key);
}

static void resources_and_subjects_are_listed(void **state) {
    static const char *const asks[][2] = {
        {"Authorization/ListResources",
         "{\"principal\":{\"workspace\":\"acme\",\"id\":\"robot\"},\"type\":\"voice\",\"action\":\"use\"}"},
        {"Authorization/ListSubjects",
         "{\"workspace\":\"acme\",\"resource\":{\"type\":\"voice\",\"id\":\"v1\"},\"action\":\"use\"}"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(asks); i++) {
        struct http_reply reply;
        unsigned flags = 0;
        size_t at = 0;
        post_stream(check_port, asks[i][0], "", asks[i][1], &reply);
        json_t *json = take_frame(&reply, &at, &flags);
        if (flags != 0)
            fail_msg("%s: %s", asks[i][0], reply.body + FRAME_HEAD_BYTES);
        char *text = json_dumps(json, 0);
        assert_non_null(strstr(text, i == 0 ? "\"v1\"" : "\"robot\""));
        assert_true(json_is_true(json_object_get(json, "complete")));
        free(text);
        json_decref(json);
        json = take_frame(&reply, &at, &flags);
        expect_end(json, flags, NULL);
        http_reply_fini(&reply);
    }
}

static void an_operator_takes_a_backup(void **state) {
    struct http_reply reply;
    unsigned flags = 0;
    size_t at = 0, bytes = 0;
    (void)state;
    act_with(programs.operator_key);
    int fd = send_stream(admin_port, "Admin/Backup", "", "{}");
    http_read_backup(fd, &reply);
    close(fd);
    json_t *json = take_frame(&reply, &at, &flags);
    for (; flags == 0; json = take_frame(&reply, &at, &flags)) {
        const char *data = json_string_value(json_object_get(json, "data"));
        bytes += data == NULL ? 0 : strlen(data) / 4 * 3;
        json_decref(json);
    }
    expect_end(json, flags, NULL);
    assert_true(bytes > 4096);
    http_reply_fini(&reply);
    act_with(boss_key);
}

static void both_programs_describe_themselves(void **state) {
    const int ports[] = {admin_port, check_port};
    (void)state;
    for (size_t i = 0; i < COUNT(ports); i++) {
        struct http_reply reply;
        http_get(ports[i], "/openapi.json", &reply);
        assert_int_equal(reply.status, 200);
        assert_non_null(
            strstr(reply.body, i == 0 ? "/sallyport.v1.Admin/CreateApiKey" : "/sallyport.v1.Authorization/Check"));
        http_reply_fini(&reply);
    }
}

/* ---- other settings ---- */

static void behind_a_proxy_the_client_s_address_counts(void **state) {
    (void)state;
    assert_int_equal(process_end(&programs.sync, SIGTERM), 0);
    setenv("SALLYPORT_SYNC_TRUSTED_HOPS", "1", 1);
    setenv("SALLYPORT_SYNC_TRUSTED_PEERS", "127.0.0.1", 1);
    programs_start_sync(&programs);
    unsetenv("SALLYPORT_SYNC_TRUSTED_HOPS");
    unsetenv("SALLYPORT_SYNC_TRUSTED_PEERS");
    admin_port = http_port(&programs.sync);
    act_with(boss_key);
    size_t used = strlen(headers);
    snprintf(headers + used, sizeof(headers) - used, "X-Forwarded-For: 192.0.2.1, 203.0.113.9\r\n");
    expect(admin_port, "Admin/WhoAmI", 200, "{'address': '203.0.113.9'}", "{}");
    act_with(boss_key);
}

static void write_line(const char *name, const char *text, char ret_path[static PATH_BYTES]) {
    snprintf(ret_path, PATH_BYTES, "%s/%s", programs.folder, name);
    FILE *out = fopen(ret_path, "we");
    assert_non_null(out);
    assert_true(fputs(text, out) >= 0);
    assert_int_equal(fclose(out), 0);
}

static void callers_need_their_role(void **state) {
    static const char token[] = "a-token-of-the-test-1234567890";
    char token_file[PATH_BYTES], callers[PATH_BYTES], line[2 * PATH_BYTES];
    struct process server;
    const char *arguments[] = {"sallyportd",  "--store",   programs.store, "--listen",
                               "127.0.0.1:0", "--callers", callers,        NULL};
    (void)state;
    write_line("token", token, token_file);
    snprintf(line, sizeof(line), "token:%s: check\n", token_file);
    write_line("callers.yaml", line, callers);
    process_start(&server, programs.folder, "roles", arguments);
    int port = http_port(&server);
    process_wait_for(&server, "serving the store");
    headers[0] = '\0';
    expect(port, "Authorization/Check", 401, "{'code': 'unauthenticated'}", CHECK_BODY, "x");
    act_with(token);
    expect(port, "Authorization/Check", 200, "{'reason': 'KEY_MALFORMED'}", CHECK_BODY, "x");
    expect(port, "Authorization/Explain", 403, "{'code': 'permission_denied'}", "{'check': {}}");
    act_with(boss_key);
    assert_int_equal(process_end(&server, SIGTERM), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_service_account_key_is_rotated_without_a_lost_call),
        cmocka_unit_test(answers_hold_what_grpc_answers),
        cmocka_unit_test(mistakes_get_their_code_and_name_the_field),
        cmocka_unit_test(a_request_id_holds_over_both_ways_in),
        cmocka_unit_test(keys_are_found_in_either_header_and_not_in_two),
        cmocka_unit_test(a_large_request_is_not_read_for_who_may_not_make_it),
        cmocka_unit_test(changes_are_in_the_audit_trail_with_the_address),
        cmocka_unit_test(metrics_count_calls_of_both_ways_in),
        cmocka_unit_test(a_check_waits_for_its_revision),
        cmocka_unit_test(a_page_of_another_name_is_refused),
        cmocka_unit_test(a_large_request_without_a_key_is_not_read),
        cmocka_unit_test(changes_are_watched_as_they_come),
        cmocka_unit_test(a_watch_without_a_key_ends_at_once),
        cmocka_unit_test(resources_and_subjects_are_listed),
        cmocka_unit_test(an_operator_takes_a_backup),
        cmocka_unit_test(both_programs_describe_themselves),
        cmocka_unit_test(callers_need_their_role),
        cmocka_unit_test(behind_a_proxy_the_client_s_address_counts),
    };
    return cmocka_run_group_tests(tests, make_world, remove_world) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
