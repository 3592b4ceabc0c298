#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/text.h"
#include "support/admin_fixture.h"

static void makes_users_and_service_accounts(void **state) {
    (void)state;
    struct admin_fixture fixture;
    admin_fixture_open(&fixture, NULL);
    const char *admin = admin_workspace(&fixture, "w1");
    admin_ok(&fixture, admin, "CreateUser", "{'name': 'Zo\u00eb'}");
    assert_memory_equal(admin_text(&fixture, "principal.id"), "usr_", 4);
    assert_string_equal(admin_text(&fixture, "principal.name"), "Zo\u00eb");
    assert_string_equal(admin_text(&fixture, "principal.role"), "WORKSPACE_ROLE_MEMBER");
    assert_int_equal(admin_number(&fixture, "principal.createdAt"), ADMIN_FIXTURE_NOW_S);
    admin_ok(&fixture, admin, "CreateServiceAccount", "{'id': 'robot', 'name': 'Robot'}");
    assert_string_equal(admin_text(&fixture, "principal.kind"), "SERVICE_ACCOUNT");
    assert_string_equal(admin_text(&fixture, "principal.role"), "WORKSPACE_ROLE_MEMBER");
    assert_string_equal(admin_text(&fixture, "principal.workspace"), "w1");
    assert_int_equal(admin_number(&fixture, "revision.number"), admin_revision(&fixture));
    admin_ok(&fixture, admin, "ListPrincipals", "{}");
    assert_int_equal(admin_length(&fixture, "principals"), 3);
    admin_ok(&fixture, admin, "ListPrincipals", "{'kind': 'SERVICE_ACCOUNT'}");
    assert_int_equal(admin_length(&fixture, "principals"), 1);
    assert_string_equal(admin_text(&fixture, "principals.0.id"), "robot");
    admin_fixture_close(&fixture);
}

#define X16 "xxxxxxxxxxxxxxxx"
#define X60 X16 X16 X16 "xxxxxxxxxxxx"
#define X240 X60 X60 X60 X60

/* As auth0, AWS and SPIFFE give them out; of 65 and of 256 bytes, of which some pairs differ in the
 * last alone. */
static const char *const provider_ids[] = {
    "auth0|5f7c8ec7c33c6c004bbafe82",
    "google-oauth2|113",
    "arn:aws:iam::123456789012:user/path/Bob",
    "spiffe://example.org/ns/prod/sa/api",
    "ann@example.com",
    X60 "12345",
    X240 "/" X16 "a",
    X240 "/"
         "abcdefghijklmno",
    X240 "/"
         "abcdefghijklmnp",
};

static const char long_resource[] = X240 X16;

