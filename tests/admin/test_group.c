#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "support/admin_fixture.h"

static const char *open_with_users(struct admin_fixture *fixture) {
    admin_fixture_open(fixture, NULL);
    const char *admin = admin_workspace(fixture, "w1");
    admin_ok(fixture, admin, "CreateUser", "{'id': 'u1', 'name': 'U'}");
    admin_ok(fixture, admin, "CreateUser", "{'id': 'u2', 'name': 'U'}");
    admin_ok(fixture, admin, "CreateServiceAccount", "{'id': 'sa1', 'name': 'S'}");
    admin_ok(fixture, admin, "CreateGroup", "{'id': 'g1', 'name': 'G'}");
    return admin;
}

static void holds_users_and_service_accounts(void **state) {
    (void)state;
    struct admin_fixture fixture;
    const char *admin = open_with_users(&fixture);
    admin_ok(&fixture, admin, "AddGroupMembers", "{'group': 'g1', 'principals': ['u1', 'sa1', 'u1']}");
    assert_int_equal(admin_number(&fixture, "group.members"), 2);
    uint64_t revision = admin_revision(&fixture);
    admin_ok(&fixture, admin, "AddGroupMembers", "{'group': 'g1', 'principals': ['u1', 'sa1']}");
    assert_int_equal(admin_number(&fixture, "revision.number"), revision);
    admin_ok(&fixture, admin, "AddGroupMembers", "{'group': 'g1', 'principals': ['u2', 'u1']}");
    assert_int_equal(admin_number(&fixture, "group.members"), 3);
    admin_ok(&fixture, admin, "ListGroupMembers", "{'group': 'g1'}");
    assert_int_equal(admin_length(&fixture, "members"), 3);
    assert_string_equal(admin_text(&fixture, "members.0.principal"), "sa1");
    assert_string_equal(admin_text(&fixture, "members.0.group"), "g1");
    assert_int_equal(admin_number(&fixture, "members.0.addedAt"), ADMIN_FIXTURE_NOW_S);
    admin_ok(&fixture, admin, "RemoveGroupMembers", "{'group': 'g1', 'principals': ['u1', 'u2', 'w1-admin']}");
    assert_int_equal(admin_number(&fixture, "group.members"), 1);
    admin_ok(&fixture, admin, "GetGroup", "{'id': 'g1'}");
    assert_int_equal(admin_number(&fixture, "members"), 1);
    admin_fixture_close(&fixture);
}

static void changes_members_all_or_none(void **state) {
    (void)state;
    struct admin_fixture fixture;
    const char *admin = open_with_users(&fixture);
    admin_fails(&fixture, admin, "AddGroupMembers", "{'group': 'g1', 'principals': ['u1', 'nobody']}", SP_ERR_NOT_FOUND,
                "nobody");
    admin_ok(&fixture, admin, "GetGroup", "{'id': 'g1'}");
    assert_int_equal(admin_number(&fixture, "members"), 0);
    admin_ok(&fixture, admin, "AddGroupMembers", "{'group': 'g1', 'principals': ['u1']}");
    admin_fails(&fixture, admin, "RemoveGroupMembers", "{'group': 'g1', 'principals': ['u1', 'nobody']}",
                SP_ERR_NOT_FOUND, "nobody");
    admin_fails(&fixture, admin, "AddGroupMembers", "{'group': 'g2', 'principals': ['u1']}", SP_ERR_NOT_FOUND, "g2");
    admin_fails(&fixture, admin, "AddGroupMembers", "{'group': 'g1', 'principals': ['g1']}", SP_ERR_NOT_FOUND, "g1");
    admin_fails(&fixture, admin, "AddGroupMembers", "{'group': 'g1'}", SP_ERR_INVALID, "principals: give 1 to 1000");
    admin_ok(&fixture, admin, "GetGroup", "{'id': 'g1'}");
    assert_int_equal(admin_number(&fixture, "members"), 1);
    admin_fixture_close(&fixture);
}

static void takes_at_most_a_thousand_members_a_call(void **state) {
    (void)state;
    struct admin_fixture fixture;
    const char *admin = open_with_users(&fixture);
    char request[16 * 1024] = "{'group': 'g1', 'principals': ['u1'";
    size_t used = strlen(request);
    for (int i = 1; i < 1000; i++, used += 5)
        memcpy(request + used, ",'u1'", 6);
    memcpy(request + used, "]}", 3);
    admin_ok(&fixture, admin, "AddGroupMembers", request);
    assert_int_equal(admin_number(&fixture, "group.members"), 1);
    memcpy(request + used, ",'u1']}", 8);
    admin_fails(&fixture, admin, "AddGroupMembers", request, SP_ERR_INVALID, "principals");
    admin_fixture_close(&fixture);
}

