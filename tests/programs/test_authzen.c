/* AuthZEN over HTTP: each MUST of the Authorization API 1.0 with its section named, and what is Sallyport's own: subjects, the
 * address, workspaces, variants of actions, and that no key's text comes back. The published scenarios are in
 * test_authzen_cases.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/key_text.h"
#include "support/authzen.h"

static const char schema[] = "version: 1\n"
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

static void name_sha256(const char *key) {
    uint8_t digest[SP_DIGEST_BYTES];
    size_t at = (size_t)snprintf(robot_sha256, sizeof(robot_sha256), "sha256:");
    sp_sha256(key, strlen(key), digest);
    for (size_t i = 0; i < SP_DIGEST_BYTES; i++)
        at += (size_t)snprintf(robot_sha256 + at, sizeof(robot_sha256) - at, i % 2 == 0 ? "%02x" : "%02X", digest[i]);
}

static void make_key(struct caller *admin, const char *id, const char *rest, char ret_key[static PROGRAMS_KEY_BYTES]) {
    caller_ok(admin, "Admin/CreateApiKey", "{'principal': 'robot', 'id': '%s', 'name': 'key', %s}", id, rest);
    snprintf(ret_key, PROGRAMS_KEY_BYTES, "%s", caller_text(admin, "secret"));
}

/* Workspace acme: "boss" is its ADMIN, ann and the service account robot are members. Voices v000 to v119: robot may edit each by
 * its group, ann use v000. */
