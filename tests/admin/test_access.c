#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "core/key_text.h"
#include "sallyport/v1/admin.pb-c.h"
#include "store/records/snapshot.h"
#include "support/admin_fixture.h"

/* The callers of the table below, in its columns' order. */
enum caller { NOBODY, OPERATOR, ADMIN_ALL, ADMIN_READ, ADMIN_WRITE, ADMIN_OTHER, MEMBER_ALL, SERVICE, CALLERS };

static const char *const caller_names[CALLERS] = {
    "nobody",
    "an operator",
    "an admin with all permissions",
    "an admin with workspace_read",
    "an admin with workspace_write",
    "an admin with neither",
    "a member with all permissions",
    "a service account with all permissions",
};

struct world {
    struct admin_fixture fixture;
    const char *keys[CALLERS];
};

static void open_world(struct world *world) {
    struct admin_fixture *fixture = &world->fixture;
    admin_fixture_open(fixture, NULL);
    const char *admin = admin_workspace(fixture, "w1");
    admin_ok(fixture, admin, "CreateUser", "{'id': 'member', 'name': 'Member'}");
    admin_ok(fixture, admin, "CreateServiceAccount", "{'id': 'robot', 'name': 'Robot'}");
    world->keys[NOBODY] = NULL;
    world->keys[OPERATOR] = fixture->operator_key;
    world->keys[ADMIN_ALL] = admin;
    world->keys[ADMIN_READ] = admin_new_key(fixture, admin, "w1-admin", "{'names': ['workspace_read']}", "");
    world->keys[ADMIN_WRITE] = admin_new_key(fixture, admin, "w1-admin", "{'names': ['workspace_write']}", "");
    world->keys[ADMIN_OTHER] = admin_new_key(fixture, admin, "w1-admin", "{'names': ['text_to_speech']}", "");
    world->keys[MEMBER_ALL] = admin_new_key(fixture, admin, "member", "{'all': true}", "");
    world->keys[SERVICE] = admin_new_key(fixture, admin, "robot", "{'all': true}", "");
}

/* Who may call what: 'y' may (whatever the call then says), 'n' PERMISSION_DENIED, 'u'
 * UNAUTHENTICATED. */
static const struct {
    const char *method;
    const char *callers; /* columns as in enum caller */
} access_table[] = {
    {"CreateWorkspace", "uynnnnnn"},
    {"GetWorkspace", "uyyynnnn"},
    {"ListWorkspaces", "uynnnnnn"},
    {"UpdateWorkspace", "uyynynnn"},
    {"DeleteWorkspace", "uynnnnnn"},
    {"CreateUser", "unynynnn"},
    {"CreateServiceAccount", "unynynnn"},
    {"GetPrincipal", "uyyynnnn"},
    {"ListPrincipals", "uyyynnnn"},
    {"UpdatePrincipal", "unynynnn"},
    {"DeletePrincipal", "unynynnn"},
    {"CreateGroup", "unynynnn"},
    {"GetGroup", "uyyynnnn"},
    {"ListGroups", "uyyynnnn"},
    {"UpdateGroup", "unynynnn"},
    {"DeleteGroup", "unynynnn"},
    {"AddGroupMembers", "unynynnn"},
    {"RemoveGroupMembers", "unynynnn"},
    {"ListGroupMembers", "uyyynnnn"},
    {"GetResource", "uyyynnnn"},
    {"ListResources", "uyyynnnn"},
    {"ListShares", "uyyynnnn"},
    {"ExportPolicy", "uyyynnnn"},
    {"ApplyPolicy", "unynynnn"},
    {"GetApiKey", "uyyynnnn"},
    {"ListApiKeys", "uyyynnnn"},
    {"UpdateApiKey", "uyynynnn"},
    {"DisableApiKey", "uyynynnn"},
    {"EnableApiKey", "unynynnn"},
    {"DeleteApiKey", "uyynynnn"},
    {"FindKey", "uyyynnnn"},
    {"GetKeyUsage", "uyyynnnn"},
    {"ListServers", "uynnnnnn"},
    {"RetireServer", "uynnnnnn"},
    {"ListOperators", "uynnnnnn"},
    {"RevokeOperator", "uynnnnnn"},
    {"GetSchema", "uyyynnnn"},
    {"PutSchema", "uynnnnnn"},
    {"ExplainKey", "uyyynnnn"},
    {"WhoAmI", "uyyyyyyy"},
    {"ListChanges", "uyyynnnn"},
    {"WatchChanges", "uyyynnnn"},
    {"Backup", "uynnnnnn"},
    {"Import", "uynnnnnn"},
};

