/* What belongs to types that the schema lost: it counts in no quota, and goes piece by piece. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "admin/removed_types.h"
#include "store/records/write.h"
#include "support/admin_fixture.h"

#define HEAD "version: 1\\npermissions:\\n  voices_read: Read\\ntypes:\\n"
#define ACTIONS "    actions:\\n      use: {permission: voices_read, role: viewer}\\n"
#define VOICE "  voice:\\n    register: admin\\n" ACTIONS
#define NOTE "  note:\\n    ids: workspace\\n" ACTIONS

#define SHARE_WITH(group)                                                                                              \
    "{'resource': {'type': 'voice', 'id': 'v0-0'}, 'subject': {'group': '" group "'}, 'role': 'ROLE_VIEWER'}"

struct scene {
    struct admin_fixture fixture;
    const char *admins[2];
};

static void put_schema(struct scene *scene, const char *types) {
    admin_ok(&scene->fixture, scene->fixture.operator_key, "PutSchema",
             admin_format(&scene->fixture, "{'yaml': '" HEAD "%s', 'force': true}", types));
}

/* Two workspaces with a user each, who has a role on voices and notes. */
static int set_up(void **state) {
    struct scene *scene = test_calloc(1, sizeof(*scene));
    struct admin_fixture *fixture = &scene->fixture;
    admin_fixture_open(fixture, NULL);
    put_schema(scene, VOICE NOTE);
    for (size_t w = 0; w < 2; w++) {
        scene->admins[w] = admin_workspace(fixture, w == 0 ? "w1" : "w2");
        admin_ok(fixture, scene->admins[w], "CreateUser", "{'id': 'ann', 'name': 'Ann'}");
        for (size_t i = 0; i < 4; i++) {
            admin_ok(
                fixture, scene->admins[w], "RegisterResource",
                admin_format(fixture, "{'resource': {'type': 'voice', 'id': 'v%zu-%zu'}, 'creator': 'ann'}", w, i));
            admin_ok(fixture, scene->admins[w], "RegisterResource",
                     admin_format(fixture, "{'resource': {'type': 'note', 'id': 'n%zu'}, 'creator': 'ann'}", i));
        }
        admin_ok(fixture, scene->admins[w], "ShareResource",
                 "{'resource': {'type': 'note', 'id': 'free'}, 'subject': {'principal': 'ann'}, 'role': "
                 "'ROLE_VIEWER'}");
    }
    *state = scene;
    return 0;
}

static int tear_down(void **state) {
    struct scene *scene = *state;
    admin_fixture_close(&scene->fixture);
    test_free(scene);
    return 0;
}

/* Purges in pieces until nothing is left; returns how many there were. */
static size_t purge(struct scene *scene, size_t limit) {
    struct sp_admin_purge_place place = {.done = false};
    bool more = true;
    size_t pieces = 0;
    while (more) {
        struct sp_write *write = NULL;
        struct sp_arena arena;
        struct sp_error error = {0};
        assert_int_equal(sp_arena_init(&arena, 1 << 16, 1 << 24), SP_OK);
        assert_int_equal(sp_write_begin(scene->fixture.store, &write, &error), SP_OK);
        if (sp_admin_purge_removed_types(write, &place, limit, scene->fixture.now_s, &arena, &place, &more, &error) !=
            SP_OK)
            fail_msg("%s", error.message);
        assert_int_equal(sp_write_commit(write, &error), SP_OK);
        sp_arena_fini(&arena);
        assert_true(++pieces < 1000);
    }
    assert_true(place.done);
    return pieces;
}

static size_t count_listed(struct scene *scene, size_t w, const char *method, const char *request, const char *list) {
    admin_ok(&scene->fixture, scene->admins[w], method, request);
    return admin_length(&scene->fixture, list);
}

static size_t resources_of(struct scene *scene, size_t w) {
    return count_listed(scene, w, "ListResources", "{}", "resources");
}

static size_t grants_of(struct scene *scene, size_t w) {
    return count_listed(scene, w, "ListShares", "{'subject': {'principal': 'ann'}}", "grants");
}

/* How many resources and grants the audit trail tells as deleted by the removal. */
static size_t deleted_in_trail(struct scene *scene) {
    struct admin_fixture *fixture = &scene->fixture;
    size_t count = 0;
    admin_ok(fixture, fixture->operator_key, "ListChanges", "{'actor': 'offline:remove what was deleted'}");
    for (size_t i = 0; i < admin_length(fixture, "changes"); i++) {
        const char *entities = admin_format(fixture, "changes.%zu.entities", i);
        for (size_t j = 0; j < admin_length(fixture, entities); j++)
            count += admin_flag(fixture, admin_format(fixture, "%s.%zu.deleted", entities, j));
    }
    return count;
}

