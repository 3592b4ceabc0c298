#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/clock.h"
#include "support/admin_fixture.h"
#include "support/fake_clock.h"

static const char group_request[] = "{'requestId': 'r1', 'name': 'Writers'}";

static void gives_the_same_reply_again_and_changes_nothing(void **state) {
    (void)state;
    struct admin_fixture fixture;
    admin_fixture_open(&fixture, NULL);
    const char *admin = admin_workspace(&fixture, "w1");
    json_t *first = json_deep_copy(admin_ok(&fixture, admin, "CreateGroup", group_request));
    uint64_t revision = admin_revision(&fixture);
    admin_ok(&fixture, admin, "CreateUser", "{'id': 'u1', 'name': 'U'}");
    assert_true(json_equal(first, admin_ok(&fixture, admin, "CreateGroup", group_request)));
    assert_int_equal(admin_revision(&fixture), revision + 1);
    admin_ok(&fixture, admin, "ListGroups", "{}");
    assert_int_equal(admin_length(&fixture, "groups"), 1);
    json_decref(first);
    admin_fixture_close(&fixture);
}

static void gives_a_secret_only_once(void **state) {
    (void)state;
    struct admin_fixture fixture;
    admin_fixture_open(&fixture, NULL);
    const char *request = "{'requestId': 'r1', 'name': 'Acme'}";
    admin_ok(&fixture, fixture.operator_key, "CreateWorkspace", request);
    assert_true(admin_text(&fixture, "secret")[0] != '\0');
    const char *id = admin_keep(&fixture, admin_text(&fixture, "workspace.id"));
    const char *key_id = admin_keep(&fixture, admin_text(&fixture, "apiKey.id"));
    for (int i = 0; i < 2; i++) {
        admin_ok(&fixture, fixture.operator_key, "CreateWorkspace", request);
        assert_string_equal(admin_text(&fixture, "secret"), "");
        assert_true(admin_flag(&fixture, "secretAlreadyIssued"));
        assert_string_equal(admin_text(&fixture, "workspace.id"), id);
        assert_string_equal(admin_text(&fixture, "apiKey.id"), key_id);
    }
    admin_fixture_close(&fixture);
}

static void refuses_another_request_under_the_same_id(void **state) {
    (void)state;
    struct admin_fixture fixture;
    admin_fixture_open(&fixture, NULL);
    const char *admin = admin_workspace(&fixture, "w1");
    admin_ok(&fixture, admin, "CreateGroup", group_request);
    admin_fails(&fixture, admin, "CreateGroup", "{'requestId': 'r1', 'name': 'Readers'}", SP_ERR_INVALID, "request_id");
    admin_fixture_close(&fixture);
}

enum { DAY_S = 24 * 60 * 60 };

static void pass_time(struct admin_fixture *fixture, int64_t seconds) {
    fake_clock_pass(seconds * 1000);
    fixture->now_s = sp_clock_now_s();
}

/* The store's time and the clock are the same. */
static void open_in_step(struct admin_fixture *fixture) {
    fake_clock_start();
    admin_fixture_open(fixture, NULL);
    pass_time(fixture, INT64_C(5000) * DAY_S);
}

static void close_in_step(struct admin_fixture *fixture) {
    admin_fixture_close(fixture);
    fake_clock_end();
}

static void a_clock_that_jumps_ahead_forgets_no_request_id(void **state) {
    (void)state;
    struct admin_fixture fixture;
    open_in_step(&fixture);
    const char *admin = admin_workspace(&fixture, "w1");
    admin_ok(&fixture, admin, "CreateGroup", group_request);
    const char *first = admin_keep(&fixture, admin_text(&fixture, "group.id"));
    fake_clock_jump(500 * DAY_S);
    pass_time(&fixture, 60);
    admin_ok(&fixture, admin, "CreateGroup", group_request);
    assert_string_equal(admin_text(&fixture, "group.id"), first);
    close_in_step(&fixture);
}