/* Which reach their handler, and are judged there for each resource or key: see test_share.c and
 * test_key.c. */
static const char *const judged_by_handlers[] = {"ShareResource",    "UnshareResource", "UpdateShares", "RotateApiKey",
                                                 "RegisterResource", "DeleteResource",  "CreateApiKey", "DisableSelf"};

static enum sp_status call_stream(struct admin_fixture *fixture, const char *key, const struct sp_admin_method *method,
                                  struct sp_str *ret_workspace) {
    struct sp_snapshot *snapshot = NULL;
    assert_int_equal(sp_snapshot_open(fixture->store, &snapshot), SP_OK);
    assert_int_equal(sp_snapshot_acquire(snapshot), SP_OK);
    sp_arena_reset(&fixture->arena);
    struct sp_admin_caller caller = {.credential = sp_str_from(key), .now_s = fixture->now_s};
    ProtobufCMessage *request = sp_arena_alloc(&fixture->arena, sp_admin_method_request(method)->sizeof_message);
    protobuf_c_message_init(sp_admin_method_request(method), request);
    enum sp_status status = sp_admin_authorize_stream(method, sp_snapshot_view(snapshot), &caller, request,
                                                      &fixture->arena, ret_workspace, &fixture->error);
    sp_snapshot_release(snapshot);
    sp_snapshot_close(snapshot);
    return status;
}

static enum sp_status call_any(struct admin_fixture *fixture, const char *key, const char *name) {
    const struct sp_admin_method *method = sp_admin_method_find(name);
    assert_non_null(method);
    struct sp_str workspace = {0};
    if (sp_admin_method_type(method) == SP_ADMIN_STREAM)
        return call_stream(fixture, key, method, &workspace);
    return admin_call(fixture, key, name, "{}");
}

static char judge(enum sp_status status) {
    if (status == SP_ERR_UNAUTHENTICATED)
        return 'u';
    return status == SP_ERR_PERMISSION ? 'n' : 'y';
}

static void lets_each_caller_call_what_the_table_says(void **state) {
    (void)state;
    struct world world = {0};
    open_world(&world);
    for (size_t i = 0; i < sizeof(access_table) / sizeof(*access_table); i++)
        for (size_t caller = 0; caller < CALLERS; caller++) {
            enum sp_status status = call_any(&world.fixture, world.keys[caller], access_table[i].method);
            if (judge(status) != access_table[i].callers[caller])
                fail_msg("%s by %s: expected '%c', got %s: %s", access_table[i].method, caller_names[caller],
                         access_table[i].callers[caller], status == SP_OK ? "OK" : sp_status_name(status),
                         world.fixture.error.message);
        }
    admin_fixture_close(&world.fixture);
}

static bool is_in_the_tests(const char *method) {
    for (size_t i = 0; i < sizeof(access_table) / sizeof(*access_table); i++)
        if (strcmp(access_table[i].method, method) == 0)
            return true;
    for (size_t i = 0; i < sizeof(judged_by_handlers) / sizeof(*judged_by_handlers); i++)
        if (strcmp(judged_by_handlers[i], method) == 0)
            return true;
    return false;
}

enum { PATH_BYTES = 64 };

