#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "admin/removal.h"
#include "store/records/write.h"
#include "support/admin_fixture.h"

static void makes_a_workspace_with_its_first_admin_and_key(void **state) {
    (void)state;
    struct admin_fixture fixture;
    admin_fixture_open(&fixture, NULL);
    admin_ok(&fixture, fixture.operator_key, "CreateWorkspace", "{'id': 'w1', 'name': 'Acme'}");
    assert_string_equal(admin_text(&fixture, "workspace.id"), "w1");
    assert_string_equal(admin_text(&fixture, "workspace.plan"), "PLAN_FREE");
    assert_int_equal(admin_number(&fixture, "workspace.seats"), 1);
    assert_int_equal(admin_number(&fixture, "workspace.createdAt"), ADMIN_FIXTURE_NOW_S);
    assert_string_equal(admin_text(&fixture, "admin.workspace"), "w1");
    assert_string_equal(admin_text(&fixture, "admin.name"), "admin");
    assert_string_equal(admin_text(&fixture, "admin.role"), "WORKSPACE_ROLE_ADMIN");
    assert_string_equal(admin_text(&fixture, "admin.kind"), "USER");
    assert_memory_equal(admin_text(&fixture, "admin.id"), "usr_", 4);
    assert_true(admin_flag(&fixture, "apiKey.permissions.all"));
    assert_int_equal(admin_length(&fixture, "apiKey.allowedIps"), 0);
    assert_false(admin_flag(&fixture, "secretAlreadyIssued"));
    assert_int_equal(admin_number(&fixture, "revision.number"), admin_revision(&fixture));
    const char *key = admin_keep(&fixture, admin_text(&fixture, "secret"));
    admin_ok(&fixture, key, "CreateGroup", "{'name': 'Writers'}");
    admin_fixture_close(&fixture);
}

static const struct {
    const char *request;
    enum sp_status status;
    const char *fragment;
} creations[] = {
    {"{'id': 'w2', 'name': 'A', 'seats': 1000000}", SP_OK, NULL},
    {"{'id': 'w3', 'name': 'A', 'plan': 'PLAN_STANDARD', 'adminId': 'ann', 'adminName': 'Ann'}", SP_OK, NULL},
    {"{'name': 'A'}", SP_OK, NULL},
    {"{'id': 'w1', 'name': 'A'}", SP_ERR_EXISTS, "already exists"},
    {"{'id': 'w9', 'name': ''}", SP_ERR_INVALID, "name"},
    {"{'id': 'w9', 'name': 'a\\nb'}", SP_ERR_INVALID, "name"},
    {"{'id': 'w9', 'name': 'A', 'seats': 1000001}", SP_ERR_INVALID, "seats"},
    {"{'id': 'w9', 'name': 'A', 'features': ['FEATURE_UNSPECIFIED']}", SP_ERR_INVALID, "features[0]"},
    {"{'id': 'w9', 'name': 'A', 'features': ['FEATURE_IP_ALLOWLIST', 'FEATURE_IP_ALLOWLIST']}", SP_ERR_INVALID,
     "features[1]"},
    {"{'id': 'no/slash', 'name': 'A'}", SP_ERR_INVALID, "id"},
    {"{'id': '01234567890123456789012345678901234567890123456789012345678901234', 'name': 'A'}", SP_ERR_INVALID, "id"},
    {"{'id': 'w9', 'name': 'A', 'adminId': 'no space'}", SP_ERR_INVALID, "id"},
    {"{'id': 'w9', 'name': 'A', 'adminName': 'a\\u007fb'}", SP_ERR_INVALID, "name"},
};

static void checks_what_a_workspace_is_made_of(void **state) {
    (void)state;
    struct admin_fixture fixture;
    admin_fixture_open(&fixture, NULL);
    admin_workspace(&fixture, "w1");
    for (size_t i = 0; i < sizeof(creations) / sizeof(*creations); i++) {
        uint64_t before = admin_revision(&fixture);
        if (creations[i].status == SP_OK)
            admin_ok(&fixture, fixture.operator_key, "CreateWorkspace", creations[i].request);
        else
            admin_fails(&fixture, fixture.operator_key, "CreateWorkspace", creations[i].request, creations[i].status,
                        creations[i].fragment);
        assert_int_equal(admin_revision(&fixture), before + (creations[i].status == SP_OK));
    }
    admin_fixture_close(&fixture);
}

