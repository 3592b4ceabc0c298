/* What a snapshot keeps of the settings between two acquires is never older than the last commit.
 * One snapshot stays open over all changes, as a worker's does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "sallyport/store/v1/records.pb-c.h"
#include "store/records/changeset.h"
#include "store/records/edit.h"
#include "store/records/entity.h"
#include "store/records/entity_key.h"
#include "store/records/head.h"
#include "store/records/index.h"
#include "store/records/key_forms.h"
#include "store/records/layout.h"
#include "store/records/schema_numbers.h"
#include "store/records/settings.h"
#include "store/records/settings_cache.h"
#include "store/records/snapshot.h"
#include "store/records/write.h"
#include "store/recovery/reindex.h"
#include "support/store_world.h"

static struct world world;
static struct sp_snapshot *snapshot;

static int set_up(void **state) {
    (void)state;
    world_init(&world);
    world_begin(&world);
    world_put_workspace(&world, 1, false);
    /* Falls on workspace 1's place. */
    world_put_workspace(&world, 1 + SP_KEPT_WORKSPACES, false);
    world_put_user(&world, 1, 1, true, false);
    world_commit(&world);
    assert_int_equal(sp_snapshot_open(world.store, &snapshot), SP_OK);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    sp_snapshot_close(snapshot);
    world_fini(&world);
    return 0;
}

static struct sp_workspace_state workspace_now(uint64_t number) {
    struct sp_workspace_state state;
    assert_int_equal(sp_snapshot_acquire(snapshot), SP_OK);
    assert_int_equal(sp_index_workspace(sp_snapshot_view(snapshot), number, &state), SP_OK);
    sp_snapshot_release(snapshot);
    return state;
}

static struct sp_action action_now(const char *name) {
    struct sp_action action;
    assert_int_equal(sp_snapshot_acquire(snapshot), SP_OK);
    assert_int_equal(sp_index_action(sp_snapshot_view(snapshot), SP_STR_LITERAL("voice"), sp_str_from(name), &action),
                     SP_OK);
    sp_snapshot_release(snapshot);
    return action;
}

static struct sp_revision version_now(void) {
    struct sp_revision version;
    assert_int_equal(sp_snapshot_acquire(snapshot), SP_OK);
    assert_int_equal(sp_view_settings_version(sp_snapshot_view(snapshot), &version), SP_OK);
    sp_snapshot_release(snapshot);
    return version;
}

static void put_workspace(uint64_t number, bool disabled) {
    world_begin(&world);
    world_put_workspace(&world, number, disabled);
    world_commit(&world);
}

static void a_workspace_that_is_disabled_is_so_at_the_next_acquire(void **state) {
    (void)state;
    for (int round = 0; round < 3; round++) {
        assert_true(workspace_now(1).found);
        assert_false(workspace_now(1).disabled);
        put_workspace(1, true);
        assert_true(workspace_now(1).found);
        assert_true(workspace_now(1).disabled);
        put_workspace(1, false);
    }
}

static void a_workspace_that_is_removed_is_not_found_at_the_next_acquire(void **state) {
    (void)state;
    put_workspace(2, true);
    assert_true(workspace_now(2).found);
    world_begin(&world);
    world_delete(&world, SP_KIND_WORKSPACE, 2, "");
    world_commit(&world);
    assert_false(workspace_now(2).found);
    assert_true(workspace_now(1).found);
}

static void a_workspace_that_was_not_there_is_found_once_it_is_made(void **state) {
    (void)state;
    assert_false(workspace_now(7).found);
    put_workspace(7, false);
    assert_true(workspace_now(7).found);
    assert_false(workspace_now(0).found);
}

static void workspaces_that_share_a_place_are_told_apart(void **state) {
    (void)state;
    put_workspace(1, true);
    for (int round = 0; round < 3; round++) {
        assert_true(workspace_now(1).disabled);
        assert_true(workspace_now(1 + SP_KEPT_WORKSPACES).found);
        assert_false(workspace_now(1 + SP_KEPT_WORKSPACES).disabled);
    }
}

static void put_schema(const char *yaml) {
    struct sp_error error;
    struct sp_entity_key key;
    ProtobufCMessage *old;
    Sallyport__Store__V1__StoredSchema *schema;
    assert_int_equal(sp_entity_key_make(SP_KIND_SCHEMA, (struct sp_str){NULL, 0}, NULL, 0, &key), SP_OK);
    world_begin(&world);
    assert_int_equal(sp_entity_get(sp_write_view(world.write), &key, &world.arena, &old), SP_OK);
    assert_int_equal(sp_schema_number(sp_str_from(yaml), (const Sallyport__Store__V1__StoredSchema *)old, &world.arena,
                                      &schema, &error),
                     SP_OK);
    assert_int_equal(sp_changeset_put(world.set, &key, &schema->base), SP_OK);
    world_commit(&world);
}

static void an_action_that_is_made_stricter_is_so_at_the_next_acquire(void **state) {
    (void)state;
    assert_int_equal(action_now("use").role, SP_ROLE_VIEWER);
    assert_false(action_now("preview").needs_permission);
    put_schema("version: 1\n"
               "permissions: {text_to_speech: Speech}\n"
               "types: {voice: {actions: {use: {permission: text_to_speech, role: admin},\n"
               "                          preview: {permission: text_to_speech}}}}\n");
    assert_int_equal(action_now("use").role, SP_ROLE_ADMIN);
    assert_true(action_now("preview").needs_permission);
    assert_false(action_now("edit").found);
    put_schema(world_schema);
    assert_true(action_now("edit").found);
}

