/* ExplainKey, WhoAmI and the audit trail. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "store/records/change.h"
#include "store/records/write.h"
#include "support/admin_fixture.h"

struct scene {
    struct admin_fixture fixture;
    const char *admin;
    const char *other; /* the admin of w2 */
};

static int set_up(void **state) {
    struct scene *scene = test_calloc(1, sizeof(*scene));
    admin_fixture_open(&scene->fixture, NULL);
    scene->admin = admin_workspace(&scene->fixture, "w1");
    scene->other = admin_workspace(&scene->fixture, "w2");
    admin_ok(&scene->fixture, scene->admin, "CreateUser", "{'id': 'ann', 'name': 'Ann'}");
    *state = scene;
    return 0;
}

static int tear_down(void **state) {
    struct scene *scene = *state;
    admin_fixture_close(&scene->fixture);
    test_free(scene);
    return 0;
}

/* ---- ExplainKey ---- */

static void explains_a_key_by_its_id(void **state) {
    struct scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    admin_new_key(fixture, scene->admin, "ann", "{'names': ['text_to_speech']}",
                  ", 'id': 'k1', 'allowedIps': {'entries': ['198.51.100.0/24']}");
    const char *request = "{'keyId': 'k1', 'ip': '198.51.100.7', 'resource': {'type': 'voice', 'id': 'v1'}, "
                          "'action': 'use'}";
    admin_ok(fixture, scene->admin, "ExplainKey", request);
    assert_string_equal(admin_text(fixture, "answer.reason"), "RESOURCE_UNKNOWN");
    assert_string_equal(admin_text(fixture, "answer.keyId"), "k1");
    assert_int_equal(admin_length(fixture, "steps"), 11);
    assert_true(admin_length(fixture, "changesNeeded") > 0);
    admin_ok(fixture, scene->admin, "ExplainKey",
             "{'keyId': 'k1', 'resource': {'type': 'voice', 'id': 'v1'}, 'action': 'use'}");
    assert_string_equal(admin_text(fixture, "answer.reason"), "IP_NOT_ALLOWED");
    admin_ok(fixture, fixture->operator_key, "ExplainKey",
             "{'workspace': 'w1', 'keyId': 'k1', 'ip': '198.51.100.7', 'resource': {'type': 'voice', 'id': 'v1'}, "
             "'action': 'use'}");
    admin_fails(fixture, scene->other, "ExplainKey", request, SP_ERR_NOT_FOUND, "k1");
    fixture->now_s += 1;
    admin_ok(fixture, scene->admin, "DisableApiKey", "{'id': 'k1'}");
    admin_ok(fixture, scene->admin, "ExplainKey", request);
    assert_string_equal(admin_text(fixture, "answer.reason"), "KEY_DISABLED");
}

static void names_the_field_of_a_question_that_is_none(void **state) {
    static const struct {
        const char *request;
        const char *says;
    } questions[] = {
        {"{'keyId': 'k1', 'action': 'use'}", "resource"},
        {"{'keyId': 'k1', 'resource': {'type': 'voice', 'id': 'v1'}}", "action"},
        {"{'keyId': 'k1', 'resource': {'id': 'v1'}, 'action': 'use'}", "resource.type"},
        {"{'keyId': 'k1', 'ip': '1.2.3', 'resource': {'type': 'voice', 'id': 'v1'}, 'action': 'use'}", "ip"},
        {"{'resource': {'type': 'voice', 'id': 'v1'}, 'action': 'use'}", "key"},
    };
    struct scene *scene = *state;
    admin_new_key(&scene->fixture, scene->admin, "ann", "{'all': true}", ", 'id': 'k1'");
    for (size_t i = 0; i < sizeof(questions) / sizeof(*questions); i++)
        admin_fails(&scene->fixture, scene->admin, "ExplainKey", questions[i].request, SP_ERR_INVALID,
                    questions[i].says);
}

/* ---- WhoAmI ---- */

static void tells_each_caller_who_it_is(void **state) {
    struct scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    const char *ann = admin_new_key(fixture, scene->admin, "ann", "{'names': ['text_to_speech']}", ", 'id': 'k1'");
    admin_ok(fixture, ann, "WhoAmI", "{}");
    assert_string_equal(admin_text(fixture, "actor.kind"), "ACTOR_PRINCIPAL");
    assert_string_equal(admin_text(fixture, "actor.keyId"), "k1");
    assert_string_equal(admin_text(fixture, "principal.id"), "ann");
    assert_string_equal(admin_text(fixture, "workspace.id"), "w1");
    assert_string_equal(admin_text(fixture, "address"), "203.0.113.9");
    assert_int_equal(admin_number(fixture, "revision.number"), (int64_t)admin_revision(fixture));
    admin_ok(fixture, fixture->operator_key, "WhoAmI", "{}");
    assert_string_equal(admin_text(fixture, "actor.kind"), "ACTOR_OPERATOR");
    assert_string_equal(admin_text(fixture, "actor.id"), "root");
    assert_true(json_is_null(admin_at(fixture, "apiKey")) || admin_at(fixture, "apiKey") == NULL);
}

/* ---- ListChanges ---- */

static void tells_who_did_what_from_where(void **state) {
    struct scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    const char *key = admin_new_key(fixture, scene->admin, "ann", "{'all': true}", ", 'id': 'k1', 'requestId': 'r7'");
    int64_t number = admin_number(fixture, "revision.number");
    admin_ok(fixture, scene->admin, "ListChanges", admin_format(fixture, "{'fromNumber': '%lld'}", (long long)number));
    assert_int_equal(admin_length(fixture, "changes"), 1);
    assert_string_equal(admin_text(fixture, "changes.0.method"), "CreateApiKey");
    assert_string_equal(admin_text(fixture, "changes.0.requestId"), "r7");
    assert_string_equal(admin_text(fixture, "changes.0.address"), "203.0.113.9");
    assert_string_equal(admin_text(fixture, "changes.0.actor.id"), "w1-admin");
    assert_string_equal(admin_text(fixture, "changes.0.entities.0.apiKeyAfter.id"), "k1");
    char *dump = json_dumps(fixture->reply, 0);
    assert_null(strstr(dump, key));
    free(dump);
}