static void ids_are_never_used_again(void **state) {
    (void)state;
    struct admin_fixture fixture;
    const char *admin = open_with_users(&fixture);
    admin_fails(&fixture, admin, "CreateGroup", "{'id': 'g1', 'name': 'G'}", SP_ERR_EXISTS, "group g1 already exists");
    admin_ok(&fixture, admin, "DeleteGroup", "{'id': 'g1'}");
    admin_fails(&fixture, admin, "CreateGroup", "{'id': 'g1', 'name': 'G'}", SP_ERR_EXISTS, "used before");
    admin_fails(&fixture, admin, "DeleteGroup", "{'id': 'g1'}", SP_ERR_NOT_FOUND, "g1");
    /* A group's id is not a principal's. */
    admin_ok(&fixture, admin, "CreateUser", "{'id': 'g1', 'name': 'U'}");
    admin_fixture_close(&fixture);
}

static void names_change_and_ids_do_not(void **state) {
    (void)state;
    struct admin_fixture fixture;
    const char *admin = open_with_users(&fixture);
    admin_ok(&fixture, admin, "AddGroupMembers", "{'group': 'g1', 'principals': ['u1']}");
    admin_ok(&fixture, admin, "UpdateGroup", "{'id': 'g1', 'name': 'Renamed'}");
    assert_string_equal(admin_text(&fixture, "group.name"), "Renamed");
    assert_int_equal(admin_number(&fixture, "group.members"), 1);
    admin_fails(&fixture, admin, "UpdateGroup", "{'id': 'g1', 'name': ''}", SP_ERR_INVALID, "name");
    admin_fails(&fixture, admin, "UpdateGroup", "{'id': 'g9', 'name': 'X'}", SP_ERR_NOT_FOUND, "g9");
    admin_ok(&fixture, admin, "GetGroup", "{'id': 'g1'}");
    assert_string_equal(admin_text(&fixture, "name"), "Renamed");
    admin_fixture_close(&fixture);
}

static void deleting_takes_memberships_and_grants_along(void **state) {
    (void)state;
    struct admin_fixture fixture;
    const char *admin = open_with_users(&fixture);
    admin_ok(&fixture, admin, "CreateGroup", "{'id': 'g10', 'name': 'Neighbour'}");
    admin_ok(&fixture, admin, "AddGroupMembers", "{'group': 'g1', 'principals': ['u1', 'u2']}");
    admin_ok(&fixture, admin, "AddGroupMembers", "{'group': 'g10', 'principals': ['u1']}");
    admin_ok(&fixture, fixture.operator_key, "RegisterResource",
             "{'workspace': 'w1', 'resource': {'type': 'voice', 'id': 'v1'}}");
    admin_ok(&fixture, admin, "UpdateShares",
             "{'updates': [{'resource': {'type': 'voice', 'id': 'v1'}, 'subject': {'group': 'g1'}, 'role': "
             "'ROLE_EDITOR'}, {'resource': {'type': 'voice', 'id': 'v1'}, 'subject': {'group': 'g10'}, 'role': "
             "'ROLE_VIEWER'}]}");
    admin_ok(&fixture, admin, "DeleteGroup", "{'id': 'g1'}");
    admin_ok(&fixture, admin, "ListGroups", "{'principal': 'u1'}");
    assert_int_equal(admin_length(&fixture, "groups"), 1);
    assert_string_equal(admin_text(&fixture, "groups.0.id"), "g10");
    assert_int_equal(admin_number(&fixture, "groups.0.members"), 1);
    admin_ok(&fixture, admin, "ListGroups", "{'principal': 'u2'}");
    assert_int_equal(admin_length(&fixture, "groups"), 0);
    admin_ok(&fixture, admin, "ListShares", "{'subject': {'group': 'g10'}}");
    assert_int_equal(admin_length(&fixture, "grants"), 1);
    admin_fails(&fixture, admin, "ListShares", "{'subject': {'group': 'g1'}}", SP_ERR_NOT_FOUND, "g1");
    admin_fixture_close(&fixture);
}