static void check_provider_id(struct admin_fixture *fixture, const char *admin, const char *id) {
    const char *named = strlen(id) > SP_PRINCIPAL_ID_MAX_BYTES ? NULL : id;
    if (named == NULL) {
        admin_fails(fixture, admin, "CreateUser", admin_format(fixture, "{'id': '%s', 'name': 'A'}", id),
                    SP_ERR_INVALID, "but at most 256 are allowed");
        return;
    }
    admin_ok(fixture, admin, "CreateUser", admin_format(fixture, "{'id': '%s', 'name': 'A'}", id));
    const char *alias = admin_keep(fixture, admin_text(fixture, "principal.alias"));
    assert_string_equal(admin_text(fixture, "principal.id"), id);
    assert_int_equal(strspn(alias, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"), strlen(alias));
    admin_ok(fixture, admin, "GetPrincipal", admin_format(fixture, "{'id': '%s'}", alias));
    assert_string_equal(admin_text(fixture, "id"), id);
    admin_ok(fixture, admin, "AddGroupMembers",
             admin_format(fixture, "{'group': 'team', 'principals': ['%s']}", alias));
    admin_ok(fixture, admin, "ShareResource",
             admin_format(fixture,
                          "{'resource': {'type': 'voice', 'id': '%s'}, 'subject': {'principal': '%s'}, 'role': "
                          "'ROLE_VIEWER'}",
                          long_resource, id));
    const char *key = admin_new_key(fixture, admin, alias, "{'names': ['voices_read']}", "");
    admin_ok(fixture, key, "WhoAmI", "{}");
    assert_string_equal(admin_text(fixture, "principal.id"), id);
    assert_string_equal(admin_text(fixture, "principal.alias"), alias);
    assert_string_equal(admin_text(fixture, "apiKey.principal"), id);
    admin_ok(fixture, admin, "ListApiKeys", admin_format(fixture, "{'principal': '%s'}", alias));
    assert_int_equal(admin_length(fixture, "apiKeys"), 1);
    admin_ok(fixture, admin, "ExplainKey",
             admin_format(fixture, "{'keyId': '%s', 'resource': {'type': 'voice', 'id': '%s'}, 'action': 'read'}",
                          admin_text(fixture, "apiKeys.0.id"), long_resource));
    assert_string_equal(admin_text(fixture, "answer.reason"), "ALLOWED");
    assert_string_equal(admin_text(fixture, "answer.principal"), id);
}

static void ids_of_identity_providers_and_clouds_are_held_whole(void **state) {
    (void)state;
    struct admin_fixture fixture;
    enum { COUNT = sizeof(provider_ids) / sizeof(*provider_ids), HELD = COUNT - 1 };
    admin_fixture_open(&fixture, NULL);
    admin_ok(&fixture, fixture.operator_key, "CreateWorkspace",
             "{'id': 'w1', 'name': 'One', 'seats': 20, 'plan': 'PLAN_ENTERPRISE', 'adminId': 'boss'}");
    const char *admin = admin_keep(&fixture, admin_text(&fixture, "secret"));
    admin_ok(&fixture, admin, "CreateGroup", "{'id': 'team', 'name': 'Team'}");
    admin_ok(&fixture, fixture.operator_key, "RegisterResource",
             admin_format(&fixture, "{'workspace': 'w1', 'resource': {'type': 'voice', 'id': '%s'}}", long_resource));
    for (size_t i = 0; i < COUNT; i++)
        check_provider_id(&fixture, admin, provider_ids[i]);
    admin_ok(&fixture, admin, "ListGroupMembers", "{'group': 'team'}");
    assert_int_equal(admin_length(&fixture, "members"), HELD);
    admin_ok(&fixture, admin, "ListShares",
             admin_format(&fixture, "{'resource': {'type': 'voice', 'id': '%s'}}", long_resource));
    assert_int_equal(admin_length(&fixture, "grants"), HELD);
    /* One of two that differ in their last byte: only its own grant, membership and keys go. */
    admin_ok(&fixture, admin, "UnshareResource",
             admin_format(&fixture, "{'resource': {'type': 'voice', 'id': '%s'}, 'subject': {'principal': '%s'}}",
                          long_resource, provider_ids[COUNT - 1]));
    admin_ok(&fixture, admin, "DeletePrincipal", admin_format(&fixture, "{'id': '%s'}", provider_ids[COUNT - 2]));
    admin_ok(&fixture, admin, "ListShares",
             admin_format(&fixture, "{'resource': {'type': 'voice', 'id': '%s'}}", long_resource));
    assert_int_equal(admin_length(&fixture, "grants"), HELD - 2);
    admin_ok(&fixture, admin, "ListGroupMembers", "{'group': 'team'}");
    assert_int_equal(admin_length(&fixture, "members"), HELD - 1);
    admin_fails(&fixture, admin, "GetPrincipal", admin_format(&fixture, "{'id': '%s'}", provider_ids[COUNT - 2]),
                SP_ERR_NOT_FOUND, "not found");
    admin_ok(&fixture, admin, "ListChanges", admin_format(&fixture, "{'object': '%s'}", provider_ids[0]));
    assert_true(admin_length(&fixture, "changes") >= 4);
    admin_fixture_close(&fixture);
}

static void no_id_is_another_principals_alias(void **state) {
    (void)state;
    struct admin_fixture fixture;
    admin_fixture_open(&fixture, NULL);
    const char *admin = admin_workspace(&fixture, "w1");
    static const char *const ids[] = {"p64_YXV0aDB8NWY3YzhlYzc", "p64_", "p64_anything"};
    for (size_t i = 0; i < sizeof(ids) / sizeof(*ids); i++)
        admin_fails(&fixture, admin, "CreateUser", admin_format(&fixture, "{'id': '%s', 'name': 'A'}", ids[i]),
                    SP_ERR_INVALID, "id: must not begin with p64_, as aliases of principals do");
    admin_ok(&fixture, admin, "CreateGroup", "{'id': 'p64_group', 'name': 'A'}");
    admin_ok(&fixture, admin, "ListPrincipals", "{}");
    assert_string_equal(admin_text(&fixture, "principals.0.alias"), "w1-admin");
    static const char *const refused[] = {"a|b c", "|ab", "/ab", "a\\\\b"};
    for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++)
        admin_fails(&fixture, admin, "CreateUser", admin_format(&fixture, "{'id': '%s', 'name': 'A'}", refused[i]),
                    SP_ERR_INVALID, "letters, digits and any of _ . @ : + | / -");
    admin_fails(&fixture, admin, "CreateGroup", "{'id': 'a|b', 'name': 'A'}", SP_ERR_INVALID, "any of _ . @ : + -");
    admin_fixture_close(&fixture);
}

static const struct {
    const char *method;
    const char *request;
    enum sp_status status;
    const char *fragment;
} refusals[] = {
    {"CreateUser", "{'id': 'ann', 'name': 'A'}", SP_ERR_EXISTS, "user ann already exists"},
    {"CreateServiceAccount", "{'id': 'ann', 'name': 'A'}", SP_ERR_EXISTS, "already exists"},
    {"CreateUser", "{'id': 'gone', 'name': 'A'}", SP_ERR_EXISTS, "used before"},
    {"CreateServiceAccount", "{'id': 'gone', 'name': 'A'}", SP_ERR_EXISTS, "used before"},
    {"CreateUser", "{'name': ''}", SP_ERR_INVALID, "name"},
    {"CreateUser", "{'name': 'a\\u0007'}", SP_ERR_INVALID, "name"},
    {"CreateUser", "{'id': '-ann', 'name': 'A'}", SP_ERR_INVALID, "id"},
    {"GetPrincipal", "{'id': 'nobody'}", SP_ERR_NOT_FOUND, "principal nobody not found"},
    {"GetPrincipal", "{}", SP_ERR_INVALID, "principal"},
    {"UpdatePrincipal", "{'updateMask': ['name']}", SP_ERR_INVALID, "principal"},
    {"UpdatePrincipal", "{'principal': {'id': 'ann', 'name': 'B'}}", SP_ERR_INVALID, "update_mask"},
    {"UpdatePrincipal", "{'principal': {'id': 'ann'}, 'updateMask': ['kind']}", SP_ERR_INVALID, "update_mask"},
    {"UpdatePrincipal", "{'principal': {'id': 'ann'}, 'updateMask': ['role']}", SP_ERR_INVALID, "role"},
    {"UpdatePrincipal", "{'principal': {'id': 'ann'}, 'updateMask': ['name']}", SP_ERR_INVALID, "name"},
    {"UpdatePrincipal", "{'principal': {'id': 'robot', 'role': 'WORKSPACE_ROLE_ADMIN'}, 'updateMask': ['role']}",
     SP_ERR_PRECONDITION, "service accounts are always MEMBER"},
    {"UpdatePrincipal", "{'principal': {'id': 'w1-admin', 'role': 'WORKSPACE_ROLE_MEMBER'}, 'updateMask': ['role']}",
     SP_ERR_PRECONDITION, "last enabled ADMIN"},
    {"UpdatePrincipal", "{'principal': {'id': 'w1-admin', 'disabled': true}, 'updateMask': ['disabled']}",
     SP_ERR_PRECONDITION, "last enabled ADMIN"},
    {"DeletePrincipal", "{'id': 'w1-admin'}", SP_ERR_PRECONDITION, "last enabled ADMIN"},
    {"DeletePrincipal", "{'id': 'gone'}", SP_ERR_NOT_FOUND, "gone"},
};

static void refuses_what_the_rules_forbid(void **state) {
    (void)state;
    struct admin_fixture fixture;
    admin_fixture_open(&fixture, NULL);
    const char *admin = admin_workspace(&fixture, "w1");
    admin_ok(&fixture, admin, "CreateUser", "{'id': 'ann', 'name': 'Ann'}");
    admin_ok(&fixture, admin, "CreateServiceAccount", "{'id': 'robot', 'name': 'R'}");
    admin_ok(&fixture, admin, "CreateUser", "{'id': 'gone', 'name': 'Gone'}");
    admin_ok(&fixture, admin, "DeletePrincipal", "{'id': 'gone'}");
    /* A disabled ADMIN does not count as one who stays. */
    admin_ok(&fixture, admin, "CreateUser", "{'id': 'off', 'name': 'Off', 'role': 'WORKSPACE_ROLE_ADMIN'}");
    admin_ok(&fixture, admin, "UpdatePrincipal",
             "{'principal': {'id': 'off', 'disabled': true}, 'updateMask': ['disabled']}");
    uint64_t before = admin_revision(&fixture);
    for (size_t i = 0; i < sizeof(refusals) / sizeof(*refusals); i++)
        admin_fails(&fixture, admin, refusals[i].method, refusals[i].request, refusals[i].status, refusals[i].fragment);
    assert_int_equal(admin_revision(&fixture), before);
    admin_fixture_close(&fixture);
}

static void an_update_that_changes_nothing_makes_no_revision(void **state) {
    static const char *const updates[][3] = {
        {"UpdatePrincipal", "{'principal': {'id': 'robot', 'disabled': true}, 'updateMask': ['disabled']}",
         "principal.disabled"},
        {"UpdateWorkspace", "{'workspace': {'id': 'w1', 'disabled': true}, 'updateMask': ['disabled']}",
         "workspace.disabled"},
    };
    struct admin_fixture fixture;
    (void)state;
    admin_fixture_open(&fixture, NULL);
    const char *admin = admin_workspace(&fixture, "w1");
    admin_ok(&fixture, admin, "CreateServiceAccount", "{'id': 'robot', 'name': 'Robot'}");
    for (size_t i = 0; i < sizeof(updates) / sizeof(*updates); i++) {
        const char *key = i == 0 ? admin : fixture.operator_key;
        uint64_t before = admin_revision(&fixture);
        admin_ok(&fixture, key, updates[i][0], updates[i][1]);
        assert_int_equal(admin_revision(&fixture), before + 1);
        admin_ok(&fixture, key, updates[i][0], updates[i][1]);
        assert_true(admin_flag(&fixture, updates[i][2]));
        assert_int_equal(admin_number(&fixture, "revision.number"), before + 1);
        assert_int_equal(admin_revision(&fixture), before + 1);
    }
    admin_fixture_close(&fixture);
}

static void service_accounts_need_several_seats(void **state) {
    (void)state;
    struct admin_fixture fixture;
    admin_fixture_open(&fixture, NULL);
    admin_ok(&fixture, fixture.operator_key, "CreateWorkspace", "{'id': 'w1', 'name': 'Single'}");
    const char *admin = admin_keep(&fixture, admin_text(&fixture, "secret"));
    admin_fails(&fixture, admin, "CreateServiceAccount", "{'name': 'R'}", SP_ERR_PRECONDITION,
                "service accounts require a workspace with more than one seat");
    admin_ok(&fixture, fixture.operator_key, "UpdateWorkspace",
             "{'workspace': {'id': 'w1', 'seats': 2}, 'updateMask': ['seats']}");
    admin_ok(&fixture, admin, "CreateServiceAccount", "{'name': 'R'}");
    admin_fixture_close(&fixture);
}

static void enabled_users_take_the_seats_and_nobody_else(void **state) {
    (void)state;
    struct admin_fixture fixture;
    admin_fixture_open(&fixture, NULL);
    admin_ok(&fixture, fixture.operator_key, "CreateWorkspace", "{'id': 'w1', 'name': 'Two', 'seats': 2}");
    const char *admin = admin_keep(&fixture, admin_text(&fixture, "secret"));
    for (int i = 0; i < 3; i++)
        admin_ok(&fixture, admin, "CreateServiceAccount", "{'name': 'R'}");
    admin_ok(&fixture, admin, "CreateUser", "{'id': 'u1', 'name': 'U'}");
    admin_fails(&fixture, admin, "CreateUser", "{'id': 'u2', 'name': 'U'}", SP_ERR_PRECONDITION,
                "has 2 seats and 2 enabled users");
    admin_ok(&fixture, admin, "UpdatePrincipal",
             "{'principal': {'id': 'u1', 'disabled': true}, 'updateMask': ['disabled']}");
    admin_ok(&fixture, admin, "CreateUser", "{'id': 'u2', 'name': 'U'}");
    admin_fails(&fixture, admin, "UpdatePrincipal",
                "{'principal': {'id': 'u1', 'disabled': false}, 'updateMask': ['disabled']}", SP_ERR_PRECONDITION,
                "seats");
    admin_ok(&fixture, admin, "UpdatePrincipal",
             "{'principal': {'id': 'u1', 'name': 'Still off'}, 'updateMask': ['name']}");
    admin_ok(&fixture, admin, "DeletePrincipal", "{'id': 'u2'}");
    admin_ok(&fixture, admin, "UpdatePrincipal",
             "{'principal': {'id': 'u1', 'disabled': false}, 'updateMask': ['disabled']}");
    admin_fixture_close(&fixture);
}

static void quotas_limit_service_accounts(void **state) {
    (void)state;
    struct admin_fixture fixture;
    admin_fixture_open(&fixture, NULL);
    const char *admin = admin_workspace(&fixture, "w1");
    for (int i = 0; i < 20; i++)
        admin_ok(&fixture, admin, "CreateServiceAccount", "{'name': 'R'}");
    admin_fails(&fixture, admin, "CreateServiceAccount", "{'name': 'R'}", SP_ERR_EXHAUSTED,
                "quota service_accounts of workspace w1 exceeded: 20 of 20 used");
    admin_ok(&fixture, fixture.operator_key, "UpdateWorkspace",
             "{'workspace': {'id': 'w1', 'quotas': {'serviceAccounts': 100}}, 'updateMask': ['quotas']}");
    admin_ok(&fixture, admin, "CreateServiceAccount", "{'name': 'R'}");
    admin_fixture_close(&fixture);
}

static void another_admin_may_take_over(void **state) {
    (void)state;
    struct admin_fixture fixture;
    admin_fixture_open(&fixture, NULL);
    const char *admin = admin_workspace(&fixture, "w1");
    admin_ok(&fixture, admin, "CreateUser", "{'id': 'ann', 'name': 'Ann'}");
    const char *ann = admin_new_key(&fixture, admin, "ann", "{'all': true}", "");
    admin_fails(&fixture, ann, "CreateGroup", "{'name': 'G'}", SP_ERR_PERMISSION, "ADMIN");
    admin_ok(&fixture, admin, "UpdatePrincipal",
             "{'principal': {'id': 'ann', 'role': 'WORKSPACE_ROLE_ADMIN'}, 'updateMask': ['role']}");
    admin_ok(&fixture, ann, "DeletePrincipal", "{'id': 'w1-admin'}");
    admin_fails(&fixture, admin, "WhoAmI", "{}", SP_ERR_UNAUTHENTICATED, "[KEY_UNKNOWN]");
    admin_fails(&fixture, ann, "DeletePrincipal", "{'id': 'ann'}", SP_ERR_PRECONDITION, "last enabled ADMIN");
    admin_fixture_close(&fixture);
}

static void deleting_takes_keys_memberships_and_grants_along(void **state) {
    (void)state;
    struct admin_fixture fixture;
    admin_fixture_open(&fixture, NULL);
    const char *admin = admin_workspace(&fixture, "w1");
    admin_ok(&fixture, admin, "CreateUser", "{'id': 'ann', 'name': 'Ann'}");
    const char *ann = admin_new_key(&fixture, admin, "ann", "{'all': true}", ", 'id': 'k1'");
    const char *annalies = NULL;
    admin_ok(&fixture, admin, "CreateUser", "{'id': 'annalies', 'name': 'Annalies'}");
    annalies = admin_new_key(&fixture, admin, "annalies", "{'all': true}", ", 'id': 'k2'");
    admin_ok(&fixture, admin, "CreateGroup", "{'id': 'g1', 'name': 'G'}");
    admin_ok(&fixture, admin, "CreateGroup", "{'id': 'g2', 'name': 'G'}");
    admin_ok(&fixture, admin, "AddGroupMembers", "{'group': 'g1', 'principals': ['ann', 'annalies']}");
    admin_ok(&fixture, admin, "AddGroupMembers", "{'group': 'g2', 'principals': ['ann']}");
    admin_ok(&fixture, fixture.operator_key, "RegisterResource",
             "{'workspace': 'w1', 'resource': {'type': 'voice', 'id': 'v1'}}");
    admin_ok(&fixture, admin, "ShareResource",
             "{'resource': {'type': 'voice', 'id': 'v1'}, 'subject': {'principal': 'ann'}, 'role': 'ROLE_EDITOR'}");
    admin_ok(&fixture, admin, "ShareResource",
             "{'resource': {'type': 'setting', 'id': 's1'}, 'subject': {'principal': 'ann'}, 'role': 'ROLE_ADMIN'}");
    admin_ok(&fixture, admin, "ShareResource",
             "{'resource': {'type': 'voice', 'id': 'v1'}, 'subject': {'principal': 'annalies'}, 'role': "
             "'ROLE_VIEWER'}");
    admin_ok(&fixture, admin, "DeletePrincipal", "{'id': 'ann'}");

    admin_fails(&fixture, ann, "WhoAmI", "{}", SP_ERR_UNAUTHENTICATED, "[KEY_UNKNOWN]");
    admin_ok(&fixture, annalies, "WhoAmI", "{}");
    admin_fails(&fixture, admin, "GetApiKey", "{'id': 'k1'}", SP_ERR_NOT_FOUND, NULL);
    admin_ok(&fixture, admin, "ListGroupMembers", "{'group': 'g1'}");
    assert_int_equal(admin_length(&fixture, "members"), 1);
    assert_string_equal(admin_text(&fixture, "members.0.principal"), "annalies");
    admin_ok(&fixture, admin, "GetGroup", "{'id': 'g2'}");
    assert_int_equal(admin_number(&fixture, "members"), 0);
    admin_ok(&fixture, admin, "ListShares", "{'resource': {'type': 'voice', 'id': 'v1'}}");
    for (size_t i = 0; i < admin_length(&fixture, "grants"); i++)
        assert_string_not_equal(admin_text(&fixture, admin_format(&fixture, "grants.%zu.subject.principal", i)), "ann");
    admin_ok(&fixture, admin, "ListShares", "{'resource': {'type': 'setting', 'id': 's1'}}");
    assert_int_equal(admin_length(&fixture, "grants"), 0);
    admin_fixture_close(&fixture);
}

/* Promoting and enabling give reach to the keys that a principal has. */
static const struct {
    const char *name;
    const char *target_permissions;
    const char *target_rest;
    const char *actor_permissions;
    const char *actor_rest;
    bool allowed;
} widenings[] = {
    {"all by all", "{'all': true}", "", "{'all': true}", "", true},
    {"all by a list", "{'all': true}", "", "{'names': ['workspace_write']}", "", false},
    {"a list by the same list", "{'names': ['workspace_write']}", "", "{'names': ['workspace_write']}", "", true},
    {"a list by another list", "{'names': ['text_to_speech']}", "", "{'names': ['workspace_write']}", "", false},
    {"any address by an allowlist", "{'all': true}", "", "{'all': true}",
     ", 'allowedIps': {'entries': ['203.0.113.0/24']}", false},
    {"an allowlist by a wider one", "{'all': true}", ", 'allowedIps': {'entries': ['203.0.113.0/25']}", "{'all': true}",
     ", 'allowedIps': {'entries': ['203.0.113.0/24']}", true},
    {"an allowlist by another one", "{'all': true}", ", 'allowedIps': {'entries': ['198.51.100.0/24']}",
     "{'all': true}", ", 'allowedIps': {'entries': ['203.0.113.0/24']}", false},
    {"for ever by an expiry", "{'all': true}", "", "{'all': true}", ", 'expiresAt': 1700009999", false},
    {"an expiry by a later one", "{'all': true}", ", 'expiresAt': 1700009000", "{'all': true}",
     ", 'expiresAt': 1700009999", true},
    {"an expiry by an earlier one", "{'all': true}", ", 'expiresAt': 1700009999", "{'all': true}",
     ", 'expiresAt': 1700009000", false},
};

static void judge_widening(struct admin_fixture *fixture, size_t i, const char *actor, const char *request) {
    enum sp_status status = admin_call(fixture, actor, "UpdatePrincipal", request);
    if (widenings[i].allowed ? status != SP_OK : status != SP_ERR_PERMISSION)
        fail_msg("%s: %s: %s", widenings[i].name, sp_status_name(status), fixture->error.message);
}

static void a_limited_key_widens_no_other_through_its_owner(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof(widenings) / sizeof(*widenings); i++) {
        struct admin_fixture fixture;
        admin_fixture_open(&fixture, NULL);
        const char *admin = admin_workspace(&fixture, "w1");
        admin_ok(&fixture, admin, "CreateUser", "{'id': 'ann', 'name': 'Ann'}");
        admin_new_key(&fixture, admin, "ann", widenings[i].target_permissions, widenings[i].target_rest);
        const char *actor =
            admin_new_key(&fixture, admin, "w1-admin", widenings[i].actor_permissions, widenings[i].actor_rest);
        judge_widening(&fixture, i, actor,
                       "{'principal': {'id': 'ann', 'role': 'WORKSPACE_ROLE_ADMIN'}, 'updateMask': ['role']}");
        admin_ok(&fixture, actor, "UpdatePrincipal",
                 "{'principal': {'id': 'ann', 'disabled': true}, 'updateMask': ['disabled']}");
        judge_widening(&fixture, i, actor,
                       "{'principal': {'id': 'ann', 'disabled': false}, 'updateMask': ['disabled']}");
        admin_fixture_close(&fixture);
    }
}