static const char *admin_path(const char *method, char ret_path[static PATH_BYTES]) {
    (void)snprintf(ret_path, PATH_BYTES, "/%s/%s", sallyport__v1__admin__descriptor.name, method);
    return ret_path;
}

static void has_a_row_for_every_method_of_the_service(void **state) {
    (void)state;
    const ProtobufCServiceDescriptor *service = &sallyport__v1__admin__descriptor;
    for (unsigned i = 0; i < service->n_methods; i++) {
        const struct sp_admin_method *method = sp_admin_method_find(service->methods[i].name);
        if (method == NULL)
            fail_msg("%s has no row", service->methods[i].name);
        assert_ptr_equal(sp_admin_method_request(method), service->methods[i].input);
        assert_string_equal(sp_admin_method_path(method), admin_path(service->methods[i].name, (char[PATH_BYTES]){0}));
        assert_true(is_in_the_tests(service->methods[i].name));
    }
    size_t rows = 0;
    while (sp_admin_method_at(rows) != NULL)
        rows++;
    assert_int_equal(rows, service->n_methods);
    assert_null(sp_admin_method_find("NoSuchMethod"));
}

/* What the programs ask the table for instead of comparing names. */
static void columns_say_how_a_method_is_carried_out(void **state) {
    (void)state;
    unsigned streams = 0;
    for (size_t i = 0; sp_admin_method_at(i) != NULL; i++) {
        const struct sp_admin_method *method = sp_admin_method_at(i);
        const char *name = sp_admin_method_name(method);
        enum sp_admin_stream stream = sp_admin_method_stream(method);
        assert_true((stream != SP_ADMIN_NO_STREAM) == (sp_admin_method_type(method) == SP_ADMIN_STREAM));
        assert_true(sp_admin_method_deletes_in_pieces(method) ==
                    (strcmp(name, "DeleteWorkspace") == 0 || strcmp(name, "DeletePrincipal") == 0 ||
                     strcmp(name, "DeleteGroup") == 0 || strcmp(name, "DeleteResource") == 0 ||
                     strcmp(name, "PutSchema") == 0));
        assert_true((sp_admin_method_type(method) == SP_ADMIN_USAGE_WRITE) == (strcmp(name, "RetireServer") == 0));
        streams |= 1U << stream;
    }
    assert_int_equal(streams, (1U << SP_ADMIN_STREAMS) - 1);
    assert_int_equal(sp_admin_method_stream(sp_admin_method_find("WatchChanges")), SP_ADMIN_WATCH_CHANGES);
    assert_int_equal(sp_admin_method_stream(sp_admin_method_find("Backup")), SP_ADMIN_BACKUP);
    assert_int_equal(sp_admin_method_stream(sp_admin_method_find("Import")), SP_ADMIN_IMPORT);
}

static void needs_one_key(void **state) {
    (void)state;
    struct admin_fixture fixture;
    admin_fixture_open(&fixture, NULL);
    admin_workspace(&fixture, "w1");
    admin_fails(&fixture, NULL, "WhoAmI", "{}", SP_ERR_UNAUTHENTICATED, "no key");
    admin_fails(&fixture, "", "WhoAmI", "{}", SP_ERR_UNAUTHENTICATED, "no key");
    admin_fails(&fixture, "sp_0", "WhoAmI", "{}", SP_ERR_UNAUTHENTICATED, "[KEY_MALFORMED]");

    char text[SP_KEY_TEXT_BYTES];
    const uint8_t random[SP_KEY_RANDOM_BYTES] = {1};
    sp_key_text_make(SP_STR_LITERAL("sp_"), random, text);
    admin_fails(&fixture, text, "WhoAmI", "{}", SP_ERR_UNAUTHENTICATED, "[KEY_UNKNOWN]");
    assert_null(strstr(fixture.error.message, text));

    char large[SP_KEY_PRESENTED_MAX_BYTES + 2];
    memset(large, 'a', sizeof(large) - 1);
    large[sizeof(large) - 1] = '\0';
    admin_fails(&fixture, large, "WhoAmI", "{}", SP_ERR_UNAUTHENTICATED, "[KEY_MALFORMED]");
    admin_fixture_close(&fixture);
}

