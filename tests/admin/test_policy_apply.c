/* ExportPolicy and ApplyPolicy: what a workspace's policy is, page by page, and many edits as one
 * change. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/admin_fixture.h"

static const char schema[] = "version: 1\n"
                             "permissions:\n"
                             "  notes_read: Read\n"
                             "types:\n"
                             "  note:\n"
                             "    register: admin\n"
                             "    actions:\n"
                             "      use: {permission: notes_read, role: viewer}\n"
                             "  vault:\n"
                             "    register: operator\n"
                             "    actions:\n"
                             "      use: {permission: notes_read, role: viewer}\n";

#define NOTE(id) "'resource': {'type': 'note', 'id': '" id "'}"

static int set_up(void **state) {
    struct admin_scene *scene = admin_scene_open(schema);
    *state = scene;
    return 0;
}

static void apply(struct admin_scene *scene, const char *edits) {
    admin_ok(&scene->fixture, scene->admin, "ApplyPolicy", admin_format(&scene->fixture, "{'edits': [%s]}", edits));
}

static const char small_world[] =
    "{'createPrincipal': {'id': 'ann', 'kind': 'USER', 'name': 'Ann', 'role': 'WORKSPACE_ROLE_ADMIN'}},"
    "{'createPrincipal': {'id': 'bot', 'kind': 'SERVICE_ACCOUNT', 'name': 'Bot', 'disabled': true}},"
    "{'createGroup': {'id': 'team', 'name': 'Team'}},"
    "{'addMember': {'group': 'team', 'principal': 'ann'}},"
    "{'registerResource': {'ref': {'type': 'note', 'id': 'n1'}, 'creator': 'ann'}},"
    "{'share': {" NOTE("n1") ", 'subject': {'principal': 'ann'}, 'role': 'ROLE_ADMIN', 'creator': true}},"
                             "{'share': {" NOTE("n1") ", 'subject': {'group': 'team'}, 'role': 'ROLE_VIEWER'}}";

/* All pages of an export, as "kind:id" in their order. */
static char *export_world(struct admin_scene *scene, int page_size) {
    struct admin_fixture *fixture = &scene->fixture;
    char *text = test_calloc(1, 4096);
    const char *token = "";
    do {
        admin_ok(fixture, scene->admin, "ExportPolicy",
                 admin_format(fixture, "{'pageSize': %d, 'pageToken': '%s'}", page_size, token));
        static const char *const parts[][2] = {{"principals", "id"},
                                               {"groups", "id"},
                                               {"members", "principal"},
                                               {"resources", "ref.id"},
                                               {"shares", "role"}};
        for (size_t kind = 0; kind < 5; kind++)
            for (size_t i = 0; i < admin_length(fixture, parts[kind][0]); i++) {
                strcat(text, parts[kind][0]);
                strcat(text, ":");
                strcat(text,
                       admin_text(fixture, admin_format(fixture, "%s.%zu.%s", parts[kind][0], i, parts[kind][1])));
                strcat(text, " ");
            }
        token = admin_keep(fixture, admin_text(fixture, "nextPageToken"));
    } while (token[0] != '\0');
    return text;
}

static void lists_everything_in_the_same_order_whatever_the_page_size(void **state) {
    struct admin_scene *scene = *state;
    apply(scene, small_world);
    char *at_once = export_world(scene, 1000);
    assert_string_equal(at_once,
                        "principals:ann principals:bot principals:w1-admin groups:team members:ann resources:n1 "
                        "shares:ROLE_VIEWER shares:ROLE_ADMIN ");
    for (int size = 1; size < 4; size++) {
        char *in_pages = export_world(scene, size);
        assert_string_equal(in_pages, at_once);
        test_free(in_pages);
    }
    test_free(at_once);
}

