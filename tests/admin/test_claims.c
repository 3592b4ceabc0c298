/* Rights that claim or make keys are given by name: who may give them, register, delete and
 * register again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "support/admin_fixture.h"

#define ALL "{'all': true}"
#define READ "{'names': ['voices_read']}"
#define REGISTER "{'names': ['voices_read', 'resource_register']}"
#define ROTATE "{'names': ['voices_read', 'api_key_rotate']}"

static const char schema[] = "version: 1\n"
                             "permissions:\n"
                             "  voices_read: Read\n"
                             "  voices_write: Write\n"
                             "types:\n"
                             "  system:\n" /* ids: global, register: operator */
                             "    actions:\n"
                             "      use: {permission: voices_read, role: viewer}\n"
                             "      claim: {permission: resource_register}\n"
                             "  voice:\n"
                             "    register: permitted\n"
                             "    actions:\n"
                             "      use: {permission: voices_read, role: viewer}\n"
                             "      delete: {permission: voices_write, role: editor}\n"
                             "  open:\n"
                             "    register: admin\n"
                             "    actions:\n"
                             "      use: {permission: voices_read, role: viewer}\n"
                             "  note:\n" /* register: admin */
                             "    ids: workspace\n"
                             "    actions:\n"
                             "      use: {permission: voices_read, role: viewer}\n"
                             "  report:\n"
                             "    ids: workspace\n"
                             "    register: operator\n"
                             "    actions:\n"
                             "      use: {permission: voices_read, role: viewer}\n";

struct scene {
    struct admin_fixture fixture;
    const char *admin;     /* an ADMIN user's key with all permissions */
    const char *reader;    /* an ADMIN user's key without workspace_write */
    const char *member;    /* a MEMBER's key with all permissions */
    const char *robot;     /* a service account's key with all permissions */
    const char *registrar; /* a service account's key that lists resource_register */
    const char *other;     /* the admin of another workspace */
};

static int set_up(void **state) {
    struct scene *scene = test_calloc(1, sizeof(*scene));
    struct admin_fixture *fixture = &scene->fixture;
    admin_fixture_open(fixture, schema);
    scene->admin = admin_workspace(fixture, "w1");
    scene->other = admin_workspace(fixture, "w2");
    admin_ok(fixture, scene->admin, "CreateUser", "{'id': 'ann', 'name': 'Ann'}");
    admin_ok(fixture, scene->admin, "CreateServiceAccount", "{'id': 'bot', 'name': 'Bot'}");
    scene->reader = admin_new_key(fixture, scene->admin, "w1-admin", "{'names': ['workspace_read']}", "");
    scene->member = admin_new_key(fixture, scene->admin, "ann", ALL, "");
    scene->robot = admin_new_key(fixture, scene->admin, "bot", ALL, "");
    scene->registrar = admin_registrar(fixture, scene->admin, "w1", "bot");
    *state = scene;
    return 0;
}

static int tear_down(void **state) {
    struct scene *scene = *state;
    admin_fixture_close(&scene->fixture);
    test_free(scene);
    return 0;
}

static const char *resource(struct scene *scene, const char *type, const char *id) {
    return admin_format(&scene->fixture, "{'workspace': 'w1', 'resource': {'type': '%s', 'id': '%s'}}", type, id);
}

/* ---- registering ---- */

static const char *const callers = "oarmsg"; /* operator, admin, reader, member, robot, registrar */

static const char *key_of(struct scene *scene, char caller) {
    switch (caller) {
    case 'o':
        return scene->fixture.operator_key;
    case 'a':
        return scene->admin;
    case 'r':
        return scene->reader;
    case 'm':
        return scene->member;
    case 's':
        return scene->robot;
    default:
        return scene->registrar;
    }
}

/* A key's `all` includes no right to claim: whatever a type says, a member's or a robot's is
 * refused. */
static void each_type_says_who_registers(void **state) {
    static const struct {
        const char *type;
        const char *may; /* for each of the callers: y or n */
    } rows[] = {
        {"system", "ynnnnn"}, {"voice", "ynnnny"}, {"open", "yynnny"}, {"note", "yynnny"}, {"report", "ynnnnn"},
    };
    struct scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        for (size_t c = 0; callers[c] != '\0'; c++) {
            const char *request = resource(scene, rows[i].type, admin_format(fixture, "%c1", callers[c]));
            if (rows[i].may[c] == 'y')
                admin_ok(fixture, key_of(scene, callers[c]), "RegisterResource", request);
            else
                admin_fails(fixture, key_of(scene, callers[c]), "RegisterResource", request, SP_ERR_PERMISSION,
                            "requires");
        }
}