static void quotas_limit_groups_and_members(void **state) {
    (void)state;
    struct admin_fixture fixture;
    const char *admin = open_with_users(&fixture);
    admin_ok(&fixture, fixture.operator_key, "UpdateWorkspace",
             "{'workspace': {'id': 'w1', 'quotas': {'groups': 2, 'members': 3}}, 'updateMask': ['quotas']}");
    admin_ok(&fixture, admin, "CreateGroup", "{'id': 'g2', 'name': 'G'}");
    admin_fails(&fixture, admin, "CreateGroup", "{'name': 'G'}", SP_ERR_EXHAUSTED, "quota groups");
    admin_ok(&fixture, admin, "AddGroupMembers", "{'group': 'g1', 'principals': ['u1', 'u2']}");
    admin_fails(&fixture, admin, "AddGroupMembers", "{'group': 'g2', 'principals': ['u1', 'u2']}", SP_ERR_EXHAUSTED,
                "quota members of workspace w1 exceeded: 2 of 3 used, 2 more requested");
    admin_ok(&fixture, admin, "AddGroupMembers", "{'group': 'g2', 'principals': ['u1']}");
    admin_ok(&fixture, admin, "DeleteGroup", "{'id': 'g1'}");
    admin_ok(&fixture, admin, "AddGroupMembers", "{'group': 'g2', 'principals': ['u1', 'u2']}");
    admin_fixture_close(&fixture);
}

static void lists_page_by_page_and_knows_its_own_tokens(void **state) {
    (void)state;
    struct admin_fixture fixture;
    const char *admin = open_with_users(&fixture);
    for (int i = 2; i <= 5; i++)
        admin_ok(&fixture, admin, "CreateGroup", admin_format(&fixture, "{'id': 'g%d', 'name': 'G'}", i));
    admin_ok(&fixture, admin, "AddGroupMembers", "{'group': 'g2', 'principals': ['u1']}");
    admin_ok(&fixture, admin, "AddGroupMembers", "{'group': 'g5', 'principals': ['u1']}");

    admin_ok(&fixture, admin, "ListGroups", "{'pageSize': 5}");
    assert_int_equal(admin_length(&fixture, "groups"), 5);
    assert_string_equal(admin_text(&fixture, "nextPageToken"), "");
    admin_ok(&fixture, admin, "ListGroups", "{'pageSize': 3}");
    assert_int_equal(admin_length(&fixture, "groups"), 3);
    const char *token = admin_keep(&fixture, admin_text(&fixture, "nextPageToken"));
    admin_ok(&fixture, admin, "ListGroups", admin_format(&fixture, "{'pageSize': 3, 'pageToken': '%s'}", token));
    assert_int_equal(admin_length(&fixture, "groups"), 2);
    assert_string_equal(admin_text(&fixture, "groups.0.id"), "g4");
    assert_string_equal(admin_text(&fixture, "nextPageToken"), "");

    admin_ok(&fixture, admin, "ListGroups", "{'principal': 'u1', 'pageSize': 1}");
    assert_string_equal(admin_text(&fixture, "groups.0.id"), "g2");
    const char *filtered = admin_keep(&fixture, admin_text(&fixture, "nextPageToken"));
    admin_ok(&fixture, admin, "ListGroups",
             admin_format(&fixture, "{'principal': 'u1', 'pageSize': 1, 'pageToken': '%s'}", filtered));
    assert_string_equal(admin_text(&fixture, "groups.0.id"), "g5");

    admin_fails(&fixture, admin, "ListGroups", "{'pageSize': 1001}", SP_ERR_INVALID, "page_size");
    admin_fails(&fixture, admin, "ListGroups", "{'pageToken': 'A'}", SP_ERR_INVALID, "page_token");
    admin_fails(&fixture, admin, "ListGroups", "{'pageToken': 'AAAA'}", SP_ERR_INVALID, "page_token");
    admin_fails(&fixture, admin, "ListGroups", "{'pageToken': 'a+/='}", SP_ERR_INVALID, "page_token");
    admin_fails(&fixture, admin, "ListPrincipals", admin_format(&fixture, "{'pageToken': '%s'}", token), SP_ERR_INVALID,
                "page_token");
    const char *other = admin_workspace(&fixture, "w2");
    admin_fails(&fixture, other, "ListGroups", admin_format(&fixture, "{'pageToken': '%s'}", token), SP_ERR_INVALID,
                "page_token");
    admin_fixture_close(&fixture);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(holds_users_and_service_accounts),
        cmocka_unit_test(changes_members_all_or_none),
        cmocka_unit_test(takes_at_most_a_thousand_members_a_call),
        cmocka_unit_test(ids_are_never_used_again),
        cmocka_unit_test(names_change_and_ids_do_not),
        cmocka_unit_test(deleting_takes_memberships_and_grants_along),
        cmocka_unit_test(quotas_limit_groups_and_members),
        cmocka_unit_test(lists_page_by_page_and_knows_its_own_tokens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