static void edits_are_one_change_and_one_entry_in_the_audit_trail(void **state) {
    struct admin_scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    uint64_t before = admin_revision(fixture);
    apply(scene, small_world);
    assert_int_equal(admin_revision(fixture), before + 1);
    admin_ok(fixture, scene->admin, "ListChanges", admin_format(fixture, "{'fromNumber': '%d'}", (int)before + 1));
    assert_int_equal(admin_length(fixture, "changes"), 1);
    assert_string_equal(admin_text(fixture, "changes.0.method"), "ApplyPolicy");
    assert_int_equal(admin_length(fixture, "changes.0.entities"), 7);
    admin_ok(fixture, scene->admin, "ListShares", "{" NOTE("n1") "}");
    assert_true(admin_flag(fixture, "grants.1.creator"));
    admin_ok(fixture, scene->admin, "GetResource", "{" NOTE("n1") "}");
    assert_string_equal(admin_text(fixture, "creator"), "ann");
}

static void edits_change_and_delete_what_is_there(void **state) {
    struct admin_scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    apply(scene, small_world);
    apply(scene,
          "{'updatePrincipal': {'id': 'ann', 'name': 'Anna', 'role': 'WORKSPACE_ROLE_MEMBER'}},"
          "{'updateGroup': {'id': 'team', 'name': 'The team'}},"
          "{'removeMember': {'group': 'team', 'principal': 'ann'}},"
          "{'unshare': {" NOTE("n1") ", 'subject': {'principal': 'ann'}}},"
                                     "{'share': {" NOTE("n1") ", 'subject': {'group': 'team'}, 'role': 'ROLE_EDITOR'}},"
                                                              "{'deletePrincipal': 'bot'}");
    char *now = export_world(scene, 10);
    assert_string_equal(now, "principals:ann principals:w1-admin groups:team resources:n1 shares:ROLE_EDITOR ");
    test_free(now);
    admin_ok(fixture, scene->admin, "GetPrincipal", "{'id': 'ann'}");
    assert_string_equal(admin_text(fixture, "name"), "Anna");
    assert_string_equal(admin_text(fixture, "role"), "WORKSPACE_ROLE_MEMBER");
    apply(scene, "{'deleteResource': {'type': 'note', 'id': 'n1'}}, {'deleteGroup': 'team'}");
    now = export_world(scene, 10);
    assert_string_equal(now, "principals:ann principals:w1-admin ");
    test_free(now);
}

static void names_the_edit_that_is_refused_and_changes_nothing(void **state) {
    static const struct {
        const char *edits;
        enum sp_status status;
        const char *fragment;
    } refused[] = {
        {"", SP_ERR_INVALID, "edits: 1 to 10000"},
        {"{}", SP_ERR_INVALID, "edits[0]: required"},
        {"{'deletePrincipal': 'nobody'}", SP_ERR_NOT_FOUND, "edits[0]: "},
        {"{'deletePrincipal': 'w1-admin'}", SP_ERR_PRECONDITION, "last enabled ADMIN"},
        {"{'createGroup': {'id': 'g', 'name': 'G'}}, {'createGroup': {'id': 'g', 'name': 'G'}}", SP_ERR_EXISTS,
         "edits[1]: "},
        {"{'createGroup': {'id': 'g', 'name': 'G'}}, {'addMember': {'group': 'g', 'principal': 'zoe'}}",
         SP_ERR_NOT_FOUND, "edits[1]: principal zoe"},
        {"{'createGroup': {'workspace': 'w2', 'id': 'g', 'name': 'G'}}", SP_ERR_INVALID, "edits[0]: workspace"},
        {"{'registerResource': {'ref': {'type': 'vault', 'id': 'v'}}}", SP_ERR_PERMISSION,
         "edits[0]: registering a vault"},
        {"{'registerResource': {'ref': {'type': 'note', 'id': 'n'}, 'creator': 'zoe'}}", SP_ERR_NOT_FOUND, "zoe"},
        {"{'share': {" NOTE("n9") ", 'subject': {'principal': 'w1-admin'}, 'role': 'ROLE_VIEWER'}}", SP_ERR_NOT_FOUND,
         "n9"},
        {"{'unshare': {" NOTE("n9") ", 'subject': {'principal': 'w1-admin'}}}", SP_ERR_NOT_FOUND, "not shared"},
        {"{'unshare': {'subject': {'principal': 'w1-admin'}}}", SP_ERR_INVALID, "resource"},
        {"{'share': {" NOTE("n9") ", 'role': 'ROLE_VIEWER'}}", SP_ERR_NOT_FOUND, "n9"},
        {"{'registerResource': {}}", SP_ERR_INVALID, "resource"},
    };
    struct admin_scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    uint64_t before = admin_revision(fixture);
    for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++)
        admin_fails(fixture, scene->admin, "ApplyPolicy", admin_format(fixture, "{'edits': [%s]}", refused[i].edits),
                    refused[i].status, refused[i].fragment);
    assert_int_equal(admin_revision(fixture), before);
}