static void who_may_not_register_does_not_learn_which_ids_are_taken(void **state) {
    static const char *const types[] = {"system", "voice"};
    struct scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
        char said[1024];
        admin_ok(fixture, fixture->operator_key, "RegisterResource", resource(scene, types[i], "taken"));
        admin_ok(fixture, fixture->operator_key, "RegisterResource", resource(scene, types[i], "buried"));
        admin_ok(fixture, scene->admin, "DeleteResource", resource(scene, types[i], "buried"));
        admin_fails(fixture, scene->other, "RegisterResource",
                    admin_format(fixture, "{'resource': {'type': '%s', 'id': 'free'}}", types[i]), SP_ERR_PERMISSION,
                    NULL);
        (void)snprintf(said, sizeof(said), "%s", fixture->error.message);
        static const char *const ids[] = {"taken", "buried"};
        for (size_t j = 0; j < 2; j++) {
            admin_fails(fixture, scene->other, "RegisterResource",
                        admin_format(fixture, "{'resource': {'type': '%s', 'id': '%s'}}", types[i], ids[j]),
                        SP_ERR_PERMISSION, NULL);
            assert_string_equal(fixture->error.message, said);
        }
    }
}

/* ---- deleting ---- */

static void share(struct scene *scene, const char *type, const char *id, const char *principal, const char *role) {
    admin_ok(&scene->fixture, scene->admin, "ShareResource",
             admin_format(&scene->fixture,
                          "{'resource': {'type': '%s', 'id': '%s'}, 'subject': {'principal': '%s'}, 'role': '%s'}",
                          type, id, principal, role));
}

static void deleting_needs_an_admin_or_the_admin_role_and_the_permission(void **state) {
    static const struct {
        const char *type;
        char caller;
        const char *role; /* of the caller on the resource; NULL: none */
        bool may;
    } rows[] = {
        {"voice", 'o', NULL, true},           {"voice", 'a', NULL, true},
        {"voice", 'r', NULL, false},          /* an ADMIN has the role, but the key not voices_write */
        {"voice", 'm', NULL, false},          /* not shared */
        {"voice", 'm', "ROLE_EDITOR", false}, /* the action's role is enough for Check, but not to delete for good */
        {"voice", 'm', "ROLE_ADMIN", true},   {"voice", 's', "ROLE_ADMIN", true},
        {"voice", 'g', "ROLE_ADMIN", false}, /* without voices_write */
        {"note", 'm', "ROLE_ADMIN", false},  /* no delete action, and all includes no resource_register */
        {"note", 'g', "ROLE_ADMIN", true},    {"note", 'g', "ROLE_EDITOR", false},
        {"system", 's', "ROLE_ADMIN", false}, {"system", 'a', NULL, true},
    };
    struct scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        const char *id = admin_format(fixture, "d%zu", i);
        const char *request = resource(scene, rows[i].type, id);
        admin_ok(fixture, fixture->operator_key, "RegisterResource", request);
        if (rows[i].role != NULL)
            share(scene, rows[i].type, id, rows[i].caller == 'm' ? "ann" : "bot", rows[i].role);
        if (rows[i].may)
            admin_ok(fixture, key_of(scene, rows[i].caller), "DeleteResource", request);
        else
            admin_fails(fixture, key_of(scene, rows[i].caller), "DeleteResource", request, SP_ERR_PERMISSION,
                        "deleting requires");
    }
    /* Whether it is there or not. */
    admin_fails(fixture, scene->member, "DeleteResource", resource(scene, "voice", "nothing"), SP_ERR_PERMISSION,
                "deleting requires");
    admin_fails(fixture, scene->admin, "DeleteResource", resource(scene, "voice", "nothing"), SP_ERR_NOT_FOUND, NULL);
}

/* ---- registering again ---- */

