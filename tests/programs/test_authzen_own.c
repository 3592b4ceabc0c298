/* AuthZEN over HTTP, as far as it is Sallyport's own: subjects, the address, workspaces, variants
 * of actions, settings, and that no key's text comes back. */
#include "authzen_world.h"

static const struct vector vectors[] = {
    {"a key by its text", EVALUATION, "{" KEY("$R") ", " USE ", " V1 "}", 200,
     "{'decision': true, 'context': {'reason': 'ALLOWED', 'http_status': 200, 'workspace': 'acme', 'principal': "
     "'robot', 'key_id': 'robot-key', 'role': 'editor'}}"},
    {"a key by its SHA-256", EVALUATION, "{" KEY("$S") ", " USE ", " V1 "}", 200, YES},
    {"what is no key", EVALUATION, "{" KEY("nonsense") ", " USE ", " V1 "}", 200, NO("KEY_MALFORMED")},
    {"an empty key", EVALUATION, "{" KEY("") ", " USE ", " V1 "}", 400, "subject.id: is required"},
    {"a key with a line feed behind it", EVALUATION, "{" KEY("$R\\n") ", " USE ", " V1 "}", 200, NO("KEY_MALFORMED")},
    {"a SHA-256 that nobody has", EVALUATION,
     "{" KEY("sha256:0000000000000000000000000000000000000000000000000000000000000000") ", " USE ", " V1 "}", 200,
     "{'decision': false, 'context': {'reason': 'KEY_UNKNOWN', 'http_status': 401}}"},
    {"a SHA-256 that is too short", EVALUATION, "{" KEY("sha256:00") ", " USE ", " V1 "}", 200, NO("KEY_MALFORMED")},
    {"a key without the permission", EVALUATION, "{" KEY("$M") ", " USE ", " V1 "}", 200, NO("PERMISSION_MISSING")},
    {"a principal has every permission", EVALUATION, "{" ROBOT ", " USE ", " V1 "}", 200, YES},
    {"from an address on the list", EVALUATION, "{" KEY("$N") ", " USE ", " V1 ", 'context': {'ip': '203.0.113.9'}}",
     200, YES},
    {"from another", EVALUATION, "{" KEY("$N") ", " USE ", " V1 ", 'context': {'ip': '198.51.100.9'}}", 200,
     NO("IP_NOT_ALLOWED")},
    {"from nowhere", EVALUATION, "{" KEY("$N") ", " USE ", " V1 "}", 200, NO("IP_NOT_ALLOWED")},
    {"what is no address", EVALUATION, "{" KEY("$N") ", " USE ", " V1 ", 'context': {'ip': '1.2.3'}}", 400,
     "context.ip: "},
    {"each evaluation has its own address", EVALUATIONS,
     "{" KEY("$N") ", " USE ", " V1 ", 'context': {'ip': '203.0.113.9'}, 'evaluations': [{}, {'context': {'ip': "
                   "'198.51.100.9'}}, {'context': {}}]}",
     200, "{'evaluations': [{'decision': true}, {'decision': false}, {'decision': false}]}"},
    {"several keys in one request", EVALUATIONS,
     "{" USE ", " V1 ", 'evaluations': [{" KEY("$R") "}, {" KEY("$M") "}, {" KEY("$S") "}, {" KEY(
         "sha256:0000000000000000000000000000000000000000000000000000000000000000") "}, {" KEY("$R") "}]}",
     200,
     "{'evaluations': [{'decision': true}, {'context': {'reason': 'PERMISSION_MISSING'}}, {'decision': true}, "
     "{'context': {'reason': 'KEY_UNKNOWN'}}, {'decision': true}]}"},
    {"the type must be the principal's", EVALUATION, "{'subject': {'type': 'user', 'id': 'robot'}, " USE ", " V1 "}",
     200, NO("PRINCIPAL_UNKNOWN")},
    {"a subject that is not there", EVALUATION, "{'subject': {'type': 'user', 'id': 'zoe'}, " USE ", " V1 "}", 200,
     NO("PRINCIPAL_UNKNOWN")},
    {"a type of subjects that is not ours", EVALUATION,
     "{'subject': {'type': 'spaceship', 'id': 'x'}, " USE ", " V1 "}", 200, NO("PRINCIPAL_UNKNOWN")},
    {"a type of resources that is not there", EVALUATION,
     "{" ANN ", " USE ", 'resource': {'type': 'spaceship', 'id': 'x'}}", 200, NO("ACTION_UNKNOWN")},
    {"the subject's workspace", EVALUATION,
     "{'subject': {'type': 'user', 'id': 'ann', 'properties': {'workspace': 'other'}}, " USE ", " V0 "}", 200,
     NO("PRINCIPAL_UNKNOWN")},
    {"the resource's workspace is asserted", EVALUATION,
     "{" ANN ", " USE ", 'resource': {'type': 'voice', 'id': 'v000', 'properties': {'workspace': 'other'}}}", 200,
     NO("WORKSPACE_MISMATCH")},
    {"of a key too", EVALUATION,
     "{" KEY("$R") ", " USE ", 'resource': {'type': 'voice', 'id': 'v001', 'properties': {'workspace': 'other'}}}", 200,
     NO("WORKSPACE_MISMATCH")},
    {"and a key's own", EVALUATION,
     "{'subject': {'type': 'api_key', 'id': '$R', 'properties': {'workspace': 'other'}}, " USE ", " V1 "}", 200,
     NO("WORKSPACE_MISMATCH")},
    {"both must hold", EVALUATION,
     "{'subject': {'type': 'api_key', 'id': '$R', 'properties': {'workspace': 'acme'}}, " USE
     ", 'resource': {'type': 'voice', 'id': 'v001', 'properties': {'workspace': 'other'}}}",
     200, NO("WORKSPACE_MISMATCH")},
    {"both must hold, the other way round", EVALUATION,
     "{'subject': {'type': 'api_key', 'id': '$R', 'properties': {'workspace': 'other'}}, " USE
     ", 'resource': {'type': 'voice', 'id': 'v001', 'properties': {'workspace': 'acme'}}}",
     200, NO("WORKSPACE_MISMATCH")},
    {"both hold", EVALUATION,
     "{'subject': {'type': 'api_key', 'id': '$R', 'properties': {'workspace': 'acme'}}, " USE
     ", 'resource': {'type': 'voice', 'id': 'v001', 'properties': {'workspace': 'acme'}}}",
     200, YES},
    {"a workspace that is no text", EVALUATION,
     "{'subject': {'type': 'user', 'id': 'ann', 'properties': {'workspace': 7}}, " USE ", " V0 "}", 400,
     "subject.properties.workspace: must be a string"},
    {"an id that is too long", EVALUATION,
     "{" ANN ", " USE ", 'resource': {'type': 'voice', 'id': "
     "'" LONG_ID "x'}}",
     400, "resource.id: is longer than 256 bytes"},
    {"an id that is as long as it may be", EVALUATION,
     "{" ANN ", " USE ", 'resource': {'type': 'voice', 'id': '" LONG_ID "'}}", 200, NO("RESOURCE_UNKNOWN")},
    {"a control character", EVALUATION, "{" ANN ", " USE ", 'resource': {'type': 'voice', 'id': 'v\\n'}}", 400,
     "resource.id: contains a control character"},
    {"an empty action", EVALUATION, "{" ANN ", 'action': {'name': ''}, " V0 "}", 400, "action.name: is required"},
    {"an empty type", EVALUATION, "{" ANN ", " USE ", 'resource': {'type': '', 'id': 'v000'}}", 400,
     "resource.type: is required"},

    /* variants of actions */
    {"without the property, the action", EVALUATION, "{" ROBOT ", 'action': {'name': 'delete'}, " V1 "}", 200,
     NO("ROLE_TOO_LOW")},
    {"true chooses the variant", EVALUATION,
     "{" ROBOT ", 'action': {'name': 'delete', 'properties': {'soft': true}}, " V1 "}", 200, YES},
    {"false does not", EVALUATION, "{" ROBOT ", 'action': {'name': 'delete', 'properties': {'soft': false}}, " V1 "}",
     200, NO("ROLE_TOO_LOW")},
    {"nor does a property that was not named at the start", EVALUATION,
     "{" ROBOT ", 'action': {'name': 'delete', 'properties': {'locked': true, 'x': 'soft'}}, " V1 "}", 200,
     NO("ROLE_TOO_LOW")},
    {"a text chooses itself", EVALUATION,
     "{" ROBOT ", 'action': {'name': 'delete'}, 'resource': {'type': 'voice', 'id': 'v001', 'properties': {'state': "
     "'soft'}}}",
     200, YES},
    {"where the type has no such variant, the action", EVALUATION,
     "{" ROBOT ", 'action': {'name': 'edit', 'properties': {'soft': true}}, " V1 "}", 200, YES},
    {"several variants must all be allowed", EVALUATION,
     "{" ROBOT ", 'action': {'name': 'delete', 'properties': {'soft': true}}, 'resource': {'type': 'voice', 'id': "
     "'v001', 'properties': {'state': 'locked'}}}",
     200, NO("ROLE_TOO_LOW")},
    {"and are, for an admin", EVALUATION,
     "{'subject': {'type': 'user', 'id': 'boss'}, 'action': {'name': 'delete', 'properties': {'soft': true}}, "
     "'resource': {'type': 'voice', 'id': 'v001', 'properties': {'state': 'locked'}}}",
     200, YES},
    {"a search by variants", SEARCH_SUBJECT,
     "{'subject': {'type': 'service_account'}, 'action': {'name': 'delete', 'properties': {'soft': true}}, " V1 "}",
     200, "{'results': [{'id': 'robot'}]}"},
    {"a search by several variants", SEARCH_SUBJECT,
     "{'subject': {'type': 'service_account'}, 'action': {'name': 'delete', 'properties': {'soft': true}}, 'resource': "
     "{'type': 'voice', 'id': 'v001', 'properties': {'state': 'locked'}}}",
     200, "{'results': []}"},
    {"a search of actions by variants", SEARCH_ACTION,
     "{" ROBOT ", 'resource': {'type': 'voice', 'id': 'v001', 'properties': {'state': 'soft'}}}", 200,
     "{'results': [{'name': 'delete'}, {'name': 'delete_soft'}, {'name': 'edit'}, {'name': 'use'}]}"},

    /* searches */
    {"keys cannot be searched for", SEARCH_SUBJECT, "{'subject': {'type': 'api_key'}, " USE ", " V1 "}", 400,
     "subject.type: keys cannot be searched"},
    {"why there is nothing", SEARCH_RESOURCE, "{" KEY("$M") ", " USE ", 'resource': {'type': 'voice'}}", 200,
     "{'results': [], 'context': {'reason': 'PERMISSION_MISSING'}}"},
    {"nothing from the wrong address", SEARCH_RESOURCE,
     "{" KEY("$N") ", " USE ", 'resource': {'type': 'voice'}, 'context': {'ip': '198.51.100.9'}}", 200,
     "{'results': [], 'context': {'reason': 'IP_NOT_ALLOWED'}}"},
    {"nothing is shared", SEARCH_RESOURCE,
     "{'subject': {'type': 'user', 'id': 'ann'}, 'action': {'name': 'delete'}, 'resource': {'type': 'voice'}}", 200,
     "{'results': [], 'context': {'reason': 'ROLE_TOO_LOW'}}"},
    {"why there is no action", SEARCH_ACTION, "{'subject': {'type': 'user', 'id': 'zoe'}, " V0 "}", 200,
     "{'results': [], 'context': {'reason': 'PRINCIPAL_UNKNOWN'}}"},
    {"more than a list can hold", SEARCH_RESOURCE,
     "{'subject': {'type': 'user', 'id': 'boss'}, 'action': {'name': 'read'}, 'resource': {'type': 'note'}}", 200,
     "{'results': [], 'context': {'reason': 'ALLOWED', 'more_than_listed': true}}"},
    {"subjects of another workspace's resource", SEARCH_SUBJECT,
     "{'subject': {'type': 'user'}, " USE
     ", 'resource': {'type': 'voice', 'id': 'v001', 'properties': {'workspace': 'other'}}}",
     200, "{'results': [], 'context': {'reason': 'WORKSPACE_MISMATCH'}}"},
    {"an invalid token", SEARCH_RESOURCE,
     "{" ROBOT ", " USE ", 'resource': {'type': 'voice'}, 'page': {'token': 'AAAA'}}", 400, "page.token: "},
    {"a token that is no base64url", SEARCH_RESOURCE,
     "{" ROBOT ", " USE ", 'resource': {'type': 'voice'}, 'page': {'token': 'a+b/=='}}", 400, "page.token: "},
};

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
        {"--authzen-subject-type", "identity"},
        {"--authzen-subject-type", "=user"},
        {"--authzen-subject-type", "identity=person"},
        {"--authzen-subject-type", "user=api_key"},
        {"--authzen-action", "GET"},
        {"--authzen-action", "GET="},
        {"--authzen-action", "GET=Read"},
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