static void deletes_a_principal_whose_shares_are_many_with_all_of_them(void **state) {
    enum { SHARES = 1500 };
    struct admin_scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    apply(scene, "{'createPrincipal': {'id': 'ann', 'kind': 'USER', 'name': 'Ann'}}");
    for (int i = 0; i < SHARES; i++)
        apply(scene,
              admin_format(fixture,
                           "{'registerResource': {'ref': {'type': 'note', 'id': 'n%d'}}}, {'share': {'resource': "
                           "{'type': 'note', 'id': 'n%d'}, 'subject': {'principal': 'ann'}, 'role': 'ROLE_VIEWER'}}",
                           i, i));
    uint64_t before = admin_revision(fixture);
    apply(scene, "{'deletePrincipal': 'ann'}");
    assert_int_equal(admin_revision(fixture), before + 1);
    admin_ok(fixture, scene->admin, "ListShares", "{'resource': {'type': 'note', 'id': 'n0'}}");
    assert_int_equal(admin_length(fixture, "grants"), 0);
}

static void edits_are_judged_by_the_acting_key_though_one_deletes_it(void **state) {
    struct admin_scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    apply(scene, "{'createPrincipal': {'id': 'ann', 'kind': 'USER', 'name': 'Ann', 'role': 'WORKSPACE_ROLE_ADMIN'}},"
                 "{'createPrincipal': {'id': 'ben', 'kind': 'USER', 'name': 'Ben', 'role': 'WORKSPACE_ROLE_ADMIN'}}");
    (void)admin_new_key(fixture, scene->admin, "ann", "{'all': true}", "");
    const char *narrow = admin_new_key(fixture, scene->admin, "ben", "{'names': ['workspace_write']}", "");
    apply(scene, "{'updatePrincipal': {'id': 'ann', 'name': 'Ann', 'role': 'WORKSPACE_ROLE_ADMIN', 'disabled': true}}");
    static const char edits[] = "{'edits': [{'deletePrincipal': '%s'}, {'updatePrincipal': {'id': 'ann', 'name': "
                                "'Ann', 'role': 'WORKSPACE_ROLE_ADMIN'}}]}";
    admin_fails(fixture, narrow, "ApplyPolicy", admin_format(fixture, edits, "ben"), SP_ERR_PERMISSION,
                "more access than your own");
    admin_ok(fixture, scene->admin, "ApplyPolicy", admin_format(fixture, edits, "w1-admin"));
    admin_fails(fixture, scene->admin, "WhoAmI", "{}", SP_ERR_UNAUTHENTICATED, "");
}

static void only_edits_that_all_take_access_away_may_use_the_reserve(void **state) {
    struct admin_scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    apply(scene, small_world);
    assert_false(fixture->narrowed);
    apply(scene,
          "{'removeMember': {'group': 'team', 'principal': 'ann'}}, {'updateGroup': {'id': 'team', 'name': 'T'}}");
    assert_false(fixture->narrowed);
    apply(scene, "{'unshare': {" NOTE("n1") ", 'subject': {'principal': 'ann'}}}, {'deleteGroup': 'team'}");
    assert_true(fixture->narrowed);
}