static void a_deleted_id_comes_back_to_its_owners_admin_without_old_grants(void **state) {
    struct scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    const char *other = admin_registrar(fixture, scene->other, "w2", "w2-admin");
    const char *theirs = "{'resource': {'type': 'open', 'id': 'v1'}}";
    admin_ok(fixture, scene->admin, "RegisterResource", resource(scene, "open", "v1"));
    share(scene, "open", "v1", "ann", "ROLE_ADMIN");
    admin_ok(fixture, scene->admin, "DeleteResource", resource(scene, "open", "v1"));
    admin_fails(fixture, scene->other, "RegisterResource", theirs, SP_ERR_EXISTS, "is or was already registered");
    admin_fails(fixture, other, "RegisterResource", theirs, SP_ERR_EXISTS, "is or was already registered");
    admin_fails(fixture, scene->registrar, "RegisterResource", resource(scene, "open", "v1"), SP_ERR_EXISTS,
                "only an ADMIN user's key");
    admin_ok(fixture, scene->admin, "RegisterResource", resource(scene, "open", "v1"));
    admin_ok(fixture, scene->admin, "ListShares", "{'resource': {'type': 'open', 'id': 'v1'}}");
    assert_int_equal(admin_length(fixture, "grants"), 1);
    assert_string_equal(admin_text(fixture, "grants.0.subject.principal"), "w1-admin");
    admin_fails(fixture, scene->other, "RegisterResource", theirs, SP_ERR_EXISTS, NULL);
    /* An operator gives it to whom it likes, who is its owner then. */
    admin_ok(fixture, scene->admin, "DeleteResource", resource(scene, "open", "v1"));
    admin_ok(fixture, fixture->operator_key, "RegisterResource",
             "{'workspace': 'w2', 'resource': {'type': 'open', 'id': 'v1'}}");
    admin_ok(fixture, scene->other, "DeleteResource", theirs);
    admin_fails(fixture, scene->admin, "RegisterResource", resource(scene, "open", "v1"), SP_ERR_EXISTS, NULL);
    admin_ok(fixture, scene->other, "RegisterResource", theirs);
}

/* voice is `register: permitted`: an admin's key takes no free id there. */
static void an_admin_takes_back_only_its_own_deleted_id_where_registering_is_permitted(void **state) {
    struct scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    const char *voice = resource(scene, "voice", "v1");
    const char *theirs = "{'resource': {'type': 'voice', 'id': 'v1'}}";
    admin_ok(fixture, scene->registrar, "RegisterResource", voice);
    share(scene, "voice", "v1", "ann", "ROLE_ADMIN");
    admin_fails(fixture, scene->admin, "RegisterResource", voice, SP_ERR_PERMISSION, "requires");
    admin_ok(fixture, scene->admin, "DeleteResource", voice);
    admin_fails(fixture, scene->other, "RegisterResource", theirs, SP_ERR_PERMISSION, "requires");
    admin_fails(fixture, scene->reader, "RegisterResource", voice, SP_ERR_PERMISSION, "requires");
    admin_fails(fixture, scene->member, "RegisterResource", voice, SP_ERR_PERMISSION, "requires");
    admin_fails(fixture, scene->registrar, "RegisterResource", voice, SP_ERR_EXISTS, "only an ADMIN user's key");
    admin_fails(fixture, scene->admin, "RegisterResource", resource(scene, "voice", "v2"), SP_ERR_PERMISSION,
                "requires");
    admin_ok(fixture, scene->admin, "RegisterResource", voice);
    admin_ok(fixture, scene->admin, "ListShares", theirs);
    assert_int_equal(admin_length(fixture, "grants"), 1);
    assert_string_equal(admin_text(fixture, "grants.0.subject.principal"), "w1-admin");
    /* What an operator gave away since is another's. */
    admin_ok(fixture, scene->admin, "DeleteResource", voice);
    admin_ok(fixture, fixture->operator_key, "RegisterResource",
             "{'workspace': 'w2', 'resource': {'type': 'voice', 'id': 'v1'}}");
    admin_fails(fixture, scene->admin, "RegisterResource", voice, SP_ERR_PERMISSION, "requires");
    admin_ok(fixture, scene->other, "DeleteResource", theirs);
    admin_fails(fixture, scene->admin, "RegisterResource", voice, SP_ERR_PERMISSION, "requires");
    admin_ok(fixture, scene->other, "RegisterResource", theirs);
    /* Where only operators register, they alone bring an id back. */
    admin_ok(fixture, fixture->operator_key, "RegisterResource", resource(scene, "system", "s1"));
    admin_ok(fixture, scene->admin, "DeleteResource", resource(scene, "system", "s1"));
    admin_fails(fixture, scene->admin, "RegisterResource", resource(scene, "system", "s1"), SP_ERR_PERMISSION,
                "requires");
}