static void forgets_after_a_day(void **state) {
    (void)state;
    struct admin_fixture fixture;
    open_in_step(&fixture);
    const char *admin = admin_workspace(&fixture, "w1");
    admin_ok(&fixture, admin, "CreateGroup", group_request);
    const char *first = admin_keep(&fixture, admin_text(&fixture, "group.id"));
    pass_time(&fixture, DAY_S - 1);
    admin_ok(&fixture, admin, "CreateGroup", group_request);
    assert_string_equal(admin_text(&fixture, "group.id"), first);
    pass_time(&fixture, 1);
    admin_ok(&fixture, admin, "CreateGroup", group_request);
    assert_string_not_equal(admin_text(&fixture, "group.id"), first);
    close_in_step(&fixture);
}

static void keeps_workspaces_actors_and_methods_apart(void **state) {
    (void)state;
    struct admin_fixture fixture;
    admin_fixture_open(&fixture, NULL);
    const char *first = admin_workspace(&fixture, "w1");
    const char *other_workspace = admin_workspace(&fixture, "w2");
    admin_ok(&fixture, first, "CreateUser", "{'id': 'ann', 'name': 'Ann', 'role': 'WORKSPACE_ROLE_ADMIN'}");
    const char *other_actor = admin_new_key(&fixture, first, "ann", "{'all': true}", "");
    const char *same_actor = admin_new_key(&fixture, first, "w1-admin", "{'all': true}", "");
    admin_ok(&fixture, first, "CreateGroup", group_request);
    const char *id = admin_keep(&fixture, admin_text(&fixture, "group.id"));
    admin_ok(&fixture, same_actor, "CreateGroup", group_request);
    assert_string_equal(admin_text(&fixture, "group.id"), id);
    admin_ok(&fixture, other_actor, "CreateGroup", group_request);
    assert_string_not_equal(admin_text(&fixture, "group.id"), id);
    admin_ok(&fixture, other_workspace, "CreateGroup", group_request);
    assert_string_not_equal(admin_text(&fixture, "group.id"), id);
    admin_ok(&fixture, first, "CreateUser", group_request);
    assert_string_equal(admin_text(&fixture, "principal.name"), "Writers");
    admin_fixture_close(&fixture);
}

static void replays_only_to_those_who_may_still_act(void **state) {
    (void)state;
    struct admin_fixture fixture;
    admin_fixture_open(&fixture, NULL);
    const char *admin = admin_workspace(&fixture, "w1");
    admin_ok(&fixture, admin, "CreateUser", "{'id': 'ann', 'name': 'Ann', 'role': 'WORKSPACE_ROLE_ADMIN'}");
    const char *ann = admin_new_key(&fixture, admin, "ann", "{'all': true}", ", 'id': 'k1'");
    admin_ok(&fixture, ann, "CreateGroup", group_request);
    admin_ok(&fixture, admin, "UpdatePrincipal",
             "{'principal': {'id': 'ann', 'role': 'WORKSPACE_ROLE_MEMBER'}, 'updateMask': ['role']}");
    admin_fails(&fixture, ann, "CreateGroup", group_request, SP_ERR_PERMISSION, NULL);
    admin_ok(&fixture, admin, "UpdatePrincipal",
             "{'principal': {'id': 'ann', 'role': 'WORKSPACE_ROLE_ADMIN'}, 'updateMask': ['role']}");
    admin_ok(&fixture, ann, "CreateGroup", group_request);
    admin_ok(&fixture, admin, "DisableApiKey", "{'id': 'k1'}");
    admin_fails(&fixture, ann, "CreateGroup", group_request, SP_ERR_UNAUTHENTICATED, "[KEY_DISABLED]");
    admin_fixture_close(&fixture);
}

/* "Self" is another key where another key asks: to be told that it is disabled while it is not
 * would be fatal. */
