/* What a workspace demands of its keys, who says so, and which keys are older than that. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "support/admin_fixture.h"

enum { NOW_S = ADMIN_FIXTURE_NOW_S };
#define DAY_S INT64_C(86400)

#define READ "{'names': ['voices_read']}"
#define ROTATE "{'names': ['voices_read', 'api_key_rotate']}"
#define ENDING ", 'expiresAt': '1700000100', 'notAfter': '1800000000'"

static int set_up(void **state) {
    struct admin_scene *scene = admin_scene_open(NULL);
    admin_ok(&scene->fixture, scene->admin, "CreateUser", "{'id': 'ann', 'name': 'Ann'}");
    admin_ok(&scene->fixture, scene->admin, "CreateServiceAccount", "{'id': 'bot', 'name': 'Bot'}");
    *state = scene;
    return 0;
}

static void set_policy(struct admin_scene *scene, const char *field, const char *value) {
    admin_ok(&scene->fixture, scene->admin, "UpdateWorkspace",
             admin_format(&scene->fixture, "{'workspace': {'policy': {%s}}, 'updateMask': ['policy%s%s']}", value,
                          field[0] == '\0' ? "" : ".", field));
}

static void admins_set_the_policy_and_nothing_else(void **state) {
    static const struct {
        const char *request;
        enum sp_status status;
        const char *says;
    } rows[] = {
        {"{'workspace': {'name': 'Mine'}, 'updateMask': ['name']}", SP_ERR_PERMISSION, "an operator's key for name"},
        {"{'workspace': {'seats': 9}, 'updateMask': ['policy', 'seats']}", SP_ERR_PERMISSION, "for seats"},
        {"{'workspace': {'disabled': true}, 'updateMask': ['disabled']}", SP_ERR_PERMISSION, "for disabled"},
        {"{'updateMask': ['policy']}", SP_ERR_INVALID, "workspace: required"},
        {"{'workspace': {'id': 'w2', 'policy': {}}, 'updateMask': ['policy']}", SP_ERR_NOT_FOUND, "w2"},
        {"{'workspace': {'policy': {'maxKeyLifetimeS': '99999999999'}}, 'updateMask': ['policy']}", SP_ERR_INVALID,
         "100 years"},
        {"{'workspace': {'policy': {}}, 'updateMask': ['policy.nothing']}", SP_ERR_INVALID, "must be one of"},
    };
    struct admin_scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        admin_fails(fixture, scene->admin, "UpdateWorkspace", rows[i].request, rows[i].status, rows[i].says);
    /* A field of it leaves the others; all of it replaces them. */
    set_policy(scene, "max_key_lifetime_s", "'maxKeyLifetimeS': '86400'");
    set_policy(scene, "holders_may_not_disable", "'holdersMayNotDisable': true");
    set_policy(scene, "key_creators", "'keyCreators': 'KEY_CREATORS_HOLDERS'");
    assert_int_equal(admin_number(fixture, "workspace.policy.maxKeyLifetimeS"), DAY_S);
    assert_true(admin_flag(fixture, "workspace.policy.holdersMayNotDisable"));
    set_policy(scene, "", "'maxKeyLifetimeS': '7'");
    assert_false(admin_flag(fixture, "workspace.policy.holdersMayNotDisable"));
    admin_ok(fixture, fixture->operator_key, "UpdateWorkspace",
             "{'workspace': {'id': 'w1'}, 'updateMask': ['policy']}");
    assert_int_equal(admin_number(fixture, "workspace.policy.maxKeyLifetimeS"), 0);
}

