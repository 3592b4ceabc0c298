/* The published AuthZEN scenarios, tests/interop/authzen/cases.json, asked of a real server whose
 * store holds their people and resources. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/authzen.h"

static const char schema[] = "version: 1\n"
                             "types:\n"
                             "  record:\n"
                             "    actions:\n"
                             "      read: {role: viewer}\n"
                             "      write: {role: editor}\n"
                             "      write_archived: {role: admin}\n"
                             "      delete: {role: admin}\n"
                             "      delete_soft: {role: editor}\n"
                             "  todo:\n"
                             "    actions:\n"
                             "      can_read_todos: {role: viewer}\n"
                             "      can_create_todo: {role: editor}\n"
                             "      can_update_todo: {role: editor}\n"
                             "      can_delete_todo: {role: editor}\n"
                             "  user:\n"
                             "    actions:\n"
                             "      can_read_user: {role: viewer}\n"
                             "  route:\n"
                             "    actions:\n"
                             "      read: {role: viewer}\n"
                             "      change: {role: editor}\n";

#define RICK "CiRmZDA2MTRkMy1jMzlhLTQ3ODEtYjdiZC04Yjk2ZjVhNTEwMGQSBWxvY2Fs"
#define MORTY "CiRmZDE2MTRkMy1jMzlhLTQ3ODEtYjdiZC04Yjk2ZjVhNTEwMGQSBWxvY2Fs"
#define SUMMER "CiRmZDI2MTRkMy1jMzlhLTQ3ODEtYjdiZC04Yjk2ZjVhNTEwMGQSBWxvY2Fs"
#define BETH "CiRmZDM2MTRkMy1jMzlhLTQ3ODEtYjdiZC04Yjk2ZjVhNTEwMGQSBWxvY2Fs"
#define JERRY "CiRmZDQ2MTRkMy1jMzlhLTQ3ODEtYjdiZC04Yjk2ZjVhNTEwMGQSBWxvY2Fs"
#define TODO "7240d0db-8ff0-41ec-98b2-34a096273b9"

/* Rick, whose user is the workspace's ADMIN, may do everything. The group of all sees users and
 * lists; editors make entries. */
static const struct {
    const char *type, *id, *subject, *who, *role;
} shares[] = {
    {"record", "record-1", "principal", "alice", "EDITOR"},
    {"record", "record-1", "principal", "bob", "VIEWER"},
    {"record", "record-2", "principal", "bob", "ADMIN"},
    {"todo", "todo-1", "group", "all", "VIEWER"},
    {"todo", "todo-1", "group", "editors", "EDITOR"},
    {"todo", TODO "1", "principal", MORTY, "EDITOR"},
    {"todo", TODO "2", "principal", RICK, "EDITOR"},
    {"todo", TODO "3", "principal", SUMMER, "EDITOR"},
    {"todo", TODO "4", "principal", BETH, "VIEWER"},
    {"todo", TODO "5", "principal", JERRY, "VIEWER"},
    {"route", "/users/{userId}", "group", "all", "VIEWER"},
    {"route", "/todos", "group", "all", "VIEWER"},
    {"route", "/todos", "group", "editors", "EDITOR"},
    {"route", "/todos/{todoId}", "group", "editors", "EDITOR"},
    {"user", "rick@the-citadel.com", "group", "all", "VIEWER"},
    {"user", "morty@the-citadel.com", "group", "all", "VIEWER"},
    {"user", "summer@the-smiths.com", "group", "all", "VIEWER"},
    {"user", "beth@the-smiths.com", "group", "all", "VIEWER"},
    {"user", "jerry@the-smiths.com", "group", "all", "VIEWER"},
};

static struct programs programs;
static int port;

static void fill_store(void) {
    static const char *const users[] = {MORTY, SUMMER, BETH, JERRY, "alice", "bob"};
    struct caller admin;
    operator_ok(&programs, "Admin/CreateWorkspace",
                "{'id': 'citadel', 'name': 'Citadel', 'seats': 100, 'adminId': '%s'}", RICK);
    char key[PROGRAMS_KEY_BYTES];
    snprintf(key, sizeof(key), "%s", caller_text(&programs.operator_caller, "secret"));
    assert_true(caller_open(&admin, programs.sync_target, key));
    for (size_t i = 0; i < sizeof(users) / sizeof(*users); i++)
        caller_ok(&admin, "Admin/CreateUser", "{'id': '%s', 'name': 'A user'}", users[i]);
    caller_ok(&admin, "Admin/CreateGroup", "{'id': 'all', 'name': 'All'}");
    caller_ok(&admin, "Admin/CreateGroup", "{'id': 'editors', 'name': 'Editors'}");
    caller_ok(&admin, "Admin/AddGroupMembers", "{'group': 'all', 'principals': ['%s', '%s', '%s', '%s', '%s']}", RICK,
              MORTY, SUMMER, BETH, JERRY);
    caller_ok(&admin, "Admin/AddGroupMembers", "{'group': 'editors', 'principals': ['%s', '%s', '%s']}", RICK, MORTY,
              SUMMER);
    for (size_t i = 0; i < sizeof(shares) / sizeof(*shares); i++) {
        if (i == 0 || strcmp(shares[i].id, shares[i - 1].id) != 0)
            operator_ok(&programs, "Admin/RegisterResource",
                        "{'workspace': 'citadel', 'resource': {'type': '%s', 'id': '%s'}}", shares[i].type,
                        shares[i].id);
        caller_ok(&admin, "Admin/ShareResource",
                  "{'resource': {'type': '%s', 'id': '%s'}, 'subject': {'%s': '%s'}, 'role': 'ROLE_%s'}",
                  shares[i].type, shares[i].id, shares[i].subject, shares[i].who, shares[i].role);
    }
    caller_close(&admin);
}