static void a_schema_whose_actions_stay_has_another_version_still(void **state) {
    (void)state;
    struct sp_revision before = version_now();
    put_schema("# with a comment\nversion: 1\npermissions: {}\ntypes: {voice: {actions: {preview: {}}}}\n");
    struct sp_revision between = version_now();
    put_schema("# with another\nversion: 1\npermissions: {}\ntypes: {voice: {actions: {preview: {}}}}\n");
    assert_true(between.number > before.number);
    assert_true(version_now().number > between.number);
}

static void changes_of_what_is_not_kept_leave_the_version(void **state) {
    (void)state;
    struct sp_revision before = version_now();
    world_begin(&world);
    world_put_user(&world, 1, 2, false, false);
    world_put_resource(&world, 1, true, "a");
    world_put_grant(&world, 1, &(struct world_grant){true, "a", 'p', 2, SP_ROLE_VIEWER});
    world_put_key(&world, 1, &(struct world_key){.number = 3, .principal = 2, .all = true});
    world_commit(&world);
    assert_int_equal(version_now().number, before.number);
    assert_int_equal(version_now().epoch, before.epoch);
}

static void reindexing_moves_the_version_on(void **state) {
    (void)state;
    struct sp_error error;
    struct sp_revision before = version_now();
    assert_int_equal(sp_store_reindex(world.store, NULL, NULL, &error), SP_OK);
    assert_true(version_now().number > before.number);
}

static bool accepts_foreign_now(void) {
    struct sp_key_forms forms;
    assert_int_equal(sp_snapshot_acquire(snapshot), SP_OK);
    assert_int_equal(sp_view_key_forms(sp_snapshot_view(snapshot), &forms), SP_OK);
    sp_snapshot_release(snapshot);
    return forms.accept_foreign;
}

static void foreign_keys_that_are_no_longer_accepted_are_so_at_the_next_acquire(void **state) {
    (void)state;
    struct sp_write *write;
    struct sp_error error;
    assert_false(accepts_foreign_now());
    assert_int_equal(sp_write_begin(world.store, &write, &error), SP_OK);
    assert_int_equal(sp_write_accept_foreign(write), SP_OK);
    assert_int_equal(sp_write_commit(write, &error), SP_OK);
    assert_true(accepts_foreign_now());
    assert_int_equal(sp_write_begin(world.store, &write, &error), SP_OK);
    assert_int_equal(sp_write_remove_meta(write, "foreign"), SP_OK);
    assert_int_equal(sp_write_commit(write, &error), SP_OK);
    assert_false(accepts_foreign_now());
    struct sp_revision before = version_now();
    assert_int_equal(sp_write_begin(world.store, &write, &error), SP_OK);
    assert_int_equal(sp_write_remove_meta(write, "foreign"), SP_OK);
    assert_int_equal(sp_write_commit(write, &error), SP_OK);
    assert_int_equal(version_now().number, before.number);
}

static void a_write_sees_its_own_settings_and_not_those_of_snapshots(void **state) {
    (void)state;
    struct sp_workspace_state of_write;
    assert_false(workspace_now(1).disabled);
    world_begin(&world);
    world_put_workspace(&world, 1, true);
    struct sp_error error;
    assert_int_equal(sp_changeset_flush(world.write, world.set, &error), SP_OK);
    assert_int_equal(sp_index_workspace(sp_write_view(world.write), 1, &of_write), SP_OK);
    assert_true(of_write.disabled);
    assert_false(workspace_now(1).disabled);
    world_commit(&world);
    assert_true(workspace_now(1).disabled);
}

static void long_names_of_actions_are_not_kept_and_not_cut(void **state) {
    (void)state;
    static struct sp_kept kept;
    uint8_t name[SP_KEPT_ACTION_BYTES + 1];
    struct sp_action action = {.found = true, .role = SP_ROLE_ADMIN};
    struct sp_action got = {.found = false};
    memset(name, 'a', sizeof(name));
    sp_kept_begin(&kept, 1, 1);
    for (size_t size = 1; size <= sizeof(name); size++) {
        action.type_number = (uint32_t)size;
        sp_kept_put_action(&kept, (struct sp_bytes){name, size}, &action);
        bool found = sp_kept_find_action(&kept, (struct sp_bytes){name, size}, &got);
        assert_int_equal(found, size <= SP_KEPT_ACTION_BYTES);
        assert_true(!found || got.type_number == size);
    }
    sp_kept_begin(&kept, 1, 2);
    assert_false(sp_kept_find_action(&kept, (struct sp_bytes){name, SP_KEPT_ACTION_BYTES}, &got));
}

int main(void) {
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(a_workspace_that_is_disabled_is_so_at_the_next_acquire),
        CASE(a_workspace_that_is_removed_is_not_found_at_the_next_acquire),
        CASE(a_workspace_that_was_not_there_is_found_once_it_is_made),
        CASE(workspaces_that_share_a_place_are_told_apart),
        CASE(an_action_that_is_made_stricter_is_so_at_the_next_acquire),
        CASE(a_schema_whose_actions_stay_has_another_version_still),
        CASE(changes_of_what_is_not_kept_leave_the_version),
        CASE(reindexing_moves_the_version_on),
        CASE(foreign_keys_that_are_no_longer_accepted_are_so_at_the_next_acquire),
        CASE(a_write_sees_its_own_settings_and_not_those_of_snapshots),
        CASE(long_names_of_actions_are_not_kept_and_not_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) > 0;
}