static void no_key_is_made_or_lengthened_beyond_the_longest_lifetime(void **state) {
    static const struct {
        const char *method;
        const char *request;
        bool may;
    } rows[] = {
        {"CreateApiKey", "{'principal': 'bot', 'name': 'x', 'permissions': " READ "}", false},
        {"CreateApiKey", "{'principal': 'bot', 'name': 'x', 'permissions': " READ ", 'expiresAt': '1700086401'}",
         false},
        {"CreateApiKey", "{'principal': 'bot', 'name': 'x', 'permissions': " READ ", 'expiresAt': '1700086400'}", true},
        {"UpdateApiKey", "{'id': 'old', 'updateMask': ['name'], 'name': 'y'}", true},
        {"UpdateApiKey", "{'id': 'old', 'updateMask': ['expires_at'], 'expiresAt': '1800000000'}", true}, /* earlier */
        {"UpdateApiKey", "{'id': 'young', 'updateMask': ['expires_at'], 'expiresAt': '1700086401'}", false},
        {"UpdateApiKey", "{'id': 'young', 'updateMask': ['expires_at']}", false},
        {"UpdateApiKey", "{'id': 'young', 'updateMask': ['expires_at'], 'expiresAt': '1700086400'}", true},
        {"RotateApiKey", "{'id': 'young', 'expiresAt': '1700086401'}", false},
        {"RotateApiKey", "{'id': 'young', 'expiresAt': '1700086400'}", true},
    };
    struct admin_scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    admin_new_key(fixture, scene->admin, "bot", READ, ", 'id': 'old'");
    admin_new_key(fixture, scene->admin, "bot", READ, ", 'id': 'young', 'expiresAt': '1700000500'");
    set_policy(scene, "max_key_lifetime_s", "'maxKeyLifetimeS': '86400'");
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        if (rows[i].may)
            admin_ok(fixture, scene->admin, rows[i].method, rows[i].request);
        else
            admin_fails(fixture, scene->admin, rows[i].method, rows[i].request, SP_ERR_PRECONDITION,
                        "live at most 86400 seconds: choose an expiry up to 2023-11-15T22:13:20Z");
    /* It binds operators too, and a rotation without a wish keeps to it. */
    admin_fails(fixture, fixture->operator_key, "CreateApiKey",
                "{'workspace': 'w1', 'principal': 'w1-admin', 'name': 'x', 'permissions': " READ "}",
                SP_ERR_PRECONDITION, "live at most");
    admin_ok(fixture, scene->admin, "RotateApiKey", "{'id': 'old'}");
    assert_int_equal(admin_number(fixture, "apiKey.expiresAt"), NOW_S + DAY_S);
}

static void lists_show_the_keys_that_live_longer_than_the_policy_allows_now(void **state) {
    struct admin_scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    admin_new_key(fixture, scene->admin, "bot", READ, ", 'id': 'endless'");
    admin_new_key(fixture, scene->admin, "bot", READ, ", 'id': 'long', 'expiresAt': '1800000000'");
    admin_new_key(fixture, scene->admin, "bot", READ, ", 'id': 'short', 'expiresAt': '1700000500'");
    admin_ok(fixture, scene->admin, "ListApiKeys", "{'principal': 'bot', 'beyondMaxLifetimeOnly': true}");
    assert_int_equal(admin_length(fixture, "apiKeys"), 0);
    set_policy(scene, "max_key_lifetime_s", "'maxKeyLifetimeS': '86400'");
    admin_ok(fixture, scene->admin, "ListApiKeys", "{'principal': 'bot', 'beyondMaxLifetimeOnly': true}");
    assert_int_equal(admin_length(fixture, "apiKeys"), 2);
    assert_string_equal(admin_text(fixture, "apiKeys.0.id"), "endless");
    assert_string_equal(admin_text(fixture, "apiKeys.1.id"), "long");
    admin_ok(fixture, scene->admin, "GetApiKey", "{'id': 'long'}");
    assert_true(admin_flag(fixture, "beyondMaxLifetime"));
    admin_ok(fixture, scene->admin, "GetApiKey", "{'id': 'short'}");
    assert_false(admin_flag(fixture, "beyondMaxLifetime"));
}

static void a_key_that_rotates_itself_for_ever_needs_an_end_to_go_on(void **state) {
    struct admin_scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    const char *rotor = admin_new_key(fixture, scene->admin, "bot", ROTATE, ", 'id': 'k1'");
    set_policy(scene, "max_key_lifetime_s", "'maxKeyLifetimeS': '86400'");
    admin_fails(fixture, rotor, "RotateApiKey", "{}", SP_ERR_INVALID, "not_after: required");
    admin_ok(fixture, rotor, "RotateApiKey", "{'notAfter': '1800000000'}");
    assert_int_equal(admin_number(fixture, "apiKey.expiresAt"), NOW_S + DAY_S);
    assert_int_equal(admin_number(fixture, "apiKey.notAfter"), 1800000000);
}

static void holders_disable_their_keys_unless_key_or_workspace_forbid_it(void **state) {
    struct admin_scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    const char *free_key = admin_new_key(fixture, scene->admin, "bot", READ, "");
    const char *kept = admin_new_key(fixture, scene->admin, "bot", READ, ", 'id': 'kept', 'holderMayNotDisable': true");
    const char *other = admin_new_key(fixture, scene->admin, "bot", READ, "");
    admin_fails(fixture, kept, "DisableSelf", "{}", SP_ERR_PRECONDITION, "ask an admin of workspace w1");
    admin_ok(fixture, scene->admin, "RotateApiKey", "{'id': 'kept'}");
    admin_fails(fixture, admin_keep(fixture, admin_text(fixture, "secret")), "DisableSelf", "{}", SP_ERR_PRECONDITION,
                NULL);
    admin_ok(fixture, free_key, "DisableSelf", "{}");
    set_policy(scene, "holders_may_not_disable", "'holdersMayNotDisable': true");
    admin_fails(fixture, other, "DisableSelf", "{}", SP_ERR_PRECONDITION, "holder");
    admin_ok(fixture, scene->admin, "DisableApiKey", "{'id': 'kept'}");
    admin_ok(fixture, scene->admin, "UpdateApiKey", "{'id': 'kept', 'updateMask': ['holder_may_not_disable']}");
    assert_false(admin_flag(fixture, "apiKey.holderMayNotDisable"));
}

