/* Resources and shares: who registers, who shares what with whom, and what that answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "support/admin_fixture.h"

static const char schema[] = "version: 1\n"
                             "permissions:\n"
                             "  voices_read: Read\n"
                             "  voices_write: Write\n"
                             "types:\n"
                             "  voice:\n"
                             "    register: permitted\n"
                             "    actions:\n"
                             "      use: {permission: voices_read, role: viewer}\n"
                             "      share: {permission: voices_write, role: editor}\n"
                             "  note:\n"
                             "    ids: workspace\n"
                             "    actions:\n"
                             "      use: {permission: voices_read, role: viewer}\n"
                             "      share: {permission: voices_write, role: editor}\n"
                             "  chart:\n"
                             "    register: permitted\n"
                             "    actions:\n"
                             "      use: {permission: voices_read, role: viewer}\n";

#define VOICE(id) "'resource': {'type': 'voice', 'id': '" id "'}"
#define NOTE(id) "'resource': {'type': 'note', 'id': '" id "'}"
#define TO(id) "'subject': {'principal': '" id "'}"
#define TO_GROUP(id) "'subject': {'group': '" id "'}"
/* Updates of a share of voice/v1. */
#define V1_TO(id, role) "{" VOICE("v1") ", " TO(id) ", 'role': '" role "'}"
#define V1_AWAY_FROM(id) "{" VOICE("v1") ", " TO(id) "}"

struct scene {
    struct admin_fixture fixture;
    const char *admin;    /* everything */
    const char *writer;   /* an ADMIN's key with workspace_write and nothing else */
    const char *ann;      /* a MEMBER who is permitted everything; created voice v1 */
    const char *ben;      /* a MEMBER permitted voices_write */
    const char *platform; /* a service account permitted resource_register */
};

static int set_up(void **state) {
    struct scene *scene = test_calloc(1, sizeof(*scene));
    struct admin_fixture *fixture = &scene->fixture;
    admin_fixture_open(fixture, schema);
    scene->admin = admin_workspace(fixture, "w1");
    admin_ok(fixture, scene->admin, "CreateUser", "{'id': 'ann', 'name': 'Ann'}");
    admin_ok(fixture, scene->admin, "CreateUser", "{'id': 'ben', 'name': 'Ben'}");
    admin_ok(fixture, scene->admin, "CreateUser", "{'id': 'cat', 'name': 'Cat'}");
    admin_ok(fixture, scene->admin, "CreateServiceAccount", "{'id': 'bot', 'name': 'Bot'}");
    admin_ok(fixture, scene->admin, "CreateGroup", "{'id': 'team', 'name': 'Team'}");
    scene->writer = admin_new_key(fixture, scene->admin, "w1-admin", "{'names': ['workspace_write']}", "");
    scene->ann = admin_new_key(fixture, scene->admin, "ann", "{'all': true}", ", 'id': 'ann1'");
    scene->ben =
        admin_new_key(fixture, scene->admin, "ben", "{'names': ['voices_write', 'voices_read']}", ", 'id': 'ben1'");
    scene->platform = admin_registrar(fixture, scene->admin, "w1", "bot");
    admin_ok(fixture, scene->platform, "RegisterResource", "{" VOICE("v1") ", 'creator': 'ann'}");
    *state = scene;
    return 0;
}

static int tear_down(void **state) {
    struct scene *scene = *state;
    admin_fixture_close(&scene->fixture);
    test_free(scene);
    return 0;
}

/* Whether a key by its id may do an action, as Check would answer. */
static const char *answer(struct scene *scene, const char *key_id, const char *type, const char *id,
                          const char *action) {
    admin_ok(&scene->fixture, scene->admin, "ExplainKey",
             admin_format(&scene->fixture, "{'keyId': '%s', 'resource': {'type': '%s', 'id': '%s'}, 'action': '%s'}",
                          key_id, type, id, action));
    return admin_text(&scene->fixture, "answer.reason");
}

/* ---- registration ---- */