/* Without the three options: a principal must name its workspace, nothing chooses variants, and
 * nobody knows the URL. */
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

/* Callers' own names of types and actions, in questions and in results; and searches without
 * ADMINs. */
static void another_server_speaks_its_callers_words(void **state) {
    (void)state;
    struct process server;
    const char *arguments[] = {"sallyportd",
                               "--store",
                               programs.store,
                               "--listen",
                               "127.0.0.1:0",
                               "--authzen-workspace",
                               "acme",
                               "--authzen-subject-type",
                               "identity=user",
                               "--authzen-subject-type",
                               "a=b=service_account",
                               "--authzen-subject-type",
                               "token=api_key",
                               "--authzen-action",
                               "GET=use",
                               "--authzen-action",
                               "HEAD=use",
                               "--authzen-action",
                               "edit=delete",
                               "--authzen-skip-admins",
                               NULL};
    process_start(&server, programs.folder, "words", arguments);
    int main_port = port;
    port = authzen_port(&server);
    process_wait_for(&server, "serving the store");
    expect(EVALUATION, "{'subject': {'type': 'identity', 'id': 'ann'}, 'action': {'name': 'GET'}, " V0 "}", 200, YES);
    expect(EVALUATION, "{'subject': {'type': 'identity', 'id': 'ann'}, 'action': {'name': 'get'}, " V0 "}", 200,
           NO("ACTION_UNKNOWN"));
    expect(EVALUATION, "{'subject': {'type': 'Identity', 'id': 'ann'}, 'action': {'name': 'GET'}, " V0 "}", 200,
           NO("PRINCIPAL_UNKNOWN"));
    expect(EVALUATION, "{" ANN ", " USE ", " V0 "}", 200, YES);
    expect(EVALUATION, "{'subject': {'type': 'a=b', 'id': 'robot'}, 'action': {'name': 'HEAD'}, " V1 "}", 200, YES);
    expect(EVALUATION, "{'subject': {'type': 'token', 'id': '$R'}, 'action': {'name': 'GET'}, " V1 "}", 200, YES);
    /* A name that the type has itself means that. */
    expect(EVALUATION, "{" ROBOT ", 'action': {'name': 'edit'}, " V1 "}", 200, YES);
    expect(EVALUATION,
           "{'subject': {'type': 'user', 'id': 'boss'}, 'action': {'name': 'edit'}, 'resource': {'type': 'note', 'id': "
           "'n'}}",
           200, NO("ACTION_UNKNOWN"));
    expect(SEARCH_SUBJECT, "{'subject': {'type': 'identity'}, 'action': {'name': 'GET'}, " V0 "}", 200,
           "{'results': [{'type': 'identity', 'id': 'ann'}]}");
    expect(SEARCH_SUBJECT, "{'subject': {'type': 'user'}, " USE ", " V1 "}", 200, "{'results': []}");
    expect(SEARCH_ACTION, "{'subject': {'type': 'user', 'id': 'ann'}, " V0 "}", 200, "{'results': [{'name': 'use'}]}");
    /* ADMINs are left out of the list, not of what they may do. */
    expect(EVALUATION, "{'subject': {'type': 'user', 'id': 'boss'}, " USE ", " V1 "}", 200, YES);
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
    const struct CMUnitTest others[] = {
        cmocka_unit_test(wrong_settings_are_refused_at_the_start),
        cmocka_unit_test(another_server_speaks_its_callers_words),
        cmocka_unit_test(another_server_without_settings),
        cmocka_unit_test(a_thousand_evaluations_are_the_most),
        cmocka_unit_test(no_key_comes_back),
    };
    return run_vectors(vectors, sizeof(vectors) / sizeof(*vectors), others, sizeof(others) / sizeof(*others));
}
