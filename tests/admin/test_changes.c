/* The audit trail by what was done with a key and all that comes from it, and where a list
 * begins. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "store/records/change.h"
#include "store/records/epoch.h"
#include "store/records/write.h"
#include "support/admin_fixture.h"

static int set_up(void **state) {
    struct admin_scene *scene = admin_scene_open(NULL);
    *state = scene;
    return 0;
}

/* The methods of the changes that a list has, joined by spaces. */
static const char *list_methods(struct admin_scene *scene, const char *key, const char *request) {
    struct admin_fixture *fixture = &scene->fixture;
    const char *text = "";
    admin_ok(fixture, key, "ListChanges", request);
    for (size_t i = 0; i < admin_length(fixture, "changes"); i++)
        text = admin_format(fixture, "%s%s%s", text, i == 0 ? "" : " ",
                            admin_text(fixture, admin_format(fixture, "changes.%zu.method", i)));
    return text;
}

/* The leaked key makes another, which widens a third party's key, and deletes its tracks. */
static void what_a_leaked_key_and_its_descendants_did_is_found_even_if_they_were_deleted(void **state) {
    struct admin_scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    const char *leaked = admin_new_key(fixture, scene->admin, "w1-admin", "{'all': true}", ", 'id': 'leaked'");
    admin_ok(fixture, scene->admin, "CreateServiceAccount", "{'id': 'bot', 'name': 'Bot'}");
    admin_new_key(fixture, scene->admin, "bot", "{'names': ['voices_read']}", ", 'id': 'other'");
    const char *made = admin_new_key(fixture, leaked, "w1-admin", "{'all': true}", ", 'id': 'made'");
    admin_ok(fixture, made, "RotateApiKey", "{'id': 'made', 'newId': 'next'}");
    const char *next = admin_keep(fixture, admin_text(fixture, "secret"));
    admin_ok(fixture, next, "UpdateApiKey",
             "{'id': 'other', 'updateMask': ['permissions'], 'permissions': {'all': true}}");
    admin_ok(fixture, leaked, "DeleteApiKey", "{'id': 'made'}");
    admin_ok(fixture, next, "DeleteApiKey", "{'id': 'next'}");
    admin_ok(fixture, scene->admin, "CreateGroup", "{'name': 'not by it'}");
    const char *did = "CreateApiKey RotateApiKey UpdateApiKey DeleteApiKey DeleteApiKey";
    const char *request = "{'workspace': 'w1', 'actor': 'leaked', 'actorDescendants': true}";
    assert_string_equal(list_methods(scene, scene->admin, request), did);
    assert_string_equal(list_methods(scene, fixture->operator_key, request), did);
    admin_ok(fixture, leaked, "DeleteApiKey", "{'id': 'leaked'}");
    assert_string_equal(list_methods(scene, scene->admin, request), admin_format(fixture, "%s DeleteApiKey", did));
    assert_string_equal(list_methods(scene, scene->admin, "{'actor': 'leaked'}"),
                        "CreateApiKey DeleteApiKey DeleteApiKey");
    assert_string_equal(list_methods(scene, scene->admin, "{'actor': 'next', 'actorDescendants': true}"),
                        "UpdateApiKey DeleteApiKey");
    /* Every page of it. */
    admin_ok(fixture, scene->admin, "ListChanges", "{'actor': 'leaked', 'actorDescendants': true, 'pageSize': 5}");
    admin_ok(fixture, scene->admin, "ListChanges",
             admin_format(fixture, "{'actor': 'leaked', 'actorDescendants': true, 'pageToken': '%s'}",
                          admin_text(fixture, "nextPageToken")));
    assert_int_equal(admin_length(fixture, "changes"), 1);
}

static void descendants_are_those_of_a_key_in_a_workspace(void **state) {
    struct admin_scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    admin_fails(fixture, scene->admin, "ListChanges", "{'actorDescendants': true}", SP_ERR_INVALID, "actor: required");
    admin_fails(fixture, fixture->operator_key, "ListChanges", "{'actor': 'k1', 'actorDescendants': true}",
                SP_ERR_INVALID, "workspace: required");
    assert_string_equal(list_methods(scene, scene->admin, "{'actor': 'none', 'actorDescendants': true}"), "");
}