static void the_creator_gets_the_admin_role(void **state) {
    struct scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    admin_ok(fixture, scene->admin, "ListShares", "{" VOICE("v1") "}");
    assert_int_equal(admin_length(fixture, "grants"), 1);
    assert_string_equal(admin_text(fixture, "grants.0.subject.principal"), "ann");
    assert_string_equal(admin_text(fixture, "grants.0.role"), "ROLE_ADMIN");
    assert_true(admin_flag(fixture, "grants.0.creator"));
    assert_string_equal(answer(scene, "ann1", "voice", "v1", "use"), "ALLOWED");
    assert_string_equal(answer(scene, "ben1", "voice", "v1", "use"), "NOT_SHARED");
    assert_string_equal(answer(scene, "ben1", "voice", "v9", "use"), "RESOURCE_UNKNOWN");
    admin_ok(fixture, scene->admin, "GetResource", "{" VOICE("v1") "}");
    assert_string_equal(admin_text(fixture, "creator"), "ann");
}

static void registration_takes_initial_shares_along(void **state) {
    struct scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    admin_ok(fixture, scene->platform, "RegisterResource",
             "{" VOICE("v2") ", 'shares': [{" TO("ben") ", 'role': 'ROLE_VIEWER'}, {" TO_GROUP(
                 "team") ", 'role': 'ROLE_EDITOR'}]}");
    assert_string_equal(admin_text(fixture, "resource.creator"), "bot");
    admin_ok(fixture, scene->admin, "ListShares", "{" VOICE("v2") "}");
    assert_int_equal(admin_length(fixture, "grants"), 3);
    assert_string_equal(answer(scene, "ben1", "voice", "v2", "use"), "ALLOWED");
    assert_string_equal(answer(scene, "ben1", "voice", "v2", "share"), "ROLE_TOO_LOW");
    admin_ok(fixture, fixture->operator_key, "RegisterResource", "{'workspace': 'w1', " VOICE("v3") "}");
    assert_string_equal(admin_text(fixture, "resource.creator"), "");
    admin_ok(fixture, scene->admin, "ListShares", "{" VOICE("v3") "}");
    assert_int_equal(admin_length(fixture, "grants"), 0);
}

struct refusal {
    const char *request;
    enum sp_status status;
    const char *says;
};

static void refuses_what_cannot_be_registered(void **state) {
    static const struct refusal refusals[] = {
        {"{}", SP_ERR_INVALID, "resource"},
        {"{'resource': {'type': 'planet', 'id': 'x'}}", SP_ERR_INVALID, "no type planet"},
        {"{'resource': {'type': 'voice'}}", SP_ERR_INVALID, "resource.id"},
        {"{'resource': {'type': 'Voice', 'id': 'x'}}", SP_ERR_INVALID, "resource.type"},
        {"{" VOICE("x") ", 'creator': 'nobody'}", SP_ERR_NOT_FOUND, "nobody"},
        {"{" VOICE("x") ", 'shares': [{" TO("nobody") ", 'role': 'ROLE_VIEWER'}]}", SP_ERR_NOT_FOUND, "nobody"},
        {"{" VOICE("x") ", 'shares': [{" TO("ben") "}]}", SP_ERR_INVALID, "role"},
        {"{" VOICE("x") ", 'shares': [{'role': 'ROLE_VIEWER'}]}", SP_ERR_INVALID, "shares[0].subject"},
        {"{" VOICE("x") ", 'shares': [{" TO("bot") ", 'role': 'ROLE_VIEWER'}]}", SP_ERR_INVALID, "the creator"},
        {"{" VOICE("x") ", 'shares': [{" TO("ben") ", 'role': 'ROLE_VIEWER'}, {" TO("ben") ", 'role': 'ROLE_ADMIN'}]}",
         SP_ERR_INVALID, "twice"},
        {"{" VOICE("v1") "}", SP_ERR_EXISTS, "is or was already registered"},
    };
    struct scene *scene = *state;
    uint64_t before = admin_revision(&scene->fixture);
    for (size_t i = 0; i < sizeof(refusals) / sizeof(*refusals); i++)
        admin_fails(&scene->fixture, scene->platform, "RegisterResource", refusals[i].request, refusals[i].status,
                    refusals[i].says);
    admin_fails(&scene->fixture, scene->ben, "RegisterResource", "{" VOICE("x") "}", SP_ERR_PERMISSION,
                "resource_register");
    assert_int_equal(admin_revision(&scene->fixture), before);
}