static void refuses_two_different_keys(void **state) {
    (void)state;
    struct admin_fixture fixture;
    admin_fixture_open(&fixture, NULL);
    struct sp_snapshot *snapshot = NULL;
    assert_int_equal(sp_snapshot_open(fixture.store, &snapshot), SP_OK);
    assert_int_equal(sp_snapshot_acquire(snapshot), SP_OK);
    struct sp_admin_caller caller = {
        .credential = sp_str_from(fixture.operator_key), .ambiguous = true, .now_s = fixture.now_s};
    Sallyport__V1__WhoAmIRequest request = SALLYPORT__V1__WHO_AM_IREQUEST__INIT;
    ProtobufCMessage *reply = NULL;
    assert_int_equal(sp_admin_answer(sp_admin_method_find("WhoAmI"), sp_snapshot_view(snapshot), &caller, &request.base,
                                     &fixture.arena, &reply, &fixture.error),
                     SP_ERR_UNAUTHENTICATED);
    assert_null(reply);
    sp_snapshot_release(snapshot);
    sp_snapshot_close(snapshot);
    admin_fixture_close(&fixture);
}

static void refuses_a_key_that_fails_the_first_six_steps(void **state) {
    (void)state;
    struct world world = {0};
    open_world(&world);
    struct admin_fixture *fixture = &world.fixture;
    const char *admin = world.keys[ADMIN_ALL];

    const char *expiring = admin_new_key(fixture, admin, "member", "{'all': true}", ", 'expiresAt': 1700000100");
    admin_ok(fixture, expiring, "WhoAmI", "{}");
    fixture->now_s = 1700000100;
    admin_fails(fixture, expiring, "WhoAmI", "{}", SP_ERR_UNAUTHENTICATED, "[KEY_EXPIRED]");
    fixture->now_s = ADMIN_FIXTURE_NOW_S;

    const char *disabled = admin_new_key(fixture, admin, "member", "{'all': true}", ", 'id': 'k1'");
    admin_ok(fixture, admin, "DisableApiKey", "{'id': 'k1'}");
    admin_fails(fixture, disabled, "WhoAmI", "{}", SP_ERR_UNAUTHENTICATED, "[KEY_DISABLED]");

    const char *listed =
        admin_new_key(fixture, admin, "member", "{'all': true}", ", 'allowedIps': {'entries': ['198.51.100.0/24']}");
    admin_fails(fixture, listed, "WhoAmI", "{}", SP_ERR_PERMISSION, "[IP_NOT_ALLOWED]");
    fixture->address = NULL;
    admin_fails(fixture, listed, "WhoAmI", "{}", SP_ERR_PERMISSION, "[IP_NOT_ALLOWED]");
    fixture->address = "198.51.100.200";
    admin_ok(fixture, listed, "WhoAmI", "{}");

    admin_ok(fixture, admin, "UpdatePrincipal",
             "{'principal': {'id': 'member', 'disabled': true}, 'updateMask': ['disabled']}");
    admin_fails(fixture, world.keys[MEMBER_ALL], "WhoAmI", "{}", SP_ERR_UNAUTHENTICATED, "[PRINCIPAL_DISABLED]");
    admin_ok(fixture, fixture->operator_key, "UpdateWorkspace",
             "{'workspace': {'id': 'w1', 'disabled': true}, 'updateMask': ['disabled']}");
    admin_fails(fixture, admin, "WhoAmI", "{}", SP_ERR_UNAUTHENTICATED, "[WORKSPACE_DISABLED]");
    admin_fixture_close(fixture);
}