static void keys_that_do_not_work_widen_nothing(void **state) {
    (void)state;
    struct admin_fixture fixture;
    admin_fixture_open(&fixture, NULL);
    const char *admin = admin_workspace(&fixture, "w1");
    admin_ok(&fixture, admin, "CreateUser", "{'id': 'ann', 'name': 'Ann'}");
    admin_new_key(&fixture, admin, "ann", "{'all': true}", ", 'id': 'k1'");
    admin_new_key(&fixture, admin, "ann", "{'all': true}", ", 'id': 'k2', 'expiresAt': 1700000100");
    const char *limited = admin_new_key(&fixture, admin, "w1-admin", "{'names': ['workspace_write']}", "");
    const char *promote = "{'principal': {'id': 'ann', 'role': 'WORKSPACE_ROLE_ADMIN'}, 'updateMask': ['role']}";
    admin_fails(&fixture, limited, "UpdatePrincipal", promote, SP_ERR_PERMISSION, "more access than your own");
    admin_ok(&fixture, admin, "DisableApiKey", "{'id': 'k1'}");
    admin_fails(&fixture, limited, "UpdatePrincipal", promote, SP_ERR_PERMISSION, "k2");
    fixture.now_s = 1700000100;
    admin_ok(&fixture, limited, "UpdatePrincipal", promote);
    admin_fails(&fixture, limited, "EnableApiKey", "{'id': 'k1'}", SP_ERR_PERMISSION, NULL);
    admin_fixture_close(&fixture);
}