static const struct {
    const char *request; /* of UpdateWorkspace, without braces; the workspace is w1 */
    enum sp_status status;
    const char *path; /* where it works: what to look at in the reply */
    const char *value;
} updates[] = {
    {"'workspace': {'id': 'w1', 'name': 'New', 'seats': 9}, 'updateMask': ['name']", SP_OK, "workspace.name", "New"},
    {"'workspace': {'id': 'w1', 'plan': 'PLAN_FREE'}, 'updateMask': ['plan']", SP_OK, "workspace.plan", "PLAN_FREE"},
    {"'workspace': {'id': 'w1', 'seats': 1}, 'updateMask': ['seats']", SP_OK, "workspace.seats", "1"},
    {"'workspace': {'id': 'w1'}, 'updateMask': ['features']", SP_OK, "workspace.features.0", NULL},
    {"'workspace': {'id': 'w1', 'quotas': {'groups': 3}}, 'updateMask': ['quotas']", SP_OK, "workspace.quotas.groups",
     "3"},
    {"'workspace': {'id': 'w1'}, 'updateMask': []", SP_ERR_INVALID, NULL, "update_mask"},
    {"'workspace': {'id': 'w1', 'name': 'A'}, 'updateMask': ['id']", SP_ERR_INVALID, NULL, "update_mask[0]"},
    {"'workspace': {'id': 'w1', 'name': 'A'}, 'updateMask': ['name', 'name']", SP_ERR_INVALID, NULL, "update_mask[1]"},
    {"'workspace': {'id': 'w1', 'deleting': true}, 'updateMask': ['deleting']", SP_ERR_INVALID, NULL, "update_mask"},
    {"'workspace': {'id': 'w1'}, 'updateMask': ['name']", SP_ERR_INVALID, NULL, "name"},
    {"'workspace': {'id': 'w1'}, 'updateMask': ['plan']", SP_ERR_INVALID, NULL, "plan"},
    {"'workspace': {'id': 'w1'}, 'updateMask': ['seats']", SP_ERR_INVALID, NULL, "seats"},
    {"'workspace': {'id': 'w1', 'seats': 1000001}, 'updateMask': ['seats']", SP_ERR_INVALID, NULL, "seats"},
    {"'workspace': {'id': 'nope', 'name': 'A'}, 'updateMask': ['name']", SP_ERR_NOT_FOUND, NULL, "nope"},
    {"'updateMask': ['name']", SP_ERR_INVALID, NULL, "workspace"},
};

static void updates_the_fields_of_the_mask_only(void **state) {
    (void)state;
    struct admin_fixture fixture;
    admin_fixture_open(&fixture, NULL);
    admin_workspace(&fixture, "w1");
    for (size_t i = 0; i < sizeof(updates) / sizeof(*updates); i++) {
        const char *request = admin_format(&fixture, "{%s}", updates[i].request);
        if (updates[i].status != SP_OK) {
            admin_fails(&fixture, fixture.operator_key, "UpdateWorkspace", request, updates[i].status,
                        updates[i].value);
            continue;
        }
        admin_ok(&fixture, fixture.operator_key, "UpdateWorkspace", request);
        json_t *at = admin_at(&fixture, updates[i].path);
        if (updates[i].value == NULL)
            assert_null(at);
        else if (json_is_integer(at))
            assert_int_equal(json_integer_value(at), strtoll(updates[i].value, NULL, 10));
        else
            assert_string_equal(json_string_value(at), updates[i].value);
    }
    admin_ok(&fixture, fixture.operator_key, "GetWorkspace", "{'workspace': 'w1'}");
    assert_string_equal(admin_text(&fixture, "name"), "New");
    assert_int_equal(admin_number(&fixture, "seats"), 1);
    admin_fixture_close(&fixture);
}

static void lowering_the_seats_touches_nothing_that_exists(void **state) {
    (void)state;
    struct admin_fixture fixture;
    admin_fixture_open(&fixture, NULL);
    const char *admin = admin_workspace(&fixture, "w1");
    admin_ok(&fixture, admin, "CreateUser", "{'id': 'u1', 'name': 'U'}");
    admin_ok(&fixture, admin, "CreateServiceAccount", "{'id': 'sa1', 'name': 'S'}");
    admin_ok(&fixture, fixture.operator_key, "UpdateWorkspace",
             "{'workspace': {'id': 'w1', 'seats': 1}, 'updateMask': ['seats']}");
    admin_ok(&fixture, admin, "GetPrincipal", "{'id': 'u1'}");
    assert_false(admin_flag(&fixture, "disabled"));
    admin_ok(&fixture, admin, "GetPrincipal", "{'id': 'sa1'}");
    assert_false(admin_flag(&fixture, "disabled"));
    admin_fails(&fixture, admin, "CreateUser", "{'name': 'V'}", SP_ERR_PRECONDITION, "seats");
    admin_fixture_close(&fixture);
}

static bool remove_chunk(struct admin_fixture *fixture, size_t limit) {
    struct sp_write *write = NULL;
    struct sp_error error = {0};
    bool more = false;
    sp_arena_reset(&fixture->arena);
    assert_int_equal(sp_write_begin(fixture->store, &write, &error), SP_OK);
    assert_int_equal(sp_admin_remove_deleted(write, limit, fixture->now_s, &fixture->arena, &more, &error), SP_OK);
    assert_int_equal(sp_write_commit(write, &error), SP_OK);
    return more;
}