static void fill_store(void) {
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

static int make_world(void **state) {
    (void)state;
    sp_rpc_global_init();
    setenv("SALLYPORTD_AUTHZEN_WORKSPACE", "acme", 1);
    setenv("SALLYPORTD_AUTHZEN_PROPERTIES", "action.soft,resource.state", 1);
    setenv("SALLYPORTD_AUTHZEN_URL", URL, 1);
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

/* ---- asking ---- */

#define EVALUATION "/access/v1/evaluation"
#define EVALUATIONS "/access/v1/evaluations"
#define SEARCH_SUBJECT "/access/v1/search/subject"
#define SEARCH_RESOURCE "/access/v1/search/resource"
#define SEARCH_ACTION "/access/v1/search/action"

/* Single quotes stand for double ones; $R, $N, $M for the keys of robot, from near, and mute; $S for robot's digest. */
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

static void ask(const char *path, const char *body, int status, struct authzen_reply *ret_reply) {
    char *spelled = spell(body);
    authzen_post(port, &(struct authzen_request){.path = path, .body = spelled}, ret_reply);
    if (ret_reply->http.status != status)
        fail_msg("%s %s: %d: %s", path, body, ret_reply->http.status, ret_reply->http.body);
    free(spelled);
}

/* The reply has this status, and holds this; of an error, the message begins so. */
static void expect(const char *path, const char *body, int status, const char *part) {
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
    const char *name; /* begins with the section of the specification, or with "own" */
    const char *path, *body;
    int status;
    const char *part;
};

static void answers_as_the_table_says(void **state) {
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

static const struct vector vectors[] = {
    /* ---- the specification ---- */
    {"5.5 a decision is a boolean: allowed", EVALUATION, "{" ANN ", " USE ", " V0 "}", 200, YES},
    {"5.5 a decision is a boolean: denied, with 200", EVALUATION, "{" ANN ", " USE ", " V1 "}", 200, NO("NOT_SHARED")},
    {"7.1.1 what an evaluation lacks comes from the top", EVALUATIONS,
     "{" ANN ", " USE ", 'evaluations': [{" V0 "}, {" V1 "}, {" ROBOT ", " V1 "}]}", 200,
     "{'evaluations': [{'decision': true}, {'decision': false}, {'decision': true}]}"},
    {"7.1.1 what neither has denies that evaluation", EVALUATIONS, "{" ANN ", 'evaluations': [{" V0 "}]}", 200,
     "{'evaluations': [{'decision': false, 'context': {'error': {'status': 400, 'message': 'evaluations[0].action: is "
     "required'}}}]}"},
    {"7.1.2.1 all are executed unless asked otherwise", EVALUATIONS,
     "{" ANN ", " USE ", 'evaluations': [{" V1 "}, {" V0 "}, {" V1 "}]}", 200,
     "{'evaluations': [{'decision': false}, {'decision': true}, {'decision': false}]}"},
    {"7.1.2.1 deny_on_first_deny stops at a denial", EVALUATIONS,
     "{" ANN ", " USE ", 'options': {'evaluations_semantic': 'deny_on_first_deny'}, 'evaluations': [{" V0 "}, {" V1
     "}, {" V0 "}]}",
     200, "{'evaluations': [{'decision': true}, {'decision': false}]}"},
    {"7.1.2.1 deny_on_first_deny stops at a failure", EVALUATIONS,
     "{" ANN ", " USE ", 'options': {'evaluations_semantic': 'deny_on_first_deny'}, 'evaluations': [{" V0 "}, {}, {" V0
     "}]}",
     200, "{'evaluations': [{'decision': true}, {'decision': false}]}"},
    {"7.1.2.1 permit_on_first_permit stops at a permit", EVALUATIONS,
     "{" ANN ", " USE ", 'options': {'evaluations_semantic': 'permit_on_first_permit'}, 'evaluations': [{" V1 "}, {" V0
     "}, {" V0 "}]}",
     200, "{'evaluations': [{'decision': false}, {'decision': true}]}"},
    {"7.1.2.1 permit_on_first_permit without a permit", EVALUATIONS,
     "{" ANN ", " USE ", 'options': {'evaluations_semantic': 'permit_on_first_permit'}, 'evaluations': [{" V1 "}, {" V1
     "}]}",
     200, "{'evaluations': [{'decision': false}, {'decision': false}]}"},
    {"7.1.2.1 only these three", EVALUATIONS,
     "{" ANN ", " USE ", 'options': {'evaluations_semantic': 'any'}, 'evaluations': [{" V0 "}]}", 400,
     "options.evaluations_semantic: "},
    {"7.1.2 other options are ignored", EVALUATIONS,
     "{" ANN ", " USE ", 'options': {'another_option': 7}, 'evaluations': [{" V0 "}]}", 200,
     "{'evaluations': [{'decision': true}]}"},
    {"7.1 without evaluations as one", EVALUATIONS, "{" ANN ", " USE ", " V0 "}", 200, YES},
    {"7.1 with none as one", EVALUATIONS, "{" ANN ", " USE ", " V0 ", 'evaluations': []}", 200, YES},
    {"8.4 the subject's id is ignored", SEARCH_SUBJECT, "{" ANN ", 'action': {'name': 'edit'}, " V0 "}", 200,
     "{'results': [{'type': 'user', 'id': 'boss'}]}"},
    {"8.4 only of the type", SEARCH_SUBJECT,
     "{'subject': {'type': 'service_account'}, 'action': {'name': 'edit'}, " V0 "}", 200,
     "{'results': [{'type': 'service_account', 'id': 'robot'}]}"},
    {"8.1 members of a group are found", SEARCH_SUBJECT, "{'subject': {'type': 'service_account'}, " USE ", " V1 "}",
     200, "{'results': [{'id': 'robot'}]}"},
    {"8.5 the resource's id is ignored", SEARCH_RESOURCE, "{" ANN ", " USE ", " V1 "}", 200,
     "{'results': [{'type': 'voice', 'id': 'v000'}], 'page': {'next_token': '', 'count': 1}}"},
    {"8.6 actions by name", SEARCH_ACTION, "{" ROBOT ", " V1 "}", 200,
     "{'results': [{'name': 'delete_soft'}, {'name': 'edit'}, {'name': 'use'}]}"},
    {"10.1 the body is an object: an array", EVALUATION, "[]", 400, "the body is no JSON object"},
    {"10.1 the body is an object: a text", EVALUATION, "'x'", 400, "the body is no JSON object"},
    {"10.1.1 required: subject", EVALUATION, "{" USE ", " V0 "}", 400, "subject: is required"},
    {"10.1.1 required: subject.type", EVALUATION, "{'subject': {'id': 'ann'}, " USE ", " V0 "}", 400,
     "subject.type: is required"},
    {"10.1.1 required: subject.id", EVALUATION, "{'subject': {'type': 'user'}, " USE ", " V0 "}", 400,
     "subject.id: is required"},
    {"10.1.1 required: action", EVALUATION, "{" ANN ", " V0 "}", 400, "action: is required"},
    {"10.1.1 required: action.name", EVALUATION, "{" ANN ", 'action': {}, " V0 "}", 400, "action.name: is required"},
    {"10.1.1 required: resource", EVALUATION, "{" ANN ", " USE "}", 400, "resource: is required"},
    {"10.1.1 required: resource.type", EVALUATION, "{" ANN ", " USE ", 'resource': {'id': 'v000'}}", 400,
     "resource.type: is required"},
    {"10.1.1 required: resource.id", EVALUATION, "{" ANN ", " USE ", 'resource': {'type': 'voice'}}", 400,
     "resource.id: is required"},
    {"10.1.1 required of a search: action", SEARCH_SUBJECT, "{'subject': {'type': 'user'}, " V0 "}", 400,
     "action: is required"},
    {"10.1.1 required of a search: subject.id", SEARCH_RESOURCE,
     "{'subject': {'type': 'user'}, " USE ", 'resource': {'type': 'voice'}}", 400, "subject.id: is required"},
    {"10.1.1 required of a search: resource.id", SEARCH_ACTION, "{" ANN ", 'resource': {'type': 'voice'}}", 400,
     "resource.id: is required"},
    {"10.1.1 types: subject", EVALUATION, "{'subject': [], " USE ", " V0 "}", 400, "subject: must be an object"},
    {"10.1.1 types: subject.id", EVALUATION, "{'subject': {'type': 'user', 'id': 7}, " USE ", " V0 "}", 400,
     "subject.id: must be a string"},
    {"10.1.1 types: null is no string", EVALUATION, "{'subject': {'type': 'user', 'id': null}, " USE ", " V0 "}", 400,
     "subject.id: must be a string"},
    {"10.1.1 types: properties", EVALUATION,
     "{'subject': {'type': 'user', 'id': 'ann', 'properties': 7}, " USE ", " V0 "}", 400,
     "subject.properties: must be an object"},
    {"10.1.1 types: context", EVALUATION, "{" ANN ", " USE ", " V0 ", 'context': 'x'}", 400,
     "context: must be an object"},
    {"10.1.1 types: evaluations", EVALUATIONS, "{" ANN ", " USE ", " V0 ", 'evaluations': {}}", 400,
     "evaluations: must be an array"},
    {"10.1.1 types: one evaluation", EVALUATIONS, "{" ANN ", " USE ", 'evaluations': [7, {" V0 "}]}", 200,
     "{'evaluations': [{'decision': false, 'context': {'error': {'message': 'evaluations[0]: must be an object'}}}, "
     "{'decision': true}]}"},
    {"10.1.1 types: a default that nobody uses", EVALUATIONS,
     "{'subject': 'ann', " USE ", 'evaluations': [{" ANN ", " V0 "}]}", 400, "subject: must be an object"},
    {"10.1.1 types: options", EVALUATIONS, "{" ANN ", " USE ", 'options': [], 'evaluations': [{" V0 "}]}", 400,
     "options: must be an object"},
    {"10.1.1 types: page", SEARCH_RESOURCE, "{" ANN ", " USE ", " V0 ", 'page': 1}", 400, "page: must be an object"},
    {"10.1.1 types: page.limit", SEARCH_RESOURCE, "{" ANN ", " USE ", " V0 ", 'page': {'limit': -1}}", 400,
     "page.limit: "},
    {"10.1.1 types: page.limit as a text", SEARCH_RESOURCE, "{" ANN ", " USE ", " V0 ", 'page': {'limit': '1'}}", 400,
     "page.limit: "},
    {"10.1.1 types: page.token", SEARCH_RESOURCE, "{" ANN ", " USE ", " V0 ", 'page': {'token': 1}}", 400,
     "page.token: "},
    {"10.1.1 unknown fields are ignored everywhere", EVALUATION,
     "{'a': 1, 'subject': {'type': 'user', 'id': 'ann', 'b': []}, 'action': {'name': 'use', 'c': {}}, 'resource': "
     "{'type': 'voice', 'id': 'v000', 'd': null}, 'context': {'e': true}}",
     200, YES},
    {"10.1.1 the order of members says nothing", EVALUATION,
     "{'context': {}, 'resource': {'id': 'v000', 'type': 'voice'}, " USE ", 'subject': {'id': 'ann', 'type': 'user'}}",
     200, YES},
    {"11.5 a name given twice", EVALUATION, "{" ANN ", " ANN ", " USE ", " V0 "}", 400, "the body is no JSON object"},
    {"11.5 an unpaired surrogate", EVALUATION, "{'subject': {'type': 'user', 'id': '\\ud800'}, " USE ", " V0 "}", 400,
     "the body is no JSON object"},
    {"11.5 no UTF-8", EVALUATION, "{'subject': {'type': 'user', 'id': '\xff'}, " USE ", " V0 "}", 400,
     "the body is no JSON object"},
    {"11.5 a NUL", EVALUATION, "{'subject': {'type': 'user', 'id': 'ann\\u0000'}, " USE ", " V0 "}", 400,
     "the body is no JSON object"},
    {"11.7 deep nesting", EVALUATION,
     "{'a': [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]], " ANN ", " USE ", " V0
     "}",
     400, "the body is no JSON object"},

    /* ---- our own ---- */
    {"own: a key by its text", EVALUATION, "{" KEY("$R") ", " USE ", " V1 "}", 200,
     "{'decision': true, 'context': {'reason': 'ALLOWED', 'http_status': 200, 'workspace': 'acme', 'principal': "
     "'robot', 'key_id': 'robot-key', 'role': 'editor'}}"},
    {"own: a key by its SHA-256", EVALUATION, "{" KEY("$S") ", " USE ", " V1 "}", 200, YES},
    {"own: what is no key", EVALUATION, "{" KEY("nonsense") ", " USE ", " V1 "}", 200, NO("KEY_MALFORMED")},
    {"own: an empty key", EVALUATION, "{" KEY("") ", " USE ", " V1 "}", 200, NO("KEY_MALFORMED")},
    {"own: a SHA-256 that nobody has", EVALUATION,
     "{" KEY("sha256:0000000000000000000000000000000000000000000000000000000000000000") ", " USE ", " V1 "}", 200,
     "{'decision': false, 'context': {'reason': 'KEY_UNKNOWN', 'http_status': 401}}"},
    {"own: a SHA-256 that is too short", EVALUATION, "{" KEY("sha256:00") ", " USE ", " V1 "}", 200,
     NO("KEY_MALFORMED")},
    {"own: a key without the permission", EVALUATION, "{" KEY("$M") ", " USE ", " V1 "}", 200,
     NO("PERMISSION_MISSING")},
    {"own: a principal has every permission", EVALUATION, "{" ROBOT ", " USE ", " V1 "}", 200, YES},
    {"own: from an address on the list", EVALUATION,
     "{" KEY("$N") ", " USE ", " V1 ", 'context': {'ip': '203.0.113.9'}}", 200, YES},
    {"own: from another", EVALUATION, "{" KEY("$N") ", " USE ", " V1 ", 'context': {'ip': '198.51.100.9'}}", 200,
     NO("IP_NOT_ALLOWED")},
    {"own: from nowhere", EVALUATION, "{" KEY("$N") ", " USE ", " V1 "}", 200, NO("IP_NOT_ALLOWED")},
    {"own: what is no address", EVALUATION, "{" KEY("$N") ", " USE ", " V1 ", 'context': {'ip': '1.2.3'}}", 400,
     "context.ip: "},
    {"own: each evaluation has its own address", EVALUATIONS,
     "{" KEY("$N") ", " USE ", " V1 ", 'context': {'ip': '203.0.113.9'}, 'evaluations': [{}, {'context': {'ip': "
                   "'198.51.100.9'}}, {'context': {}}]}",
     200, "{'evaluations': [{'decision': true}, {'decision': false}, {'decision': false}]}"},
    {"own: several keys in one request", EVALUATIONS,
     "{" USE ", " V1 ", 'evaluations': [{" KEY("$R") "}, {" KEY("$M") "}, {" KEY("$S") "}, {" KEY(
         "sha256:0000000000000000000000000000000000000000000000000000000000000000") "}, {" KEY("$R") "}]}",
     200,
     "{'evaluations': [{'decision': true}, {'context': {'reason': 'PERMISSION_MISSING'}}, {'decision': true}, "
     "{'context': {'reason': 'KEY_UNKNOWN'}}, {'decision': true}]}"},
    {"own: the type must be the principal's", EVALUATION,
     "{'subject': {'type': 'user', 'id': 'robot'}, " USE ", " V1 "}", 200, NO("PRINCIPAL_DISABLED")},
    {"own: a subject that is not there", EVALUATION, "{'subject': {'type': 'user', 'id': 'zoe'}, " USE ", " V1 "}", 200,
     NO("PRINCIPAL_DISABLED")},
    {"own: a type of subjects that is not ours", EVALUATION,
     "{'subject': {'type': 'spaceship', 'id': 'x'}, " USE ", " V1 "}", 200, NO("KEY_UNKNOWN")},
    {"own: a type of resources that is not there", EVALUATION,
     "{" ANN ", " USE ", 'resource': {'type': 'spaceship', 'id': 'x'}}", 200, NO("ACTION_UNKNOWN")},
    {"own: the subject's workspace", EVALUATION,
     "{'subject': {'type': 'user', 'id': 'ann', 'properties': {'workspace': 'other'}}, " USE ", " V0 "}", 200,
     NO("PRINCIPAL_DISABLED")},
    {"own: the resource's workspace is asserted", EVALUATION,
     "{" ANN ", " USE ", 'resource': {'type': 'voice', 'id': 'v000', 'properties': {'workspace': 'other'}}}", 200,
     NO("WORKSPACE_MISMATCH")},
    {"own: of a key too", EVALUATION,
     "{" KEY("$R") ", " USE ", 'resource': {'type': 'voice', 'id': 'v001', 'properties': {'workspace': 'other'}}}", 200,
     NO("WORKSPACE_MISMATCH")},
    {"own: and a key's own", EVALUATION,
     "{'subject': {'type': 'api_key', 'id': '$R', 'properties': {'workspace': 'other'}}, " USE ", " V1 "}", 200,
     NO("WORKSPACE_MISMATCH")},
    {"own: both must hold", EVALUATION,
     "{'subject': {'type': 'api_key', 'id': '$R', 'properties': {'workspace': 'acme'}}, " USE
     ", 'resource': {'type': 'voice', 'id': 'v001', 'properties': {'workspace': 'other'}}}",
     200, NO("WORKSPACE_MISMATCH")},
    {"own: both must hold, the other way round", EVALUATION,
     "{'subject': {'type': 'api_key', 'id': '$R', 'properties': {'workspace': 'other'}}, " USE
     ", 'resource': {'type': 'voice', 'id': 'v001', 'properties': {'workspace': 'acme'}}}",
     200, NO("WORKSPACE_MISMATCH")},
    {"own: both hold", EVALUATION,
     "{'subject': {'type': 'api_key', 'id': '$R', 'properties': {'workspace': 'acme'}}, " USE
     ", 'resource': {'type': 'voice', 'id': 'v001', 'properties': {'workspace': 'acme'}}}",
     200, YES},
    {"own: a workspace that is no text", EVALUATION,
     "{'subject': {'type': 'user', 'id': 'ann', 'properties': {'workspace': 7}}, " USE ", " V0 "}", 400,
     "subject.properties.workspace: must be a string"},
    {"own: an id that is too long", EVALUATION,
     "{" ANN ", " USE ", 'resource': {'type': 'voice', 'id': "
     "'" LONG_ID "x'}}",
     400, "resource.id: is longer than 256 bytes"},
    {"own: an id that is as long as it may be", EVALUATION,
     "{" ANN ", " USE ", 'resource': {'type': 'voice', 'id': '" LONG_ID "'}}", 200, NO("RESOURCE_UNKNOWN")},
    {"own: a control character", EVALUATION, "{" ANN ", " USE ", 'resource': {'type': 'voice', 'id': 'v\\n'}}", 400,
     "resource.id: holds a control character"},

    /* variants of actions */
    {"own: without the property, the action", EVALUATION, "{" ROBOT ", 'action': {'name': 'delete'}, " V1 "}", 200,
     NO("ROLE_TOO_LOW")},
    {"own: true chooses the variant", EVALUATION,
     "{" ROBOT ", 'action': {'name': 'delete', 'properties': {'soft': true}}, " V1 "}", 200, YES},
    {"own: false does not", EVALUATION,
     "{" ROBOT ", 'action': {'name': 'delete', 'properties': {'soft': false}}, " V1 "}", 200, NO("ROLE_TOO_LOW")},
    {"own: nor does a property that was not named at the start", EVALUATION,
     "{" ROBOT ", 'action': {'name': 'delete', 'properties': {'locked': true, 'x': 'soft'}}, " V1 "}", 200,
     NO("ROLE_TOO_LOW")},
    {"own: a text chooses itself", EVALUATION,
     "{" ROBOT ", 'action': {'name': 'delete'}, 'resource': {'type': 'voice', 'id': 'v001', 'properties': {'state': "
     "'soft'}}}",
     200, YES},
    {"own: where the type has no such variant, the action", EVALUATION,
     "{" ROBOT ", 'action': {'name': 'edit', 'properties': {'soft': true}}, " V1 "}", 200, YES},
    {"own: several variants must all be allowed", EVALUATION,
     "{" ROBOT ", 'action': {'name': 'delete', 'properties': {'soft': true}}, 'resource': {'type': 'voice', 'id': "
     "'v001', 'properties': {'state': 'locked'}}}",
     200, NO("ROLE_TOO_LOW")},
    {"own: and are, for an admin", EVALUATION,
     "{'subject': {'type': 'user', 'id': 'boss'}, 'action': {'name': 'delete', 'properties': {'soft': true}}, "
     "'resource': {'type': 'voice', 'id': 'v001', 'properties': {'state': 'locked'}}}",
     200, YES},
    {"own: a search by variants", SEARCH_SUBJECT,
     "{'subject': {'type': 'service_account'}, 'action': {'name': 'delete', 'properties': {'soft': true}}, " V1 "}",
     200, "{'results': [{'id': 'robot'}]}"},
    {"own: a search by several variants", SEARCH_SUBJECT,
     "{'subject': {'type': 'service_account'}, 'action': {'name': 'delete', 'properties': {'soft': true}}, 'resource': "
     "{'type': 'voice', 'id': 'v001', 'properties': {'state': 'locked'}}}",
     200, "{'results': []}"},
    {"own: a search of actions by variants", SEARCH_ACTION,
     "{" ROBOT ", 'resource': {'type': 'voice', 'id': 'v001', 'properties': {'state': 'soft'}}}", 200,
     "{'results': [{'name': 'delete'}, {'name': 'delete_soft'}, {'name': 'edit'}, {'name': 'use'}]}"},

    /* searches */
    {"own: keys cannot be searched for", SEARCH_SUBJECT, "{'subject': {'type': 'api_key'}, " USE ", " V1 "}", 400,
     "subject.type: keys cannot be searched for"},
    {"own: why there is nothing", SEARCH_RESOURCE, "{" KEY("$M") ", " USE ", 'resource': {'type': 'voice'}}", 200,
     "{'results': [], 'context': {'reason': 'PERMISSION_MISSING'}}"},
    {"own: nothing from the wrong address", SEARCH_RESOURCE,
     "{" KEY("$N") ", " USE ", 'resource': {'type': 'voice'}, 'context': {'ip': '198.51.100.9'}}", 200,
     "{'results': [], 'context': {'reason': 'IP_NOT_ALLOWED'}}"},
    {"own: more than a list can hold", SEARCH_RESOURCE,
     "{'subject': {'type': 'user', 'id': 'boss'}, 'action': {'name': 'read'}, 'resource': {'type': 'note'}}", 200,
     "{'results': [], 'context': {'reason': 'ALLOWED', 'more_than_listed': true}}"},
    {"own: subjects of another workspace's resource", SEARCH_SUBJECT,
     "{'subject': {'type': 'user'}, " USE
     ", 'resource': {'type': 'voice', 'id': 'v001', 'properties': {'workspace': 'other'}}}",
     200, "{'results': [], 'context': {'reason': 'WORKSPACE_MISMATCH'}}"},
    {"own: a token that is none", SEARCH_RESOURCE,
     "{" ROBOT ", " USE ", 'resource': {'type': 'voice'}, 'page': {'token': 'AAAA'}}", 400, "page.token: "},
    {"own: a token that is no base64url", SEARCH_RESOURCE,
     "{" ROBOT ", " USE ", 'resource': {'type': 'voice'}, 'page': {'token': 'a+b/=='}}", 400, "page.token: "},
};
enum { VECTORS = sizeof(vectors) / sizeof(*vectors) };

/* ---- pages ---- */

static json_t *search_voices(const char *subject, const char *page, int status, struct authzen_reply *reply) {
    char body[1024];
    snprintf(body, sizeof(body), "{%s, 'action': {'name': 'use'}, 'resource': {'type': 'voice'}%s%s}", subject,
             page[0] != '\0' ? ", 'page': " : "", page);
    ask(SEARCH_RESOURCE, body, status, reply);
    return reply->json;
}

/* Sections 8.2 and 8.2.2: a list that is cut says so, and the last page's token is empty. */
static void pages_hold_every_result_once_and_in_order(void **state) {
    (void)state;
    for (int limit = 1; limit <= VOICES + 1; limit += 17) {
        char page[512], token[400] = "", wanted[8];
        int results = 0, pages = 0;
        do {
            struct authzen_reply reply;
            if (token[0] == '\0')
                snprintf(page, sizeof(page), "{'limit': %d}", limit);
            else
                snprintf(page, sizeof(page), "{'token': '%s'}", token);
            const json_t *json = search_voices(ROBOT, page, 200, &reply), *found = json_object_get(json, "results");
            assert_true(json_array_size(found) <= (size_t)limit);
            for (size_t i = 0; i < json_array_size(found); i++) {
                snprintf(wanted, sizeof(wanted), "v%03d", results++);
                assert_string_equal(json_string_value(json_object_get(json_array_get(found, i), "id")), wanted);
            }
            assert_int_equal(json_integer_value(json_object_get(json_object_get(json, "page"), "count")),
                             json_array_size(found));
            snprintf(token, sizeof(token), "%s",
                     json_string_value(json_object_get(json_object_get(json, "page"), "next_token")));
            authzen_reply_fini(&reply);
            assert_true(++pages < 200);
        } while (token[0] != '\0');
        assert_int_equal(results, VOICES);
    }
}

/* Sections 8.2 and 8.2.1. */
static void a_token_is_good_for_its_request_only(void **state) {
    (void)state;
    struct authzen_reply reply;
    char page[512], body[1024];
    const json_t *json = search_voices(ROBOT, "{'limit': 7}", 200, &reply);
    char token[400];
    snprintf(token, sizeof(token), "%s",
             json_string_value(json_object_get(json_object_get(json, "page"), "next_token")));
    authzen_reply_fini(&reply);
    assert_true(token[0] != '\0');
    assert_null(strstr(token, "v006")); /* opaque */

    snprintf(page, sizeof(page), "{'token': '%s', 'limit': 7}", token);
    search_voices(ROBOT, page, 200, &reply);
    authzen_reply_fini(&reply);
    search_voices(ANN, page, 400, &reply);
    authzen_reply_fini(&reply);
    snprintf(page, sizeof(page), "{'token': '%s', 'limit': 8}", token);
    search_voices(ROBOT, page, 400, &reply);
    authzen_reply_fini(&reply);
    snprintf(page, sizeof(page), "{'token': '%s', 'properties': {'a': 1}}", token);
    search_voices(ROBOT, page, 400, &reply);
    authzen_reply_fini(&reply);
    snprintf(body, sizeof(body), "{" ROBOT ", " V1 ", 'page': {'token': '%s'}}", token);
    expect(SEARCH_ACTION, body, 400, "page.token: is of another request");
    snprintf(body, sizeof(body),
             "{" ROBOT ", " USE
             ", 'resource': {'type': 'voice'}, 'context': {'ip': '1.2.3.4'}, 'page': {'token': '%s'}}",
             token);
    expect(SEARCH_RESOURCE, body, 400, "page.token: is of another request");
    token[5] = token[5] == 'A' ? 'B' : 'A';
    snprintf(page, sizeof(page), "{'token': '%s'}", token);
    search_voices(ROBOT, page, 400, &reply);
    authzen_reply_fini(&reply);
}

static void a_page_of_nothing_says_that_there_is_more(void **state) {
    (void)state;
    struct authzen_reply reply;
    const json_t *json = search_voices(ROBOT, "{'limit': 0}", 200, &reply);
    assert_int_equal(json_array_size(json_object_get(json, "results")), 0);
    assert_true(json_string_length(json_object_get(json_object_get(json, "page"), "next_token")) > 0);
    assert_string_equal(json_object_iter_key(json_object_iter(reply.json)), "page"); /* section 8.3: first */
    authzen_reply_fini(&reply);
}

/* ---- headers ---- */

static void send_raw(const char *text, struct http_reply *ret_reply) {
    int fd = http_connect(port);
    http_ask(fd, text);
    http_read(fd, false, ret_reply);
    close(fd);
}

/* Section 10.1.3. */
static void every_reply_names_its_request(void **state) {
    (void)state;
    static const struct {
        const char *request;
        int status;
    } rows[] = {
        {"POST " EVALUATION " HTTP/1.1\r\nHost: h\r\nX-Request-ID: a-7\r\nContent-Type: application/json\r\n"
         "Content-Length: 2\r\n\r\n{}",
         400},
        {"POST " EVALUATION " HTTP/1.1\r\nHost: h\r\nx-request-id: a-7\r\nContent-Length: 0\r\n\r\n", 400},
        {"GET " EVALUATION " HTTP/1.1\r\nHost: h\r\nX-Request-ID: a-7\r\n\r\n", 405},
        {"GET /nowhere HTTP/1.1\r\nHost: h\r\nX-Request-ID: a-7\r\n\r\n", 404},
        {"GET /.well-known/authzen-configuration HTTP/1.1\r\nHost: h\r\nX-Request-ID: a-7\r\n\r\n", 200},
        {"POST " EVALUATION " HTTP/1.1\r\nHost: h\r\nX-Request-ID: a-7\r\nContent-Type: application/json\r\n"
         "Content-Length: 99999999\r\n\r\n{}",
         413},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct http_reply reply;
        send_raw(rows[i].request, &reply);
        assert_int_equal(reply.status, rows[i].status);
        assert_string_equal(http_reply_header(&reply, "X-Request-ID"), "a-7");
        assert_string_equal(http_reply_header(&reply, "Content-Type"), "application/json");
        http_reply_fini(&reply);
    }
    struct authzen_reply reply;
    char *body = spell("{" ANN ", " USE ", " V0 "}");
    authzen_post(port, &(struct authzen_request){EVALUATION, body, NULL, "X-Request-ID: 0123-\xc3\xa4\r\n"}, &reply);
    assert_int_equal(reply.http.status, 200);
    assert_string_equal(http_reply_header(&reply.http, "X-Request-ID"), "0123-\xc3\xa4");
    authzen_reply_fini(&reply);
    authzen_post(port, &(struct authzen_request){EVALUATION, body, NULL, NULL}, &reply);
    assert_int_equal(reply.http.status, 200);
    assert_null(http_reply_header(&reply.http, "X-Request-ID"));
    authzen_reply_fini(&reply);
    free(body);
}

/* Section 10.1. */
static void the_content_type_must_be_json(void **state) {
    (void)state;
    static const struct {
        const char *type;
        int status;
    } rows[] = {
        {"application/json", 200},
        {"application/json; charset=utf-8", 200},
        {"Application/JSON", 200},
        {"application/json ;charset=x", 200},
        {"application/jsonp", 400},
        {"text/json", 400},
        {"application/x-www-form-urlencoded", 400},
        {"", 400},
    };
    char *body = spell("{" ANN ", " USE ", " V0 "}");
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct authzen_reply reply;
        authzen_post(port, &(struct authzen_request){EVALUATION, body, rows[i].type, NULL}, &reply);
        assert_int_equal(reply.http.status, rows[i].status);
        authzen_reply_fini(&reply);
    }
    free(body);
}

/* ---- metadata ---- */

/* Sections 9.1.1, 9.2.2 and 9.2.3. */
static void the_metadata_tells_every_endpoint(void **state) {
    (void)state;
    static const char *const members[][2] = {
        {"policy_decision_point", URL},
        {"access_evaluation_endpoint", URL EVALUATION},
        {"access_evaluations_endpoint", URL EVALUATIONS},
        {"search_subject_endpoint", URL SEARCH_SUBJECT},
        {"search_resource_endpoint", URL SEARCH_RESOURCE},
        {"search_action_endpoint", URL SEARCH_ACTION},
    };
    struct http_reply reply;
    http_get(port, "/.well-known/authzen-configuration", &reply);
    assert_int_equal(reply.status, 200);
    assert_string_equal(http_reply_header(&reply, "Content-Type"), "application/json");
    json_t *json = json_loads(reply.body, 0, NULL);
    assert_int_equal(json_object_size(json), 6); /* section 9.2.2: what has no value is left out */
    for (size_t i = 0; i < 6; i++)
        assert_string_equal(json_string_value(json_object_get(json, members[i][0])), members[i][1]);
    json_decref(json);
    http_reply_fini(&reply);
}

static void wrong_settings_are_refused_at_the_start(void **state) {
    (void)state;
    static const struct {
        const char *option, *value;
    } rows[] = {
        {"--authzen-url", "http://pdp.example.com"},
        {"--authzen-url", "https://"},
        {"--authzen-url", "https://pdp.example.com/"},
        {"--authzen-url", "https://pdp.example.com?x=1"},
        {"--authzen-url", "https://pdp#x"},
        {"--authzen-workspace", "no id"},
        {"--authzen-property", "soft"},
        {"--authzen-property", "subject.role"},
        {"--authzen-property", "action."},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct process process;
        const char *arguments[] = {"sallyportd", "--store", programs.store, rows[i].option, rows[i].value, NULL};
        assert_int_not_equal(process_run(&process, programs.folder, "wrong", arguments), 0);
        char *said = process_read(process.err);
        assert_non_null(strstr(said, rows[i].option));
        free(said);
    }
}

/* Without the three options: a principal must name its workspace, nothing chooses variants, and nobody knows the URL. */
static void another_server_without_settings(void **state) {
    (void)state;
    struct process server;
    static const char *const variables[] = {"SALLYPORTD_AUTHZEN_WORKSPACE", "SALLYPORTD_AUTHZEN_PROPERTIES",
                                            "SALLYPORTD_AUTHZEN_URL"};
    const char *arguments[] = {"sallyportd", "--store", programs.store, "--listen", "127.0.0.1:0", NULL};
    for (size_t i = 0; i < 3; i++)
        unsetenv(variables[i]);
    process_start(&server, programs.folder, "plain", arguments);
    int main_port = port;
    port = authzen_port(&server);
    process_wait_for(&server, "serving the store");
    struct http_reply reply;
    http_get(port, "/.well-known/authzen-configuration", &reply);
    assert_int_equal(reply.status, 404);
    http_reply_fini(&reply);
    expect(EVALUATION, "{" ANN ", " USE ", " V0 "}", 400, "subject.properties.workspace: is required");
    expect(EVALUATION,
           "{'subject': {'type': 'user', 'id': 'ann', 'properties': {'workspace': 'acme'}}, " USE ", " V0 "}", 200,
           YES);
    expect(EVALUATION, "{" KEY("$R") ", 'action': {'name': 'delete', 'properties': {'soft': true}}, " V1 "}", 200,
           NO("ROLE_TOO_LOW"));
    port = main_port;
    assert_int_equal(process_end(&server, 15), 0);
}

/* ---- limits and secrets ---- */

static void a_thousand_evaluations_are_the_most(void **state) {
    (void)state;
    for (size_t count = 1000; count <= 1001; count++) {
        char *body = NULL;
        size_t size = 0;
        FILE *out = open_memstream(&body, &size);
        assert_non_null(out);
        fprintf(out, "{" KEY("$R") ", " USE ", 'evaluations': [");
        for (size_t i = 0; i < count; i++)
            fprintf(out, "%s{'resource': {'type': 'voice', 'id': 'v%03zu'}}", i > 0 ? "," : "", i % 200);
        fprintf(out, "]}");
        assert_int_equal(fclose(out), 0);
        struct authzen_reply reply;
        ask(EVALUATIONS, body, count == 1000 ? 200 : 400, &reply);
        const json_t *decisions = json_object_get(reply.json, "evaluations");
        for (size_t i = 0; i < json_array_size(decisions); i++)
            assert_int_equal(json_is_true(json_object_get(json_array_get(decisions, i), "decision")), i % 200 < VOICES);
        assert_int_equal(json_array_size(decisions), count == 1000 ? 1000 : 0);
        authzen_reply_fini(&reply);
        free(body);
    }
}

/* Run last: whatever was asked, no reply and no line of the log holds a key's text. */
static void no_key_comes_back(void **state) {
    (void)state;
    static const char *const bodies[] = {
        "{" KEY("$R") ", " USE ", " V1 "}",
        "{" KEY("$R") ", " USE ", 'resource': {'type': 'voice'}}",
        "{" KEY("$R") ", 'action': 7}",
        "{" KEY("$Rx") ", " USE ", " V1 "}",
        "{" KEY("$R") ", " USE ", " V1 ", 'page': {'limit': 1}}",
        "{" KEY("$R") ", " USE ", " V1 ", 'page': {'token': '$R'}}",
        "{'evaluations': [{" KEY("$R") "}, {" KEY("$R") ", " USE ", " V1 "}]}",
        "{" KEY("$R"),
    };
    static const char *const paths[] = {EVALUATION, EVALUATIONS, SEARCH_SUBJECT, SEARCH_RESOURCE, SEARCH_ACTION};
    for (size_t i = 0; i < sizeof(bodies) / sizeof(*bodies); i++) {
        char *body = spell(bodies[i]);
        for (size_t j = 0; j < sizeof(paths) / sizeof(*paths); j++) {
            struct authzen_reply reply;
            authzen_post(port, &(struct authzen_request){paths[j], body, NULL, NULL}, &reply);
            assert_null(strstr(reply.http.headers, robot_key));
            assert_null(strstr(reply.http.body, robot_key));
            authzen_reply_fini(&reply);
        }
        free(body);
    }
    char *said = process_read(programs.server.err);
    assert_null(strstr(said, robot_key));
    assert_null(strstr(said, near_key));
    free(said);
}

int main(void) {
    struct CMUnitTest tests[VECTORS + 10] = {{0}};
    static struct vector cases[VECTORS];
    const struct CMUnitTest others[] = {
        cmocka_unit_test(pages_hold_every_result_once_and_in_order),
        cmocka_unit_test(a_token_is_good_for_its_request_only),
        cmocka_unit_test(a_page_of_nothing_says_that_there_is_more),
        cmocka_unit_test(every_reply_names_its_request),
        cmocka_unit_test(the_content_type_must_be_json),
        cmocka_unit_test(the_metadata_tells_every_endpoint),
        cmocka_unit_test(wrong_settings_are_refused_at_the_start),
        cmocka_unit_test(another_server_without_settings),
        cmocka_unit_test(a_thousand_evaluations_are_the_most),
        cmocka_unit_test(no_key_comes_back),
    };
    for (size_t i = 0; i < VECTORS; i++) {
        cases[i] = vectors[i];
        tests[i] = (struct CMUnitTest){
            .name = vectors[i].name, .test_func = answers_as_the_table_says, .initial_state = &cases[i]};
    }
    for (size_t i = 0; i < 10; i++)
        tests[VECTORS + i] = others[i];
    return cmocka_run_group_tests(tests, make_world, remove_world) == 0 ? 0 : 1;
}