/* A holder who rotates could end its key at once by a short grace, or later by a successor that
 * ends early. */
static void what_holders_may_not_end_by_disabling_they_may_not_end_by_rotating(void **state) {
    static const struct {
        const char *rest;    /* of the key */
        const char *request; /* of the rotation */
        const char *says;    /* NULL: it may */
    } rows[] = {
        {"", "{'graceS': 1}", "grace_s: key k0 may not be disabled by its holder"},
        {"", "{'graceS': 86399}", "for at least 86400 seconds"},
        {"", "{'graceS': 86400}", NULL},
        {"", "{}", NULL},
        {"", "{'expiresAt': '1900000000'}", "as long as it would: indefinitely"},
        {ENDING, "{'graceS': 99}", "grace_s"},
        {ENDING, "{'graceS': 100}", NULL}, /* it ends then anyway */
        {ENDING, "{}", NULL},
        {ENDING, "{'expiresAt': '1700000099'}", "as long as it would, until 2023-11-14T22:15:00Z"},
        {ENDING, "{'notAfter': '1700000099'}", "expires_at"},
        {ENDING, "{'expiresAt': '1700000100', 'notAfter': '1700000100'}", NULL},
    };
    for (size_t by_policy = 0; by_policy < 2; by_policy++)
        for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
            void *fresh = NULL;
            set_up(&fresh);
            struct admin_scene *scene = fresh;
            struct admin_fixture *fixture = &scene->fixture;
            const char *flag = by_policy == 0 ? ", 'holderMayNotDisable': true" : "";
            const char *key = admin_new_key(fixture, scene->admin, "bot", ROTATE,
                                            admin_format(fixture, ", 'id': 'k0'%s%s", rows[i].rest, flag));
            if (by_policy != 0)
                set_policy(scene, "holders_may_not_disable", "'holdersMayNotDisable': true");
            if (rows[i].says != NULL)
                admin_fails(fixture, key, "RotateApiKey", rows[i].request, SP_ERR_PRECONDITION, rows[i].says);
            else
                admin_ok(fixture, key, "RotateApiKey", rows[i].request);
            /* Admins disable keys, and so may rotate one away, their own too. */
            admin_ok(fixture, scene->admin, "RotateApiKey", "{'id': 'k0', 'graceS': 1}");
            admin_scene_tear_down(&fresh);
        }
    (void)state;
}

static void an_admin_disables_its_own_key_by_either_call(void **state) {
    struct admin_scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    const char *mine = admin_new_key(fixture, scene->admin, "w1-admin", "{'all': true}",
                                     ", 'id': 'mine', 'holderMayNotDisable': true");
    set_policy(scene, "holders_may_not_disable", "'holdersMayNotDisable': true");
    admin_ok(fixture, mine, "DisableSelf", "{}");
    assert_true(admin_flag(fixture, "apiKey.disabled"));
    admin_ok(fixture, scene->admin, "EnableApiKey", "{'id': 'mine'}");
    admin_ok(fixture, mine, "DisableApiKey", "{'id': 'mine'}");
    assert_true(admin_flag(fixture, "apiKey.disabled"));
    /* Without workspace_write an ADMIN's key is a holder's. */
    admin_ok(fixture, scene->admin, "EnableApiKey", "{'id': 'mine'}");
    admin_ok(fixture, scene->admin, "UpdateApiKey",
             "{'id': 'mine', 'updateMask': ['permissions'], 'permissions': " READ "}");
    admin_fails(fixture, mine, "DisableSelf", "{}", SP_ERR_PRECONDITION, "ask an admin");
    admin_fails(fixture, mine, "DisableApiKey", "{'id': 'mine'}", SP_ERR_PERMISSION, NULL);
}

