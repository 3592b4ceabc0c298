/* The world that test_authzen.c and test_authzen_own.c ask about, and their tables' way of asking:
 * an expected part of each reply, with single quotes for double ones. */
#ifndef TESTS_PROGRAMS_AUTHZEN_WORLD_H
#define TESTS_PROGRAMS_AUTHZEN_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/digest.h"
#include "support/authzen.h"

static const char authzen_schema[] = "version: 1\n"
                                     "permissions:\n"
                                     "  speak: Speak\n"
                                     "types:\n"
                                     "  voice:\n"
                                     "    actions:\n"
                                     "      use: {permission: speak, role: viewer}\n"
                                     "      edit: {role: editor}\n"
                                     "      delete: {role: admin}\n"
                                     "      delete_soft: {role: editor}\n"
                                     "      delete_locked: {role: admin}\n"
                                     "  note:\n"
                                     "    ids: workspace\n"
                                     "    actions:\n"
                                     "      read: {role: viewer}\n";

#define URL "https://pdp.example.com/tenant1"
enum { VOICES = 120 };

static struct programs programs;
static int port;
static char robot_key[PROGRAMS_KEY_BYTES], near_key[PROGRAMS_KEY_BYTES], mute_key[PROGRAMS_KEY_BYTES];
static char robot_sha256[80];

static inline void name_sha256(const char *key) {
    uint8_t digest[SP_DIGEST_BYTES];
    size_t at = (size_t)snprintf(robot_sha256, sizeof(robot_sha256), "sha256:");
    sp_sha256(key, strlen(key), digest);
    for (size_t i = 0; i < SP_DIGEST_BYTES; i++)
        at += (size_t)snprintf(robot_sha256 + at, sizeof(robot_sha256) - at, i % 2 == 0 ? "%02x" : "%02X", digest[i]);
}

static inline void make_key(struct caller *admin, const char *id, const char *rest,
                            char ret_key[static PROGRAMS_KEY_BYTES]) {
    caller_ok(admin, "Admin/CreateApiKey", "{'principal': 'robot', 'id': '%s', 'name': 'key', %s}", id, rest);
    snprintf(ret_key, PROGRAMS_KEY_BYTES, "%s", caller_text(admin, "secret"));
}

/* Workspace acme: "boss" is its ADMIN, ann and the service account robot are members. Voices v000
 * to v119: robot may edit each by its group, ann use v000. */
static inline void fill_store(void) {
    struct caller admin;
    char key[PROGRAMS_KEY_BYTES];
    operator_ok(&programs, "Admin/CreateWorkspace",
                "{'id': 'acme', 'name': 'Acme', 'seats': 100, 'plan': 'PLAN_ENTERPRISE', 'features': "
                "['FEATURE_IP_ALLOWLIST'], 'adminId': 'boss'}");
    snprintf(key, sizeof(key), "%s", caller_text(&programs.operator_caller, "secret"));
    programs_workspace(&programs, "other", mute_key);
    assert_true(caller_open(&admin, programs.sync_target, key));
    caller_ok(&admin, "Admin/CreateUser", "{'id': 'ann', 'name': 'Ann'}");
    caller_ok(&admin, "Admin/CreateServiceAccount", "{'id': 'robot', 'name': 'Robot'}");
    caller_ok(&admin, "Admin/CreateGroup", "{'id': 'team', 'name': 'Team'}");
    caller_ok(&admin, "Admin/AddGroupMembers", "{'group': 'team', 'principals': ['robot']}");
    make_key(&admin, "robot-key", "'permissions': {'all': true}", robot_key);
    make_key(&admin, "near-key", "'permissions': {'all': true}, 'allowedIps': {'entries': ['203.0.113.0/24']}",
             near_key);
    make_key(&admin, "mute-key", "'permissions': {'names': ['workspace_read']}", mute_key);
    name_sha256(robot_key);
    for (int i = 0; i < VOICES; i++) {
        operator_ok(&programs, "Admin/RegisterResource",
                    "{'workspace': 'acme', 'resource': {'type': 'voice', 'id': 'v%03d'}}", i);
        caller_ok(&admin, "Admin/ShareResource",
                  "{'resource': {'type': 'voice', 'id': 'v%03d'}, 'subject': {'group': 'team'}, 'role': 'ROLE_EDITOR'}",
                  i);
    }
    caller_ok(&admin, "Admin/ShareResource",
              "{'resource': {'type': 'voice', 'id': 'v000'}, 'subject': {'principal': 'ann'}, 'role': 'ROLE_VIEWER'}");
    caller_close(&admin);
}