static void is_aborted_if_the_policy_was_changed_since_it_was_read(void **state) {
    struct admin_scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    apply(scene, small_world);
    admin_ok(fixture, scene->admin, "ExportPolicy", "{}");
    int epoch = (int)admin_number(fixture, "revision.epoch"), number = (int)admin_number(fixture, "revision.number");
    const char *since = admin_format(fixture, "'unchangedSince': {'epoch': '%d', 'number': '%d'}", epoch, number);
    const char *request = admin_format(fixture, "{%s, 'edits': [{'updateGroup': {'id': 'team', 'name': 'X'}}]}", since);

    /* Keys, and what happens elsewhere, do not matter. */
    (void)admin_new_key(fixture, scene->admin, "ann", "{'all': true}", "");
    (void)admin_workspace(fixture, "w2");
    admin_ok(fixture, scene->admin, "ExportPolicy", admin_format(fixture, "{%s}", since));
    admin_ok(fixture, scene->admin, "ApplyPolicy", request);

    admin_fails(fixture, scene->admin, "ApplyPolicy", request, SP_ERR_ABORTED, "read it again");
    admin_fails(fixture, scene->admin, "ExportPolicy", admin_format(fixture, "{%s}", since), SP_ERR_ABORTED,
                "read it again");
    admin_fails(fixture, scene->admin, "ExportPolicy", "{'unchangedSince': {'epoch': '1', 'number': '999999'}}",
                SP_ERR_PRECONDITION, "not in the history");
}

static void refuses_tokens_of_other_lists_and_other_workspaces(void **state) {
    struct admin_scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    const char *other = admin_workspace(fixture, "w2");
    apply(scene, small_world);
    admin_ok(fixture, scene->admin, "ExportPolicy", "{'pageSize': 1}");
    const char *token = admin_keep(fixture, admin_text(fixture, "nextPageToken"));
    admin_fails(fixture, other, "ExportPolicy", admin_format(fixture, "{'pageToken': '%s'}", token), SP_ERR_INVALID,
                "page_token");
    admin_fails(fixture, scene->admin, "ExportPolicy", "{'pageToken': 'AAAA'}", SP_ERR_INVALID, "page_token");
    admin_fails(fixture, scene->admin, "ExportPolicy", "{'pageSize': 1001}", SP_ERR_INVALID, "page_size");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(lists_everything_in_the_same_order_whatever_the_page_size, set_up,
                                        admin_scene_tear_down),
        cmocka_unit_test_setup_teardown(edits_are_one_change_and_one_entry_in_the_audit_trail, set_up,
                                        admin_scene_tear_down),
        cmocka_unit_test_setup_teardown(edits_change_and_delete_what_is_there, set_up, admin_scene_tear_down),
        cmocka_unit_test_setup_teardown(names_the_edit_that_is_refused_and_changes_nothing, set_up,
                                        admin_scene_tear_down),
        cmocka_unit_test_setup_teardown(deletes_a_principal_whose_shares_are_many_with_all_of_them, set_up,
                                        admin_scene_tear_down),
        cmocka_unit_test_setup_teardown(edits_are_judged_by_the_acting_key_though_one_deletes_it, set_up,
                                        admin_scene_tear_down),
        cmocka_unit_test_setup_teardown(only_edits_that_all_take_access_away_may_use_the_reserve, set_up,
                                        admin_scene_tear_down),
        cmocka_unit_test_setup_teardown(is_aborted_if_the_policy_was_changed_since_it_was_read, set_up,
                                        admin_scene_tear_down),
        cmocka_unit_test_setup_teardown(refuses_tokens_of_other_lists_and_other_workspaces, set_up,
                                        admin_scene_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