static void a_key_that_a_holder_makes_is_under_the_rule_of_its_own(void **state) {
    struct admin_scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    const char *request = "{'principal': 'bot', 'name': 'x', 'permissions': " READ "}";
    const char *kept = admin_new_key(fixture, scene->admin, "bot", ROTATE, ", 'holderMayNotDisable': true");
    const char *loose = admin_new_key(fixture, scene->admin, "bot", ROTATE, "");
    set_policy(scene, "key_creators", "'keyCreators': 'KEY_CREATORS_HOLDERS'");
    admin_ok(fixture, kept, "CreateApiKey", request);
    assert_true(admin_flag(fixture, "apiKey.holderMayNotDisable"));
    admin_fails(fixture, admin_keep(fixture, admin_text(fixture, "secret")), "DisableSelf", "{}", SP_ERR_PRECONDITION,
                NULL);
    admin_ok(fixture, kept, "RotateApiKey", "{}");
    assert_true(admin_flag(fixture, "apiKey.holderMayNotDisable"));
    admin_ok(fixture, loose, "CreateApiKey", request);
    assert_false(admin_flag(fixture, "apiKey.holderMayNotDisable"));
}

static void holders_create_keys_for_themselves_only_where_the_policy_lets_them(void **state) {
    struct admin_scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    const char *rotor = admin_new_key(fixture, scene->admin, "bot", ROTATE,
                                      ", 'id': 'k1', 'expiresAt': '1700000500', 'notAfter': '1700001000'");
    const char *reader = admin_new_key(fixture, scene->admin, "bot", "{'all': true}", "");
    const char *mine = "{'principal': 'bot', 'name': 'x', 'permissions': " READ ", 'expiresAt': '1700001000'}";
    admin_fails(fixture, rotor, "CreateApiKey", mine, SP_ERR_PERMISSION, "CreateApiKey requires");
    set_policy(scene, "key_creators", "'keyCreators': 'KEY_CREATORS_HOLDERS'");
    admin_ok(fixture, rotor, "CreateApiKey", mine);
    assert_string_equal(admin_text(fixture, "apiKey.createdByKey"), "k1");
    assert_int_equal(admin_number(fixture, "apiKey.notAfter"), NOW_S + 1000);
    static const struct {
        const char *request;
        const char *says;
    } rows[] = {
        {"{'principal': 'bot', 'name': 'x', 'permissions': " READ "}", "outlives"},
        {"{'principal': 'bot', 'name': 'x', 'permissions': " READ ", 'expiresAt': '1700001001'}", "last beyond"},
        {"{'principal': 'bot', 'name': 'x', 'permissions': {'all': true}, 'expiresAt': '1700001000'}", "permissions"},
        {"{'principal': 'bot', 'name': 'x', 'permissions': {'names': ['resource_register']}, 'expiresAt': "
         "'1700001000'}",
         "only an operator"},
        {"{'principal': 'ann', 'name': 'x', 'permissions': " READ ", 'expiresAt': '1700001000'}", "its own principal"},
        {"{'principal': 'nobody', 'name': 'x', 'permissions': " READ ", 'expiresAt': '1700001000'}",
         "its own principal"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        admin_fails(fixture, rotor, "CreateApiKey", rows[i].request, SP_ERR_PERMISSION, rows[i].says);
    admin_fails(fixture, reader, "CreateApiKey", mine, SP_ERR_PERMISSION, "api_key_rotate");
}

static void a_new_workspace_keeps_to_its_policy_from_the_first_key_on(void **state) {
    struct admin_scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    admin_ok(fixture, fixture->operator_key, "CreateWorkspace",
             "{'id': 'w2', 'name': 'Two', 'policy': {'maxKeyLifetimeS': '3600'}}");
    assert_int_equal(admin_number(fixture, "apiKey.expiresAt"), NOW_S + 3600);
    admin_fails(fixture, fixture->operator_key, "CreateWorkspace",
                "{'id': 'w3', 'name': 'Three', 'policy': {'maxKeyLifetimeS': '99999999999'}}", SP_ERR_INVALID, NULL);
}

int main(void) {
#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, admin_scene_tear_down)
    const struct CMUnitTest tests[] = {
        CASE(admins_set_the_policy_and_nothing_else),
        CASE(no_key_is_made_or_lengthened_beyond_the_longest_lifetime),
        CASE(lists_show_the_keys_that_live_longer_than_the_policy_allows_now),
        CASE(a_key_that_rotates_itself_for_ever_needs_an_end_to_go_on),
        CASE(holders_disable_their_keys_unless_key_or_workspace_forbid_it),
        cmocka_unit_test(what_holders_may_not_end_by_disabling_they_may_not_end_by_rotating),
        CASE(an_admin_disables_its_own_key_by_either_call),
        CASE(a_key_that_a_holder_makes_is_under_the_rule_of_its_own),
        CASE(holders_create_keys_for_themselves_only_where_the_policy_lets_them),
        CASE(a_new_workspace_keeps_to_its_policy_from_the_first_key_on),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return failed > 255 ? 255 : failed;
}