static void a_list_goes_on_behind_the_last_change_that_was_read(void **state) {
    struct admin_scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    unsigned long long now = admin_revision(fixture);
    admin_ok(fixture, scene->admin, "CreateGroup", "{'name': 'g'}");
    for (unsigned epoch = 0; epoch < 2; epoch++) {
        const char *since = admin_format(fixture, "{'since': {'epoch': %u, 'number': %llu}}", epoch, now);
        assert_string_equal(list_methods(scene, scene->admin, since), "CreateGroup");
        since = admin_format(fixture, "{'since': {'epoch': %u, 'number': %llu}}", epoch, now + 1);
        assert_string_equal(list_methods(scene, scene->admin, since), "");
    }
    admin_fails(
        fixture, scene->admin, "ListChanges", admin_format(fixture, "{'since': {'epoch': 1, 'number': %llu}}", now + 2),
        SP_ERR_PRECONDITION,
        admin_format(fixture,
                     "since: revision 1:%llu is not in the history of this store, whose newest is 1:%llu; begin",
                     now + 2, now + 1));
    admin_fails(fixture, scene->admin, "ListChanges",
                admin_format(fixture, "{'since': {'epoch': 2, 'number': %llu}}", now), SP_ERR_PRECONDITION, "restored");
    admin_fails(fixture, scene->admin, "ListChanges", "{'since': {'number': 1}, 'fromNumber': 1}", SP_ERR_INVALID,
                "cannot be combined");
}

static void change_store(struct admin_fixture *fixture, void (*make)(struct sp_write *write)) {
    struct sp_write *write = NULL;
    struct sp_error error = {0};
    assert_int_equal(sp_write_begin(fixture->store, &write, &error), SP_OK);
    make(write);
    assert_int_equal(sp_write_commit(write, &error), SP_OK);
}

static void begin_epoch(struct sp_write *write) {
    struct sp_arena arena;
    assert_int_equal(sp_arena_init(&arena, 4096, 1 << 20), SP_OK);
    assert_int_equal(sp_write_begin_epoch(write, 1, "restore", "Restore", ADMIN_FIXTURE_NOW_S, &arena), SP_OK);
    sp_arena_fini(&arena);
}

static void trim_all(struct sp_write *write) {
    size_t removed = 0;
    assert_int_equal(sp_change_trim(write, INT64_MAX, SIZE_MAX, &removed), SP_OK);
    assert_true(removed > 0);
}

static void a_reader_of_an_earlier_epoch_goes_on_if_the_trail_does(void **state) {
    struct admin_scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    unsigned long long last = admin_revision(fixture);
    change_store(fixture, begin_epoch);
    admin_ok(fixture, scene->admin, "CreateGroup", "{'name': 'g'}");
    const char *since = admin_format(fixture, "{'since': {'epoch': 1, 'number': %llu}}", last);
    assert_string_equal(list_methods(scene, scene->admin, since), "CreateGroup");
    /* What a restored store numbered again is another change. */
    unsigned long long again = admin_revision(fixture);
    admin_fails(fixture, scene->admin, "ListChanges",
                admin_format(fixture, "{'since': {'epoch': 1, 'number': %llu}}", again), SP_ERR_PRECONDITION,
                "restored");
}

static void a_reader_that_was_away_too_long_is_told(void **state) {
    struct admin_scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    unsigned long long last = admin_revision(fixture);
    change_store(fixture, trim_all);
    admin_ok(fixture, scene->admin, "CreateGroup", "{'name': 'g'}");
    assert_string_equal(
        list_methods(scene, scene->admin, admin_format(fixture, "{'since': {'epoch': 1, 'number': %llu}}", last)),
        "CreateGroup");
    admin_fails(fixture, scene->admin, "ListChanges",
                admin_format(fixture, "{'since': {'epoch': 1, 'number': %llu}}", last - 2), SP_ERR_OUT_OF_RANGE,
                "begin with the oldest");
}

int main(void) {
#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, admin_scene_tear_down)
    const struct CMUnitTest tests[] = {
        CASE(what_a_leaked_key_and_its_descendants_did_is_found_even_if_they_were_deleted),
        CASE(descendants_are_those_of_a_key_in_a_workspace),
        CASE(a_list_goes_on_behind_the_last_change_that_was_read),
        CASE(a_reader_of_an_earlier_epoch_goes_on_if_the_trail_does),
        CASE(a_reader_that_was_away_too_long_is_told),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return failed > 255 ? 255 : failed;
}