static void hides_other_workspaces(void **state) {
    (void)state;
    struct admin_fixture fixture;
    admin_fixture_open(&fixture, NULL);
    const char *admin = admin_workspace(&fixture, "w1");
    admin_workspace(&fixture, "w2");
    static const char *const methods[] = {"GetWorkspace", "ListPrincipals", "ListGroups", "ListApiKeys", "ListChanges"};
    for (size_t i = 0; i < sizeof(methods) / sizeof(*methods); i++) {
        admin_fails(&fixture, admin, methods[i], "{'workspace': 'w2'}", SP_ERR_NOT_FOUND, "workspace w2 not found");
        admin_fails(&fixture, admin, methods[i], "{'workspace': 'w3'}", SP_ERR_NOT_FOUND, "workspace w3 not found");
    }
    admin_fails(&fixture, admin, "CreateGroup", "{'workspace': 'w2', 'name': 'G'}", SP_ERR_NOT_FOUND, NULL);
    admin_fails(&fixture, admin, "UpdatePrincipal",
                "{'principal': {'workspace': 'w2', 'id': 'w2-admin', 'name': 'X'}, 'updateMask': ['name']}",
                SP_ERR_NOT_FOUND, NULL);
    admin_fails(&fixture, admin, "GetPrincipal", "{'id': 'w2-admin'}", SP_ERR_NOT_FOUND, NULL);
    admin_fails(&fixture, admin, "GetWorkspace", "{'workspace': '../w1'}", SP_ERR_INVALID, "workspace");
    admin_ok(&fixture, admin, "GetWorkspace", "{'workspace': 'w1'}");
    admin_ok(&fixture, admin, "GetWorkspace", "{}");
    admin_fixture_close(&fixture);
}

static void lets_operators_name_the_workspace(void **state) {
    (void)state;
    struct admin_fixture fixture;
    admin_fixture_open(&fixture, NULL);
    admin_workspace(&fixture, "w1");
    const char *root = fixture.operator_key;
    admin_fails(&fixture, root, "ListPrincipals", "{}", SP_ERR_INVALID, "workspace");
    admin_fails(&fixture, root, "ListPrincipals", "{'workspace': 'w2'}", SP_ERR_NOT_FOUND, "w2");
    admin_ok(&fixture, root, "ListPrincipals", "{'workspace': 'w1'}");
    assert_int_equal(admin_length(&fixture, "principals"), 1);
    admin_ok(&fixture, root, "ListChanges", "{}");
    admin_ok(&fixture, root, "ListChanges", "{'workspace': 'gone'}");
    admin_fixture_close(&fixture);
}

static void says_whose_changes_a_stream_may_show(void **state) {
    (void)state;
    struct world world = {0};
    open_world(&world);
    const struct sp_admin_method *watch = sp_admin_method_find("WatchChanges");
    struct sp_str workspace = SP_STR_LITERAL("untouched");
    assert_int_equal(call_stream(&world.fixture, world.keys[ADMIN_READ], watch, &workspace), SP_OK);
    assert_true(sp_str_equal(workspace, SP_STR_LITERAL("w1")));
    assert_int_equal(call_stream(&world.fixture, world.keys[OPERATOR], watch, &workspace), SP_OK);
    assert_int_equal(workspace.size, 0);
    admin_fixture_close(&world.fixture);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(has_a_row_for_every_method_of_the_service),
        cmocka_unit_test(lets_each_caller_call_what_the_table_says),
        cmocka_unit_test(columns_say_how_a_method_is_carried_out),
        cmocka_unit_test(needs_one_key),
        cmocka_unit_test(refuses_two_different_keys),
        cmocka_unit_test(refuses_a_key_that_fails_the_first_six_steps),
        cmocka_unit_test(hides_other_workspaces),
        cmocka_unit_test(lets_operators_name_the_workspace),
        cmocka_unit_test(says_whose_changes_a_stream_may_show),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