static inline int make_world(void **state) {
    (void)state;
    sp_rpc_global_init();
    setenv("SALLYPORTD_AUTHZEN_WORKSPACE", "acme", 1);
    setenv("SALLYPORTD_AUTHZEN_PROPERTIES", "action.soft,resource.state", 1);
    setenv("SALLYPORTD_AUTHZEN_URL", URL, 1);
    programs_start_with(&programs, authzen_schema);
    port = authzen_port(&programs.server);
    fill_store();
    return 0;
}

static inline int remove_world(void **state) {
    (void)state;
    programs_stop(&programs);
    sp_rpc_global_fini();
    return 0;
}

/* ---- asking ---- */

#define EVALUATION "/access/v1/evaluation"
#define EVALUATIONS "/access/v1/evaluations"
#define SEARCH_SUBJECT "/access/v1/search/subject"
#define SEARCH_RESOURCE "/access/v1/search/resource"
#define SEARCH_ACTION "/access/v1/search/action"

/* Single quotes stand for double ones; $R, $N, $M for the keys of robot, from near, and mute; $S
 * for robot's digest. */
static char *spell(const char *text) {
    char *spelled = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&spelled, &size);
    assert_non_null(out);
    for (; *text != '\0'; text++) {
        const char *key = text[0] != '$'   ? NULL
                          : text[1] == 'R' ? robot_key
                          : text[1] == 'N' ? near_key
                          : text[1] == 'M' ? mute_key
                          : text[1] == 'S' ? robot_sha256
                                           : NULL;
        if (key != NULL)
            text++;
        if (key != NULL)
            fputs(key, out);
        else
            fputc(*text == '\'' ? '"' : *text, out);
    }
    assert_int_equal(fclose(out), 0);
    return spelled;
}

static inline void ask(const char *path, const char *body, int status, struct authzen_reply *ret_reply) {
    char *spelled = spell(body);
    authzen_post(port, &(struct authzen_request){.path = path, .body = spelled}, ret_reply);
    if (ret_reply->http.status != status)
        fail_msg("%s %s: %d: %s", path, body, ret_reply->http.status, ret_reply->http.body);
    free(spelled);
}

/* The reply has this status, and holds this; of an error, the message begins so. */
static inline void expect(const char *path, const char *body, int status, const char *part) {
    struct authzen_reply reply;
    ask(path, body, status, &reply);
    if (status != 200) {
        const char *message = json_string_value(json_object_get(reply.json, "message"));
        if (message == NULL || strncmp(message, part, strlen(part)) != 0)
            fail_msg("%s: %s", body, reply.http.body);
    } else {
        char *spelled = spell(part);
        json_t *wanted = json_loads(spelled, 0, NULL);
        assert_non_null(wanted);
        if (!json_holds(reply.json, wanted, false))
            fail_msg("%s: %s", body, reply.http.body);
        json_decref(wanted);
        free(spelled);
    }
    authzen_reply_fini(&reply);
}

struct vector {
    const char *name; /* of the specification: with the section before it */
    const char *path, *body;
    int status;
    const char *part;
};

static inline void answers_as_the_table_says(void **state) {
    const struct vector *vector = *state;
    expect(vector->path, vector->body, vector->status, vector->part);
}

#define ANN "'subject': {'type': 'user', 'id': 'ann'}"
#define ROBOT "'subject': {'type': 'service_account', 'id': 'robot'}"
#define KEY(text) "'subject': {'type': 'api_key', 'id': '" text "'}"
#define USE "'action': {'name': 'use'}"
#define V0 "'resource': {'type': 'voice', 'id': 'v000'}"
#define V1 "'resource': {'type': 'voice', 'id': 'v001'}"
#define LONG_16 "0123456789abcdef"
#define LONG_64 LONG_16 LONG_16 LONG_16 LONG_16
#define LONG_ID LONG_64 LONG_64 LONG_64 LONG_64
#define YES "{'decision': true}"
#define NO(reason) "{'decision': false, 'context': {'reason': '" reason "'}}"

/* Runs the table's rows, then the others. */
static inline int run_vectors(const struct vector *rows, size_t row_count, const struct CMUnitTest *others,
                              size_t other_count) {
    struct CMUnitTest *tests = calloc(row_count + other_count, sizeof(*tests));
    struct vector *cases = calloc(row_count, sizeof(*cases));
    if (tests == NULL || cases == NULL)
        abort();
    for (size_t i = 0; i < row_count; i++) {
        cases[i] = rows[i];
        tests[i] = (struct CMUnitTest){
            .name = rows[i].name, .test_func = answers_as_the_table_says, .initial_state = &cases[i]};
    }
    memcpy(tests + row_count, others, other_count * sizeof(*tests));
    int failed = _cmocka_run_group_tests("authzen", tests, row_count + other_count, make_world, remove_world);
    free(cases);
    free(tests);
    return failed == 0 ? 0 : 1;
}

#endif