static void removes_a_deleted_workspace_in_chunks(void **state) {
    (void)state;
    struct admin_fixture fixture;
    admin_fixture_open(&fixture, NULL);
    const char *root = fixture.operator_key;
    const char *admin = admin_workspace(&fixture, "w1");
    const char *neighbour = admin_workspace(&fixture, "w10");
    admin_ok(&fixture, admin, "CreateUser", "{'id': 'u1', 'name': 'U'}");
    admin_ok(&fixture, admin, "CreateGroup", "{'id': 'g1', 'name': 'G'}");
    admin_ok(&fixture, admin, "AddGroupMembers", "{'group': 'g1', 'principals': ['u1', 'w1-admin']}");
    admin_ok(&fixture, root, "RegisterResource",
             "{'workspace': 'w1', 'resource': {'type': 'voice', 'id': 'v1'}, 'creator': 'u1'}");
    admin_ok(&fixture, admin, "DeletePrincipal", "{'id': 'u1'}");

    admin_fails(&fixture, root, "DeleteWorkspace", "{'workspace': 'w1'}", SP_ERR_PRECONDITION, "disable it first");
    admin_ok(&fixture, root, "UpdateWorkspace",
             "{'workspace': {'id': 'w1', 'disabled': true}, 'updateMask': ['disabled']}");
    admin_ok(&fixture, root, "DeleteWorkspace", "{'workspace': 'w1'}");
    admin_ok(&fixture, root, "GetWorkspace", "{'workspace': 'w1'}");
    assert_true(admin_flag(&fixture, "deleting"));
    admin_fails(&fixture, root, "UpdateWorkspace",
                "{'workspace': {'id': 'w1', 'disabled': false}, 'updateMask': ['disabled']}", SP_ERR_PRECONDITION,
                "being deleted");
    admin_fails(&fixture, root, "DeleteWorkspace", "{'workspace': 'w1'}", SP_ERR_PRECONDITION, "being deleted");
    admin_fails(&fixture, admin, "WhoAmI", "{}", SP_ERR_UNAUTHENTICATED, "[WORKSPACE_DISABLED]");

    size_t chunks = 1;
    while (remove_chunk(&fixture, 2))
        assert_true(++chunks < 100);
    assert_true(chunks > 4);
    assert_false(remove_chunk(&fixture, 2));
    admin_fails(&fixture, root, "GetWorkspace", "{'workspace': 'w1'}", SP_ERR_NOT_FOUND, "w1");
    admin_fails(&fixture, admin, "WhoAmI", "{}", SP_ERR_UNAUTHENTICATED, "[KEY_UNKNOWN]");
    admin_fails(&fixture, root, "CreateWorkspace", "{'id': 'w1', 'name': 'Again'}", SP_ERR_EXISTS, "used before");
    /* Its ids stay closed to its neighbours, but not to operators. */
    admin_fails(&fixture, admin_registrar(&fixture, neighbour, "w10", "w10-admin"), "RegisterResource",
                "{'resource': {'type': 'voice', 'id': 'v1'}}", SP_ERR_EXISTS, NULL);
    admin_ok(&fixture, root, "RegisterResource", "{'workspace': 'w10', 'resource': {'type': 'voice', 'id': 'v1'}}");
    admin_ok(&fixture, neighbour, "WhoAmI", "{}");
    admin_fixture_close(&fixture);
}

static void lists_workspaces_page_by_page(void **state) {
    (void)state;
    struct admin_fixture fixture;
    admin_fixture_open(&fixture, NULL);
    for (int i = 0; i < 5; i++)
        admin_workspace(&fixture, admin_format(&fixture, "w%d", i));
    const char *token = "";
    size_t seen = 0;
    do {
        admin_ok(&fixture, fixture.operator_key, "ListWorkspaces",
                 admin_format(&fixture, "{'pageSize': 2, 'pageToken': '%s'}", token));
        size_t count = admin_length(&fixture, "workspaces");
        assert_int_equal(count, seen < 4 ? 2 : 1);
        for (size_t i = 0; i < count; i++, seen++)
            assert_string_equal(admin_text(&fixture, admin_format(&fixture, "workspaces.%zu.id", i)),
                                admin_format(&fixture, "w%zu", seen));
        token = admin_keep(&fixture, admin_text(&fixture, "nextPageToken"));
    } while (token[0] != '\0');
    assert_int_equal(seen, 5);
    admin_fixture_close(&fixture);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(makes_a_workspace_with_its_first_admin_and_key),
        cmocka_unit_test(checks_what_a_workspace_is_made_of),
        cmocka_unit_test(updates_the_fields_of_the_mask_only),
        cmocka_unit_test(lowering_the_seats_touches_nothing_that_exists),
        cmocka_unit_test(removes_a_deleted_workspace_in_chunks),
        cmocka_unit_test(lists_workspaces_page_by_page),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