static void a_global_id_belongs_to_one_workspace(void **state) {
    struct scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    const char *other_admin = admin_workspace(fixture, "w2");
    const char *other = admin_registrar(fixture, other_admin, "w2", "w2-admin");
    admin_fails(fixture, other, "RegisterResource", "{" VOICE("v1") "}", SP_ERR_EXISTS, "is or was already registered");
    const char *says = admin_keep(fixture, fixture->error.message);
    assert_null(strstr(says, "w1"));
    admin_fails(fixture, other, "GetResource", "{" VOICE("v1") "}", SP_ERR_NOT_FOUND, NULL);
    admin_fails(fixture, other_admin, "DeleteResource", "{" VOICE("v1") "}", SP_ERR_NOT_FOUND, NULL);
    admin_fails(fixture, other, "ListShares", "{" VOICE("v1") "}", SP_ERR_NOT_FOUND, NULL);
    admin_ok(fixture, scene->admin, "DeleteResource", "{" VOICE("v1") "}");
    admin_fails(fixture, scene->platform, "GetResource", "{" VOICE("v1") "}", SP_ERR_PERMISSION, NULL);
    /* Taken and buried look the same. */
    admin_fails(fixture, other, "RegisterResource", "{" VOICE("v1") "}", SP_ERR_EXISTS, NULL);
    assert_string_equal(fixture->error.message, says);
    assert_string_equal(answer(scene, "ann1", "voice", "v1", "use"), "RESOURCE_UNKNOWN");
}

static void workspace_ids_are_each_workspaces_own(void **state) {
    struct scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    const char *other = admin_workspace(fixture, "w2");
    admin_ok(fixture, scene->platform, "RegisterResource", "{" NOTE("n1") ", 'creator': 'ben'}");
    admin_ok(fixture, other, "RegisterResource", "{" NOTE("n1") "}");
    assert_string_equal(answer(scene, "ben1", "note", "n1", "share"), "ALLOWED");
    /* What is shared without having been registered cannot be taken over by registering it. */
    admin_ok(fixture, scene->admin, "ShareResource", "{" NOTE("n2") ", " TO("ann") ", 'role': 'ROLE_VIEWER'}");
    admin_fails(fixture, scene->platform, "RegisterResource", "{" NOTE("n2") "}", SP_ERR_EXISTS, "already shared");
    admin_ok(fixture, other, "DeleteResource", "{" NOTE("n1") "}");
    admin_ok(fixture, other, "RegisterResource", "{" NOTE("n1") "}");
    assert_string_equal(answer(scene, "ben1", "note", "n1", "share"), "ALLOWED");
}

static void quotas_limit_resources_and_grants(void **state) {
    struct scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    admin_ok(fixture, fixture->operator_key, "UpdateWorkspace",
             "{'workspace': {'id': 'w1', 'quotas': {'resources': 2, 'grants': 2}}, 'updateMask': ['quotas']}");
    admin_fails(fixture, scene->platform, "RegisterResource",
                "{" VOICE("v2") ", 'shares': [{" TO("ben") ", 'role': 'ROLE_VIEWER'}]}", SP_ERR_EXHAUSTED,
                "quota grants");
    admin_ok(fixture, scene->platform, "RegisterResource", "{" VOICE("v2") "}");
    admin_fails(fixture, fixture->operator_key, "RegisterResource", "{'workspace': 'w1', " VOICE("v3") "}",
                SP_ERR_EXHAUSTED, "quota resources");
    admin_fails(fixture, scene->admin, "ShareResource", "{" VOICE("v1") ", " TO("ben") ", 'role': 'ROLE_VIEWER'}",
                SP_ERR_EXHAUSTED, "quota grants");
    /* Replacing a role takes no more room. */
    admin_ok(fixture, scene->admin, "ShareResource", "{" VOICE("v1") ", " TO("ann") ", 'role': 'ROLE_VIEWER'}");
}

static void lists_resources_by_type(void **state) {
    struct scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    admin_ok(fixture, scene->platform, "RegisterResource", "{" NOTE("n1") "}");
    admin_ok(fixture, scene->admin, "ListResources", "{}");
    assert_int_equal(admin_length(fixture, "resources"), 2);
    admin_ok(fixture, scene->admin, "ListResources", "{'type': 'note'}");
    assert_int_equal(admin_length(fixture, "resources"), 1);
    assert_string_equal(admin_text(fixture, "resources.0.ref.id"), "n1");
    admin_fails(fixture, scene->admin, "ListResources", "{'type': 'planet'}", SP_ERR_INVALID, "planet");
}

/* ---- sharing ---- */

struct attempt {
    const char *key; /* which of the scene's */
    const char *method;
    const char *request;
    enum sp_status status;
    const char *says;
};