static void demoting_and_disabling_need_no_reach(void **state) {
    (void)state;
    struct admin_fixture fixture;
    admin_fixture_open(&fixture, NULL);
    const char *admin = admin_workspace(&fixture, "w1");
    admin_ok(&fixture, admin, "CreateUser", "{'id': 'ann', 'name': 'Ann', 'role': 'WORKSPACE_ROLE_ADMIN'}");
    const char *ann = admin_new_key(&fixture, admin, "ann", "{'all': true}", "");
    const char *limited = admin_new_key(&fixture, admin, "w1-admin", "{'names': ['workspace_write']}", "");
    admin_ok(&fixture, limited, "UpdatePrincipal",
             "{'principal': {'id': 'ann', 'role': 'WORKSPACE_ROLE_MEMBER'}, 'updateMask': ['role']}");
    admin_fails(&fixture, ann, "CreateGroup", "{'name': 'G'}", SP_ERR_PERMISSION, NULL);
    admin_ok(&fixture, limited, "UpdatePrincipal",
             "{'principal': {'id': 'ann', 'disabled': true}, 'updateMask': ['disabled']}");
    admin_fails(&fixture, ann, "WhoAmI", "{}", SP_ERR_UNAUTHENTICATED, "[PRINCIPAL_DISABLED]");
    admin_fixture_close(&fixture);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(makes_users_and_service_accounts),
        cmocka_unit_test(ids_of_identity_providers_and_clouds_are_held_whole),
        cmocka_unit_test(no_id_is_another_principals_alias),
        cmocka_unit_test(refuses_what_the_rules_forbid),
        cmocka_unit_test(an_update_that_changes_nothing_makes_no_revision),
        cmocka_unit_test(service_accounts_need_several_seats),
        cmocka_unit_test(enabled_users_take_the_seats_and_nobody_else),
        cmocka_unit_test(quotas_limit_service_accounts),
        cmocka_unit_test(another_admin_may_take_over),
        cmocka_unit_test(deleting_takes_keys_memberships_and_grants_along),
        cmocka_unit_test(a_limited_key_widens_no_other_through_its_owner),
        cmocka_unit_test(keys_that_do_not_work_widen_nothing),
        cmocka_unit_test(demoting_and_disabling_need_no_reach),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