static void what_belongs_to_a_removed_type_goes_piece_by_piece_and_nothing_else(void **state) {
    static const size_t limits[] = {1, 3, 1000};
    (void)state;
    for (size_t i = 0; i < sizeof(limits) / sizeof(*limits); i++) {
        void *fresh = NULL;
        set_up(&fresh);
        struct scene *scene = fresh;
        assert_int_equal(purge(scene, limits[i]), 1);
        put_schema(scene, VOICE);
        size_t pieces = purge(scene, limits[i]);
        /* 4 notes, 4 creators' grants and a free one in each of two workspaces. */
        assert_int_equal(deleted_in_trail(scene), 18);
        assert_in_range(pieces, 18 / limits[i], 18 / limits[i] + 4);
        for (size_t w = 0; w < 2; w++) {
            assert_int_equal(resources_of(scene, w), 4);
            assert_int_equal(grants_of(scene, w), 4);
        }
        assert_int_equal(purge(scene, limits[i]), 1);
        tear_down(&fresh);
    }
}

/* What was made of a type that came back is another thing than what was there before. */
static void what_a_returned_type_has_stays(void **state) {
    struct scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    put_schema(scene, VOICE);
    put_schema(scene, VOICE NOTE);
    admin_ok(fixture, scene->admins[0], "RegisterResource",
             "{'resource': {'type': 'note', 'id': 'n2'}, 'creator': 'ann'}");
    admin_ok(fixture, scene->admins[0], "RegisterResource",
             "{'resource': {'type': 'note', 'id': 'n9'}, 'creator': 'ann'}");
    purge(scene, 2);
    assert_int_equal(resources_of(scene, 0), 6);
    assert_int_equal(grants_of(scene, 0), 6);
    assert_int_equal(resources_of(scene, 1), 4);
    /* n2 and its creator's grant were replaced. */
    assert_int_equal(deleted_in_trail(scene), 16);
}

static void the_id_of_a_purged_resource_stays_its_owners(void **state) {
    struct scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    put_schema(scene, NOTE);
    purge(scene, 1000);
    put_schema(scene, VOICE NOTE);
    admin_fails(fixture, scene->admins[1], "RegisterResource", "{'resource': {'type': 'voice', 'id': 'v0-1'}}",
                SP_ERR_EXISTS, NULL);
    admin_ok(fixture, scene->admins[0], "RegisterResource", "{'resource': {'type': 'voice', 'id': 'v0-1'}}");
    assert_int_equal(grants_of(scene, 0), 5);
}

static void set_quota(struct scene *scene, const char *quota, unsigned most) {
    admin_ok(&scene->fixture, scene->fixture.operator_key, "UpdateWorkspace",
             admin_format(&scene->fixture,
                          "{'workspace': {'id': 'w1', 'quotas': {'%s': %u}}, 'updateMask': ['quotas']}", quota, most));
}

static void quotas_do_not_count_it_even_before_it_is_gone(void **state) {
    struct scene *scene = *state;
    struct admin_fixture *fixture = &scene->fixture;
    set_quota(scene, "resources", 5);
    admin_fails(fixture, scene->admins[0], "RegisterResource", "{'resource': {'type': 'voice', 'id': 'a'}}",
                SP_ERR_EXHAUSTED, "8 of 5 used");
    put_schema(scene, VOICE);
    for (size_t purged = 0; purged < 2; purged++) {
        admin_ok(fixture, scene->admins[0], "RegisterResource", "{'resource': {'type': 'voice', 'id': 'a'}}");
        admin_fails(fixture, scene->admins[0], "RegisterResource", "{'resource': {'type': 'voice', 'id': 'b'}}",
                    SP_ERR_EXHAUSTED, "5 of 5 used");
        admin_ok(fixture, scene->admins[0], "DeleteResource", "{'resource': {'type': 'voice', 'id': 'a'}}");
        purge(scene, 3);
    }
    admin_ok(fixture, scene->admins[0], "CreateGroup", "{'id': 'one', 'name': 'One'}");
    admin_ok(fixture, scene->admins[0], "CreateGroup", "{'id': 'two', 'name': 'Two'}");
    set_quota(scene, "grants", 5);
    admin_ok(fixture, scene->admins[0], "ShareResource", SHARE_WITH("one"));
    admin_fails(fixture, scene->admins[0], "ShareResource", SHARE_WITH("two"), SP_ERR_EXHAUSTED, "5 of 5 used");
}

int main(void) {
#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_belongs_to_a_removed_type_goes_piece_by_piece_and_nothing_else),
        CASE(what_a_returned_type_has_stays),
        CASE(the_id_of_a_purged_resource_stays_its_owners),
        CASE(quotas_do_not_count_it_even_before_it_is_gone),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return failed > 255 ? 255 : failed;
}