static const char *key_named(const struct scene *scene, const char *name) {
    if (strcmp(name, "admin") == 0)
        return scene->admin;
    if (strcmp(name, "writer") == 0)
        return scene->writer;
    return strcmp(name, "ann") == 0 ? scene->ann : scene->ben;
}

static void try_all(struct scene *scene, const struct attempt *attempts, size_t count) {
    for (size_t i = 0; i < count; i++)
        admin_fails(&scene->fixture, key_named(scene, attempts[i].key), attempts[i].method, attempts[i].request,
                    attempts[i].status, attempts[i].says);
}

static void nobody_gives_or_takes_above_the_own_role(void **state) {
    static const struct attempt attempts[] = {
        {"ben", "ShareResource", "{" VOICE("v1") ", " TO("cat") ", 'role': 'ROLE_VIEWER'}", SP_ERR_PERMISSION,
         "NOT_SHARED"},
        {"admin", "ShareResource", "{" VOICE("v1") ", " TO("ben") ", 'role': 'ROLE_COMMENTER'}", SP_OK, NULL},
        {"ben", "ShareResource", "{" VOICE("v1") ", " TO("cat") ", 'role': 'ROLE_VIEWER'}", SP_ERR_PERMISSION,
         "ROLE_TOO_LOW"},
        {"ann", "ShareResource", "{" VOICE("v1") ", " TO("ben") ", 'role': 'ROLE_EDITOR'}", SP_OK, NULL},
        {"ben", "ShareResource", "{" VOICE("v1") ", " TO("cat") ", 'role': 'ROLE_EDITOR'}", SP_OK, NULL},
        {"ben", "ShareResource", "{" VOICE("v1") ", " TO("cat") ", 'role': 'ROLE_ADMIN'}", SP_ERR_PERMISSION,
         "cannot grant a role higher"},
        {"ben", "ShareResource", "{" VOICE("v1") ", " TO("ben") ", 'role': 'ROLE_ADMIN'}", SP_ERR_PERMISSION,
         "cannot grant a role higher"},
        {"ann", "ShareResource", "{" VOICE("v1") ", " TO_GROUP("team") ", 'role': 'ROLE_ADMIN'}", SP_OK, NULL},
        {"ben", "ShareResource", "{" VOICE("v1") ", " TO_GROUP("team") ", 'role': 'ROLE_VIEWER'}", SP_ERR_PERMISSION,
         "cannot change a role higher"},
        {"ben", "UnshareResource", "{" VOICE("v1") ", " TO_GROUP("team") "}", SP_ERR_PERMISSION,
         "cannot change a role higher"},
        {"ben", "UnshareResource", "{" VOICE("v1") ", " TO("cat") "}", SP_OK, NULL},
        {"ben", "UnshareResource", "{" VOICE("v1") ", " TO("cat") "}", SP_ERR_NOT_FOUND, "not shared"},
    };
    try_all(*state, attempts, sizeof(attempts) / sizeof(*attempts));
}

static void only_an_admin_lowers_the_creators_grant(void **state) {
    static const struct attempt attempts[] = {
        {"ann", "ShareResource", "{" VOICE("v1") ", " TO("ben") ", 'role': 'ROLE_ADMIN'}", SP_OK, NULL},
        {"ben", "UnshareResource", "{" VOICE("v1") ", " TO("ann") "}", SP_ERR_PERMISSION, "creator"},
        {"ben", "ShareResource", "{" VOICE("v1") ", " TO("ann") ", 'role': 'ROLE_EDITOR'}", SP_ERR_PERMISSION,
         "creator"},
        {"ann", "UnshareResource", "{" VOICE("v1") ", " TO("ann") "}", SP_ERR_PERMISSION, "creator"},
        {"ben", "ShareResource", "{" VOICE("v1") ", " TO("ann") ", 'role': 'ROLE_ADMIN'}", SP_OK, NULL},
        /* Without a permission of the type, but with workspace_write. */
        {"writer", "ShareResource", "{" VOICE("v1") ", " TO("ann") ", 'role': 'ROLE_VIEWER'}", SP_OK, NULL},
        {"ben", "ShareResource", "{" VOICE("v1") ", " TO("ann") ", 'role': 'ROLE_EDITOR'}", SP_OK, NULL},
        {"ben", "UnshareResource", "{" VOICE("v1") ", " TO("ann") "}", SP_ERR_PERMISSION, "creator"},
        {"writer", "UnshareResource", "{" VOICE("v1") ", " TO("ann") "}", SP_OK, NULL},
    };
    try_all(*state, attempts, sizeof(attempts) / sizeof(*attempts));
}