static const char *escape_schema(struct scene *scene, const char *yaml) {
    char escaped[4096];
    size_t size = 0;
    for (const char *at = yaml; *at != '\0'; at++) {
        assert_true(size < sizeof(escaped) - 2);
        if (*at == '\n')
            escaped[size++] = '\\';
        escaped[size++] = (char)(*at == '\n' ? 'n' : *at);
    }
    escaped[size] = '\0';
    return admin_format(&scene->fixture, "{'yaml': '%s', 'force': true}", escaped);
}

static void an_id_of_a_type_that_went_and_came_back_stays_its_owners(void **state) {
    static const char without[] = "version: 1\ntypes:\n  note:\n    ids: workspace\n    actions:\n      use: {}\n";
    struct scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    admin_ok(fixture, scene->admin, "RegisterResource", resource(scene, "open", "v1"));
    share(scene, "open", "v1", "ann", "ROLE_ADMIN");
    admin_ok(fixture, fixture->operator_key, "PutSchema", escape_schema(scene, without));
    admin_ok(fixture, fixture->operator_key, "PutSchema", escape_schema(scene, schema));
    admin_fails(fixture, scene->other, "RegisterResource", "{'resource': {'type': 'open', 'id': 'v1'}}", SP_ERR_EXISTS,
                "is or was already registered");
    admin_ok(fixture, scene->admin, "RegisterResource", resource(scene, "open", "v1"));
    admin_fails(fixture, scene->member, "DeleteResource", resource(scene, "open", "v1"), SP_ERR_PERMISSION, NULL);
}

static void an_admin_takes_back_an_id_of_a_permitted_type_that_went_and_came_back(void **state) {
    static const char without[] = "version: 1\ntypes:\n  note:\n    ids: workspace\n    actions:\n      use: {}\n";
    struct scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    admin_ok(fixture, scene->registrar, "RegisterResource", resource(scene, "voice", "v1"));
    admin_ok(fixture, fixture->operator_key, "PutSchema", escape_schema(scene, without));
    admin_ok(fixture, fixture->operator_key, "PutSchema", escape_schema(scene, schema));
    admin_fails(fixture, scene->other, "RegisterResource", "{'resource': {'type': 'voice', 'id': 'v1'}}",
                SP_ERR_PERMISSION, "requires");
    admin_ok(fixture, scene->admin, "RegisterResource", resource(scene, "voice", "v1"));
}

/* ---- giving ---- */

static void only_operators_first_give_resource_register(void **state) {
    struct scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    const char *operator_key = fixture->operator_key;
    const char *registrar =
        "{'workspace': 'w1', 'id': 'k1', 'updateMask': ['permissions'], 'permissions': " REGISTER "}";
    admin_new_key(fixture, scene->admin, "bot", READ, ", 'id': 'k1'");
    admin_fails(fixture, scene->admin, "UpdateApiKey", registrar, SP_ERR_PERMISSION, "only an operator");
    admin_fails(fixture, scene->admin, "CreateApiKey",
                "{'principal': 'bot', 'name': 'x', 'permissions': {'all': true, 'names': ['resource_register']}}",
                SP_ERR_PERMISSION, "only an operator");
    admin_fails(fixture, operator_key, "UpdateApiKey",
                "{'workspace': 'w1', 'id': 'k1', 'updateMask': ['permissions'], 'permissions': " ALL "}",
                SP_ERR_PERMISSION, "operators can only add");
    admin_fails(fixture, operator_key, "UpdateApiKey",
                "{'workspace': 'w1', 'id': 'k1', 'updateMask': ['permissions'], 'permissions': " ROTATE "}",
                SP_ERR_PERMISSION, "operators can only add");
    admin_fails(
        fixture, operator_key, "UpdateApiKey",
        "{'workspace': 'w1', 'id': 'k1', 'updateMask': ['permissions', 'name'], 'name': 'y', 'permissions': " REGISTER
        "}",
        SP_ERR_PERMISSION, "operators can only add");
    admin_ok(fixture, operator_key, "UpdateApiKey", registrar);
    /* Admins carry it along: narrowed, rotated, disabled and enabled again. */
    admin_ok(fixture, scene->admin, "UpdateApiKey", "{'id': 'k1', 'updateMask': ['name'], 'name': 'renamed'}");
    admin_ok(fixture, scene->admin, "RotateApiKey", "{'id': 'k1', 'newId': 'k2'}");
    assert_string_equal(admin_text(fixture, "apiKey.permissions.names.1"), "resource_register");
    admin_ok(fixture, admin_keep(fixture, admin_text(fixture, "secret")), "RegisterResource",
             resource(scene, "voice", "v1"));
    admin_ok(fixture, scene->admin, "DisableApiKey", "{'id': 'k2'}");
    admin_ok(fixture, scene->admin, "EnableApiKey", "{'id': 'k2'}");
    /* Neither widened, nor given back once it was taken away. */
    admin_fails(fixture, scene->admin, "UpdateApiKey",
                "{'id': 'k2', 'updateMask': ['permissions'], 'permissions': {'names': ['voices_read', 'voices_write', "
                "'resource_register']}}",
                SP_ERR_PERMISSION, "may register resources");
    admin_ok(fixture, scene->admin, "UpdateApiKey",
             "{'id': 'k2', 'updateMask': ['permissions'], 'permissions': " READ "}");
    admin_fails(fixture, scene->admin, "UpdateApiKey",
                "{'id': 'k2', 'updateMask': ['permissions'], 'permissions': " REGISTER "}", SP_ERR_PERMISSION,
                "only an operator");
    admin_ok(fixture, operator_key, "UpdateApiKey",
             "{'workspace': 'w1', 'id': 'k1', 'updateMask': ['permissions'], 'permissions': " READ "}");
}