static int make_world(void **state) {
    (void)state;
    sp_rpc_global_init();
    setenv("SALLYPORTD_AUTHZEN_WORKSPACE", "citadel", 1);
    setenv("SALLYPORTD_AUTHZEN_PROPERTIES", "action.soft,resource.status", 1);
    setenv("SALLYPORTD_AUTHZEN_SUBJECT_TYPES", "identity=user", 1);
    setenv("SALLYPORTD_AUTHZEN_ACTIONS", "GET=read,POST=change,PUT=change,DELETE=change", 1);
    programs_start_with(&programs, schema);
    port = authzen_port(&programs.server);
    fill_store();
    return 0;
}

static int remove_world(void **state) {
    (void)state;
    programs_stop(&programs);
    sp_rpc_global_fini();
    return 0;
}

/* ---- */

static const char *text_of(const json_t *row, const char *name) {
    return json_string_value(json_object_get(row, name));
}

static void post(const json_t *row, const char *body, struct authzen_reply *ret_reply) {
    struct authzen_request request = {
        .path = text_of(row, "path"), .body = body, .content_type = text_of(row, "content_type")};
    authzen_post(port, &request, ret_reply);
    const json_t *status = json_object_get(row, "status");
    int wanted = status == NULL ? 200 : (int)json_integer_value(status);
    if (ret_reply->http.status != wanted)
        fail_msg("%s: %d: %s", text_of(row, "case"), ret_reply->http.status, ret_reply->http.body);
    assert_non_null(ret_reply->json);
    assert_string_equal(http_reply_header(&ret_reply->http, "Content-Type"), "application/json");
}

/* The pages after the first, asked for with nothing but the token. */
static size_t count_pages(const json_t *row, const json_t *first) {
    size_t results = json_array_size(json_object_get(first, "results"));
    char *token = strdup(text_of(json_object_get(first, "page"), "next_token"));
    for (int i = 0; i < 100 && token[0] != '\0'; i++) {
        json_t *next = json_deep_copy(json_object_get(row, "request"));
        assert_int_equal(json_object_set_new(next, "page", json_pack("{s:s}", "token", token)), 0);
        char *body = json_dumps(next, 0);
        struct authzen_reply reply;
        post(row, body, &reply);
        free(body);
        free(token);
        json_decref(next);
        results += json_array_size(json_object_get(reply.json, "results"));
        token = strdup(text_of(json_object_get(reply.json, "page"), "next_token"));
        authzen_reply_fini(&reply);
    }
    assert_string_equal(token, "");
    free(token);
    return results;
}

static size_t count_whole(const json_t *row) {
    json_t *whole = json_deep_copy(json_object_get(row, "request"));
    assert_int_equal(json_object_del(whole, "page"), 0);
    char *body = json_dumps(whole, 0);
    struct authzen_reply reply;
    post(row, body, &reply);
    size_t results = json_array_size(json_object_get(reply.json, "results"));
    free(body);
    json_decref(whole);
    authzen_reply_fini(&reply);
    return results;
}

static void ask_once(const json_t *row) {
    const json_t *request = json_object_get(row, "request"), *expect = json_object_get(row, "expect"),
                 *has = json_object_get(row, "has");
    char *body = request != NULL ? json_dumps(request, 0) : strdup(text_of(row, "body"));
    struct authzen_reply reply;
    post(row, body, &reply);
    if (expect != NULL && !json_holds(reply.json, expect, false))
        fail_msg("%s: %s", text_of(row, "case"), reply.http.body);
    if (has != NULL && !json_holds(reply.json, has, true))
        fail_msg("%s: %s", text_of(row, "case"), reply.http.body);
    if (json_is_true(json_object_get(row, "pages")))
        assert_int_equal(count_pages(row, reply.json), count_whole(row));
    free(body);
    authzen_reply_fini(&reply);
}

/* The same request has the same answer. */
static void ask(void **state) {
    ask_once(*state);
    ask_once(*state);
}

int main(void) {
    char path[512];
    const char *source = getenv("SP_SOURCE_DIR");
    json_error_t error;
    snprintf(path, sizeof(path), "%s/tests/interop/authzen/cases.json", source != NULL ? source : ".");
    json_t *cases = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
    if (cases == NULL || json_array_size(cases) < 100) {
        (void)fprintf(stderr, "%s: %s\n", path, error.text);
        return 1;
    }
    size_t count = json_array_size(cases);
    struct CMUnitTest *tests = calloc(count, sizeof(*tests));
    for (size_t i = 0; tests != NULL && i < count; i++)
        tests[i] = (struct CMUnitTest){.name = text_of(json_array_get(cases, i), "case"),
                                       .test_func = ask,
                                       .initial_state = json_array_get(cases, i)};
    int failed = tests == NULL ? 1 : _cmocka_run_group_tests("cases", tests, count, make_world, remove_world);
    free(tests);
    json_decref(cases);
    return failed == 0 ? 0 : 1;
}