static void sharing_needs_the_actions_permission_and_the_action(void **state) {
    struct scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    const char *reader = admin_new_key(fixture, scene->admin, "ann", "{'names': ['voices_read']}", "");
    const char *admin_reader =
        admin_new_key(fixture, scene->admin, "w1-admin", "{'names': ['workspace_read', 'voices_write']}", "");
    const char *request = "{" VOICE("v1") ", " TO("ben") ", 'role': 'ROLE_VIEWER'}";
    admin_fails(fixture, reader, "ShareResource", request, SP_ERR_PERMISSION, "PERMISSION_MISSING");
    /* An ADMIN user without workspace_write shares like anyone, with the role ADMIN on
     * everything. */
    admin_ok(fixture, admin_reader, "ShareResource", request);
    admin_fails(fixture, admin_reader, "UnshareResource", "{" VOICE("v1") ", " TO("ann") "}", SP_ERR_PERMISSION,
                "creator");
    admin_ok(fixture, scene->platform, "RegisterResource",
             "{'resource': {'type': 'chart', 'id': 'c1'}, 'creator': 'ann'}");
    admin_fails(fixture, scene->ann, "ShareResource",
                "{'resource': {'type': 'chart', 'id': 'c1'}, " TO("ben") ", 'role': 'ROLE_VIEWER'}", SP_ERR_PERMISSION,
                "ACTION_UNKNOWN");
    admin_ok(fixture, scene->writer, "ShareResource",
             "{'resource': {'type': 'chart', 'id': 'c1'}, " TO("ben") ", 'role': 'ROLE_VIEWER'}");
}

static void refuses_what_cannot_be_shared(void **state) {
    static const struct attempt attempts[] = {
        {"admin", "ShareResource", "{" VOICE("v9") ", " TO("ben") ", 'role': 'ROLE_VIEWER'}", SP_ERR_NOT_FOUND, "v9"},
        {"ben", "ShareResource", "{" VOICE("v9") ", " TO("ben") ", 'role': 'ROLE_VIEWER'}", SP_ERR_NOT_FOUND, "v9"},
        {"admin", "ShareResource", "{" VOICE("v1") ", " TO("zoe") ", 'role': 'ROLE_VIEWER'}", SP_ERR_NOT_FOUND, "zoe"},
        {"admin", "ShareResource", "{" VOICE("v1") ", " TO_GROUP("ben") ", 'role': 'ROLE_VIEWER'}", SP_ERR_NOT_FOUND,
         "group ben"},
        {"admin", "ShareResource", "{" VOICE("v1") ", " TO("ben") "}", SP_ERR_INVALID, "role"},
        {"admin", "ShareResource", "{" VOICE("v1") ", 'role': 'ROLE_VIEWER'}", SP_ERR_INVALID, "subject"},
        {"admin", "ShareResource", "{" TO("ben") ", 'role': 'ROLE_VIEWER'}", SP_ERR_INVALID, "resource"},
        {"admin", "ShareResource", "{'resource': {'type': 'planet', 'id': 'x'}, " TO("ben") ", 'role': 'ROLE_VIEWER'}",
         SP_ERR_INVALID, "planet"},
        {"admin", "UnshareResource", "{" VOICE("v1") ", " TO("ben") "}", SP_ERR_NOT_FOUND, "not shared"},
        {"admin", "UpdateShares", "{}", SP_ERR_INVALID, "updates"},
    };
    struct scene *scene = *state;
    uint64_t before = admin_revision(&scene->fixture);
    try_all(scene, attempts, sizeof(attempts) / sizeof(*attempts));
    assert_int_equal(admin_revision(&scene->fixture), before);
}

static void another_workspaces_resources_are_not_there(void **state) {
    struct scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    const char *other = admin_workspace(fixture, "w2");
    admin_fails(fixture, other, "ShareResource", "{" VOICE("v1") ", " TO("w2-admin") ", 'role': 'ROLE_VIEWER'}",
                SP_ERR_NOT_FOUND, "voice v1 not found in workspace w2");
    admin_fails(fixture, scene->admin, "ShareResource", "{" VOICE("v1") ", " TO("w2-admin") ", 'role': 'ROLE_VIEWER'}",
                SP_ERR_NOT_FOUND, "w2-admin");
}

/* ---- many at once ---- */