static void an_admin_gives_and_carries_api_key_rotate_that_its_key_lacks(void **state) {
    struct scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    const char *rotor = admin_new_key(fixture, scene->admin, "bot", ROTATE, ", 'id': 'k1'");
    admin_ok(fixture, rotor, "RotateApiKey", "{'newId': 'k2'}");
    admin_ok(fixture, scene->admin, "RotateApiKey", "{'id': 'k2', 'newId': 'k3'}");
    admin_new_key(fixture, scene->admin, "bot", "{'all': true, 'names': ['api_key_rotate']}", ", 'id': 'k4'");
    const char *read = admin_new_key(fixture, scene->admin, "bot", READ, ", 'id': 'k5'");
    admin_fails(fixture, read, "RotateApiKey", "{}", SP_ERR_PERMISSION, "api_key_rotate");
    admin_ok(fixture, scene->admin, "UpdateApiKey",
             "{'id': 'k5', 'updateMask': ['permissions'], 'permissions': " ROTATE "}");
    admin_ok(fixture, read, "RotateApiKey", "{}");
    /* `all` is no name for it. */
    admin_fails(fixture, scene->robot, "RotateApiKey", "{}", SP_ERR_PERMISSION, "api_key_rotate");
    admin_fails(fixture, scene->admin, "CreateApiKey",
                "{'principal': 'bot', 'name': 'x', 'permissions': {'all': true, 'names': ['voices_read']}}",
                SP_ERR_INVALID, "may list only");
}

static void a_decision_knows_claiming_permissions_by_name_only(void **state) {
    struct scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    static const struct {
        const char *id;
        const char *permissions;
        const char *reason;
    } rows[] = {{"d1", ALL, "PERMISSION_MISSING"},
                {"d2", "{'all': true, 'names': ['resource_register']}", "ALLOWED"},
                {"d3", "{'all': true, 'names': ['api_key_rotate']}", "PERMISSION_MISSING"},
                {"d4", "{'names': ['resource_register']}", "ALLOWED"}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        admin_ok(
            fixture, fixture->operator_key, "CreateApiKey",
            admin_format(fixture,
                         "{'workspace': 'w1', 'id': '%s', 'principal': 'w1-admin', 'name': 'x', 'permissions': %s}",
                         rows[i].id, rows[i].permissions));
        admin_ok(
            fixture, scene->admin, "ExplainKey",
            admin_format(fixture, "{'keyId': '%s', 'resource': {'type': 'system'}, 'action': 'claim'}", rows[i].id));
        assert_string_equal(admin_text(fixture, "answer.reason"), rows[i].reason);
    }
}

int main(void) {
#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(each_type_says_who_registers),
        CASE(who_may_not_register_does_not_learn_which_ids_are_taken),
        CASE(deleting_needs_an_admin_or_the_admin_role_and_the_permission),
        CASE(a_deleted_id_comes_back_to_its_owners_admin_without_old_grants),
        CASE(an_admin_takes_back_only_its_own_deleted_id_where_registering_is_permitted),
        CASE(an_id_of_a_type_that_went_and_came_back_stays_its_owners),
        CASE(an_admin_takes_back_an_id_of_a_permitted_type_that_went_and_came_back),
        CASE(only_operators_first_give_resource_register),
        CASE(an_admin_gives_and_carries_api_key_rotate_that_its_key_lacks),
        CASE(a_decision_knows_claiming_permissions_by_name_only),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return failed > 255 ? 255 : failed;
}