static void a_call_about_the_acting_key_is_not_answered_to_another(void **state) {
    (void)state;
    struct admin_fixture fixture;
    admin_fixture_open(&fixture, NULL);
    const char *admin = admin_workspace(&fixture, "w1");
    const char *keys[] = {admin_new_key(&fixture, admin, "w1-admin", "{'all': true}", ", 'id': 'k0'"),
                          admin_new_key(&fixture, admin, "w1-admin", "{'all': true}", ", 'id': 'k1'")};
    for (size_t i = 0; i < 2; i++) {
        const char *id = admin_format(&fixture, "k%zu", i);
        admin_ok(&fixture, keys[i], "RotateApiKey", "{'requestId': 'r1'}");
        assert_string_equal(admin_text(&fixture, "apiKey.rotatedFrom"), id);
        assert_true(admin_text(&fixture, "secret")[0] != '\0');
    }
    for (size_t i = 0; i < 2; i++) {
        const char *id = admin_format(&fixture, "k%zu", i);
        admin_ok(&fixture, keys[i], "DisableSelf", "{'requestId': 'r1', 'reason': 'leaked'}");
        assert_string_equal(admin_text(&fixture, "apiKey.id"), id);
        admin_fails(&fixture, keys[i], "WhoAmI", "{}", SP_ERR_UNAUTHENTICATED, "[KEY_DISABLED]");
    }
    admin_fixture_close(&fixture);
}

/* What one key of a principal may is not what the other may: the handler's own checks are not
 * skipped by a replay. */
static void a_rotation_is_not_replayed_to_a_weaker_key_of_the_same_principal(void **state) {
    (void)state;
    struct admin_fixture fixture;
    admin_fixture_open(&fixture, NULL);
    const char *admin = admin_workspace(&fixture, "w1");
    const char *weak = admin_new_key(&fixture, admin, "w1-admin", "{'names': ['voices_read']}", "");
    const char *request = "{'requestId': 'r1', 'id': 'k1'}";
    admin_new_key(&fixture, admin, "w1-admin", "{'all': true}", ", 'id': 'k1'");
    admin_ok(&fixture, admin, "RotateApiKey", request);
    admin_fails(&fixture, weak, "RotateApiKey", request, SP_ERR_PERMISSION, NULL);
    admin_fixture_close(&fixture);
}

static void keeps_nothing_of_a_refused_call(void **state) {
    (void)state;
    struct admin_fixture fixture;
    admin_fixture_open(&fixture, NULL);
    const char *admin = admin_workspace(&fixture, "w1");
    const char *request = "{'requestId': 'r1', 'group': 'g1', 'principals': ['w1-admin']}";
    admin_fails(&fixture, admin, "AddGroupMembers", request, SP_ERR_NOT_FOUND, NULL);
    admin_ok(&fixture, admin, "CreateGroup", "{'id': 'g1', 'name': 'G'}");
    admin_ok(&fixture, admin, "AddGroupMembers", request);
    assert_int_equal(admin_number(&fixture, "group.members"), 1);
    admin_fixture_close(&fixture);
}

static void checks_the_form_of_the_id(void **state) {
    (void)state;
    struct admin_fixture fixture;
    admin_fixture_open(&fixture, NULL);
    const char *admin = admin_workspace(&fixture, "w1");
    static const struct {
        const char *id;
        enum sp_status status;
    } cases[] = {
        {"0123456789012345678901234567890123456789012345678901234567890123", SP_OK},
        {"01234567890123456789012345678901234567890123456789012345678901234", SP_ERR_INVALID},
        {"any printable / ASCII ~", SP_OK},
        {"caf\u00e9", SP_ERR_INVALID},
        {"a\\tb", SP_ERR_INVALID},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        const char *request = admin_format(&fixture, "{'requestId': '%s', 'name': 'G'}", cases[i].id);
        if (cases[i].status == SP_OK)
            admin_ok(&fixture, admin, "CreateGroup", request);
        else
            admin_fails(&fixture, admin, "CreateGroup", request, cases[i].status, "request_id");
    }
    admin_fixture_close(&fixture);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_the_same_reply_again_and_changes_nothing),
        cmocka_unit_test(gives_a_secret_only_once),
        cmocka_unit_test(refuses_another_request_under_the_same_id),
        cmocka_unit_test(forgets_after_a_day),
        cmocka_unit_test(a_clock_that_jumps_ahead_forgets_no_request_id),
        cmocka_unit_test(keeps_workspaces_actors_and_methods_apart),
        cmocka_unit_test(replays_only_to_those_who_may_still_act),
        cmocka_unit_test(a_call_about_the_acting_key_is_not_answered_to_another),
        cmocka_unit_test(a_rotation_is_not_replayed_to_a_weaker_key_of_the_same_principal),
        cmocka_unit_test(keeps_nothing_of_a_refused_call),
        cmocka_unit_test(checks_the_form_of_the_id),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