static void updates_are_all_or_none_and_in_order(void **state) {
    struct scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    uint64_t before = admin_revision(fixture);
    admin_fails(fixture, scene->admin, "UpdateShares",
                "{'updates': [{" VOICE("v1") ", " TO("ben") ", 'role': 'ROLE_EDITOR'}, {" VOICE("v9") ", " TO(
                    "ben") ", 'role': 'ROLE_EDITOR'}]}",
                SP_ERR_NOT_FOUND, "updates[1]");
    assert_int_equal(admin_revision(fixture), before);
    assert_string_equal(answer(scene, "ben1", "voice", "v1", "use"), "NOT_SHARED");

    admin_ok(fixture, scene->admin, "UpdateShares",
             "{'updates': [" V1_TO("ben", "ROLE_EDITOR") ", " V1_TO("ben", "ROLE_VIEWER") ", " V1_AWAY_FROM(
                 "cat") ", " V1_TO("cat", "ROLE_VIEWER") ", " V1_AWAY_FROM("cat") "]}");
    assert_int_equal(admin_revision(fixture), before + 1);
    assert_string_equal(answer(scene, "ben1", "voice", "v1", "share"), "ROLE_TOO_LOW");
    admin_ok(fixture, scene->admin, "ListShares", "{" VOICE("v1") "}");
    assert_int_equal(admin_length(fixture, "grants"), 2);
}

static void a_role_that_was_given_away_does_not_serve_the_next_update(void **state) {
    struct scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    admin_ok(fixture, scene->admin, "ShareResource", "{" VOICE("v1") ", " TO("ben") ", 'role': 'ROLE_EDITOR'}");
    admin_fails(
        fixture, scene->ben, "UpdateShares",
        "{'updates': [{" VOICE("v1") ", " TO("ben") "}, {" VOICE("v1") ", " TO("cat") ", 'role': 'ROLE_VIEWER'}]}",
        SP_ERR_PERMISSION, "updates[1]");
    assert_string_equal(answer(scene, "ben1", "voice", "v1", "share"), "ALLOWED");
}

static void lists_what_a_subject_has_page_by_page(void **state) {
    struct scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    for (int i = 0; i < 5; i++)
        admin_ok(fixture, scene->admin, "ShareResource",
                 admin_format(
                     fixture,
                     "{'resource': {'type': 'note', 'id': 'n%d'}, " TO_GROUP("team") ", 'role': 'ROLE_VIEWER'}", i));
    const char *token = "";
    size_t seen = 0;
    do {
        admin_ok(fixture, scene->admin, "ListShares",
                 admin_format(fixture, "{" TO_GROUP("team") ", 'pageSize': 2, 'pageToken': '%s'}", token));
        for (size_t i = 0; i < admin_length(fixture, "grants"); i++, seen++)
            assert_string_equal(admin_text(fixture, admin_format(fixture, "grants.%zu.resource.id", i)),
                                admin_format(fixture, "n%zu", seen));
        token = admin_keep(fixture, admin_text(fixture, "nextPageToken"));
    } while (token[0] != '\0');
    assert_int_equal(seen, 5);
    admin_fails(fixture, scene->admin, "ListShares", "{}", SP_ERR_INVALID, "either resource or subject");
    admin_fails(fixture, scene->admin, "ListShares", "{" TO("zoe") "}", SP_ERR_NOT_FOUND, "zoe");
    admin_fails(fixture, scene->ann, "ListShares", "{" VOICE("v1") "}", SP_ERR_PERMISSION, NULL);
}

int main(void) {
#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(the_creator_gets_the_admin_role),
        CASE(registration_takes_initial_shares_along),
        CASE(refuses_what_cannot_be_registered),
        CASE(a_global_id_belongs_to_one_workspace),
        CASE(workspace_ids_are_each_workspaces_own),
        CASE(quotas_limit_resources_and_grants),
        CASE(lists_resources_by_type),
        CASE(nobody_gives_or_takes_above_the_own_role),
        CASE(only_an_admin_lowers_the_creators_grant),
        CASE(sharing_needs_the_actions_permission_and_the_action),
        CASE(refuses_what_cannot_be_shared),
        CASE(another_workspaces_resources_are_not_there),
        CASE(updates_are_all_or_none_and_in_order),
        CASE(a_role_that_was_given_away_does_not_serve_the_next_update),
        CASE(lists_what_a_subject_has_page_by_page),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return failed > 255 ? 255 : failed;
}