static void a_workspace_sees_its_own_changes_and_operators_all(void **state) {
    struct scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    admin_ok(fixture, scene->other, "CreateGroup", "{'id': 'g', 'name': 'G'}");
    admin_ok(fixture, scene->admin, "ListChanges", "{}");
    size_t own = admin_length(fixture, "changes");
    assert_int_equal(own, 2);
    for (size_t i = 0; i < own; i++)
        assert_string_equal(admin_text(fixture, admin_format(fixture, "changes.%zu.workspace", i)), "w1");
    admin_fails(fixture, scene->admin, "ListChanges", "{'workspace': 'w2'}", SP_ERR_NOT_FOUND, NULL);
    admin_ok(fixture, fixture->operator_key, "ListChanges", "{}");
    assert_int_equal(admin_length(fixture, "changes"), admin_revision(fixture));
    admin_ok(fixture, fixture->operator_key, "ListChanges", "{'workspace': 'w2'}");
    assert_int_equal(admin_length(fixture, "changes"), 2);
}

static void pages_go_on_where_the_last_one_ended(void **state) {
    struct scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    for (int i = 0; i < 5; i++) {
        admin_ok(fixture, scene->admin, "CreateGroup", "{'name': 'G'}");
        admin_ok(fixture, scene->other, "CreateGroup", "{'name': 'G'}");
    }
    const char *token = "";
    size_t seen = 0;
    int64_t last = 0;
    do {
        admin_ok(fixture, scene->admin, "ListChanges",
                 admin_format(fixture, "{'pageSize': 2, 'pageToken': '%s'}", token));
        for (size_t i = 0; i < admin_length(fixture, "changes"); i++, seen++) {
            int64_t number = admin_number(fixture, admin_format(fixture, "changes.%zu.revision.number", i));
            assert_true(number > last);
            last = number;
        }
        token = admin_keep(fixture, admin_text(fixture, "nextPageToken"));
    } while (token[0] != '\0');
    assert_int_equal(seen, 7);
    admin_fails(fixture, scene->admin, "ListChanges", "{'pageToken': 'AAAA'}", SP_ERR_INVALID, "page_token");
    admin_fails(fixture, scene->admin, "ListChanges", "{'pageSize': 1001}", SP_ERR_INVALID, "page_size");
}

static void a_page_is_bounded_in_bytes(void **state) {
    struct scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    char name[128];
    memset(name, 'n', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    /* Eight changes of a thousand shares each: more than one page holds. */
    admin_ok(fixture, fixture->operator_key, "UpdateWorkspace",
             "{'workspace': {'id': 'w1', 'quotas': {'grants': 2000}}, 'updateMask': ['quotas']}");
    for (int round = 0; round < 8; round++) {
        json_t *updates = json_array();
        for (int i = 0; i < 1000; i++) {
            json_t *update = json_pack("{s:{s:s,s:o},s:{s:s},s:s}", "resource", "type", "history_item", "id",
                                       json_sprintf("%.100s%d", name, i), "subject", "principal", "ann", "role",
                                       round % 2 == 0 ? "ROLE_VIEWER" : "ROLE_EDITOR");
            json_array_append_new(updates, update);
        }
        json_t *request = json_pack("{s:o}", "updates", updates);
        char *text = json_dumps(request, 0);
        admin_ok(fixture, scene->admin, "UpdateShares", text);
        free(text);
        json_decref(request);
    }
    const char *token = "";
    size_t pages = 0;
    size_t seen = 0;
    do {
        admin_ok(fixture, scene->admin, "ListChanges", admin_format(fixture, "{'pageToken': '%s'}", token));
        seen += admin_length(fixture, "changes");
        pages++;
        token = admin_keep(fixture, admin_text(fixture, "nextPageToken"));
    } while (token[0] != '\0');
    assert_int_equal(seen, 11);
    assert_true(pages > 1);
}

static void what_was_trimmed_is_out_of_range(void **state) {
    struct scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    struct sp_write *write = NULL;
    struct sp_error error;
    size_t removed = 0;
    fixture->now_s += 100;
    admin_ok(fixture, scene->admin, "CreateGroup", "{'name': 'G'}");
    assert_int_equal(sp_write_begin(fixture->store, &write, &error), SP_OK);
    assert_int_equal(sp_change_trim(write, ADMIN_FIXTURE_NOW_S + 50, 1000, &removed), SP_OK);
    assert_int_equal(sp_write_commit(write, &error), SP_OK);
    assert_true(removed > 0);
    admin_fails(fixture, scene->admin, "ListChanges", "{'fromNumber': '1'}", SP_ERR_OUT_OF_RANGE, "from_number");
    admin_ok(fixture, scene->admin, "ListChanges", "{}");
    assert_int_equal(admin_length(fixture, "changes"), 1);
}

int main(void) {
#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(explains_a_key_by_its_id),
        CASE(names_the_field_of_a_question_that_is_none),
        CASE(tells_each_caller_who_it_is),
        CASE(tells_who_did_what_from_where),
        CASE(a_workspace_sees_its_own_changes_and_operators_all),
        CASE(pages_go_on_where_the_last_one_ended),
        CASE(a_page_is_bounded_in_bytes),
        CASE(what_was_trimmed_is_out_of_range),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return failed > 255 ? 255 : failed;
}
