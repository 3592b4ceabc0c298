#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "store/records/changeset.h"
#include "store/records/effective_role.h"
#include "store/records/head.h"
#include "store/records/index.h"
#include "store/records/layout.h"
#include "store/records/resource_key.h"
#include "store/records/snapshot.h"
#include "store/records/write.h"
#include "support/store_world.h"

static struct world world;
static struct sp_snapshot *snapshot;

static int set_up(void **state) {
    (void)state;
    world_init(&world);
    assert_int_equal(sp_snapshot_open(world.store, &snapshot), SP_OK);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    sp_snapshot_close(snapshot);
    world_fini(&world);
    return 0;
}

static struct sp_view *look(void) {
    assert_int_equal(sp_snapshot_acquire(snapshot), SP_OK);
    return sp_snapshot_view(snapshot);
}

static void look_away(void) {
    sp_snapshot_release(snapshot);
}

static void finds_a_key_with_all_that_a_decision_needs(void **state) {
    (void)state;
    static const char *const ips[] = {"203.0.113.0/24", "198.51.100.7/32"};
    world_begin(&world);
    world_put_workspace(&world, 1, false);
    world_put_user(&world, 1, 5, false, false);
    world_put_key(&world, 1,
                  &(struct world_key){.number = 9,
                                      .principal = 5,
                                      .permissions = {0x12},
                                      .allowed_ips = ips,
                                      .allowed_ip_count = 2,
                                      .expires_at_s = 123456});
    world_commit(&world);
    uint8_t digest[32];
    world_digest_of(9, digest);
    struct sp_key key;
    assert_int_equal(sp_index_key(look(), digest, &key), SP_OK);
    assert_true(sp_str_equal(key.id, SP_STR_LITERAL("k9")));
    assert_true(sp_str_equal(key.principal, SP_STR_LITERAL("p5")));
    assert_true(sp_str_equal(key.workspace, SP_STR_LITERAL("w1")));
    assert_int_equal(key.principal_number, 5);
    assert_int_equal(key.workspace_number, 1);
    assert_int_equal(key.principal_kind, 1);
    assert_int_equal(key.expires_at_s, 123456);
    assert_false(key.disabled);
    assert_true(key.has_allowlist);
    assert_int_equal(key.allowed_ranges.size, 64);
    assert_false(key.permissions.all);
    assert_int_equal(key.permissions.bits[0], 0x12);
    digest[31] ^= 1;
    assert_int_equal(sp_index_key(sp_snapshot_view(snapshot), digest, &key), SP_ERR_NOT_FOUND);
    look_away();
}

static void keeps_keys_apart_whose_digests_begin_alike(void **state) {
    (void)state;
    uint8_t digests[3][32] = {{1, 2, 3, 4, 5, 6, 7, 8, 3}, {1, 2, 3, 4, 5, 6, 7, 8, 1}, {1, 2, 3, 4, 5, 6, 7, 8, 2}};
    world_begin(&world);
    for (uint64_t i = 0; i < 3; i++)
        world_put_key(&world, 1,
                      &(struct world_key){.number = i, .principal = i + 1, .all = true, .digest = digests[i]});
    world_commit(&world);
    struct sp_key key;
    for (uint64_t i = 0; i < 3; i++) {
        assert_int_equal(sp_index_key(look(), digests[i], &key), SP_OK);
        assert_int_equal(key.principal_number, i + 1);
        look_away();
    }
    world_begin(&world);
    world_delete(&world, SP_KIND_KEY, 1, "k2");
    world_commit(&world);
    assert_int_equal(sp_index_key(look(), digests[2], &key), SP_ERR_NOT_FOUND);
    assert_int_equal(sp_index_key(sp_snapshot_view(snapshot), digests[0], &key), SP_OK);
    assert_int_equal(sp_index_key(sp_snapshot_view(snapshot), digests[1], &key), SP_OK);
    look_away();
}

static void refuses_two_keys_with_one_digest(void **state) {
    (void)state;
    uint8_t digest[32] = {7};
    world_begin(&world);
    world_put_key(&world, 1, &(struct world_key){.number = 1, .principal = 1, .all = true, .digest = digest});
    world_commit(&world);
    world_begin(&world);
    world_put_key(&world, 1, &(struct world_key){.number = 2, .principal = 1, .all = true, .digest = digest});
    struct sp_error error;
    assert_int_equal(world_try(&world, &error), SP_ERR_EXISTS);
}

static void tells_what_a_principal_is(void **state) {
    (void)state;
    world_begin(&world);
    world_put_user(&world, 3, 1, true, false);
    world_put_user(&world, 3, 2, false, true);
    world_put_service_account(&world, 4, 3, false);
    world_commit(&world);
    static const struct {
        uint64_t number;
        struct sp_principal_state expected;
    } table[] = {
        {1, {.found = true, .workspace_admin = true, .workspace_number = 3}},
        {2, {.found = true, .disabled = true, .workspace_number = 3}},
        {3, {.found = true, .workspace_number = 4}},
        {4, {.found = false}},
    };
    struct sp_view *view = look();
    for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
        struct sp_principal_state got;
        assert_int_equal(sp_index_principal(view, table[i].number, &got), SP_OK);
        assert_int_equal(got.found, table[i].expected.found);
        assert_int_equal(got.disabled, table[i].expected.disabled);
        assert_int_equal(got.workspace_admin, table[i].expected.workspace_admin);
        assert_int_equal(got.workspace_number, table[i].expected.workspace_number);
    }
    look_away();
}

static void tells_whether_a_workspace_is_disabled(void **state) {
    (void)state;
    world_begin(&world);
    world_put_workspace(&world, 1, false);
    world_put_workspace(&world, 2, true);
    world_commit(&world);
    struct sp_workspace_state got;
    struct sp_view *view = look();
    assert_int_equal(sp_index_workspace(view, 1, &got), SP_OK);
    assert_true(got.found && !got.disabled);
    assert_int_equal(sp_index_workspace(view, 2, &got), SP_OK);
    assert_true(got.found && got.disabled);
    assert_int_equal(sp_index_workspace(view, 3, &got), SP_OK);
    assert_false(got.found);
    look_away();
}

static void finds_actions_by_type_and_name(void **state) {
    (void)state;
    static const struct {
        const char *type;
        const char *action;
        struct sp_action expected;
    } table[] = {
        {"voice", "use", {.found = true, .needs_permission = true, .type_number = 2, .role = SP_ROLE_VIEWER}},
        {"voice", "edit", {.found = true, .needs_permission = true, .type_number = 2, .role = SP_ROLE_EDITOR}},
        {"voice", "preview", {.found = true, .type_number = 2}},
        {"note", "read", {.found = true, .workspace_scoped = true, .type_number = 1, .role = SP_ROLE_VIEWER}},
        {"note", "use", {.found = false}},
        {"voic", "euse", {.found = false}},
        {"", "use", {.found = false}},
    };
    struct sp_view *view = look();
    for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
        struct sp_action got;
        assert_int_equal(sp_index_action(view, sp_str_from(table[i].type), sp_str_from(table[i].action), &got), SP_OK);
        assert_int_equal(got.found, table[i].expected.found);
        assert_int_equal(got.needs_permission, table[i].expected.needs_permission);
        assert_int_equal(got.workspace_scoped, table[i].expected.workspace_scoped);
        assert_int_equal(got.type_number, table[i].expected.type_number);
        assert_int_equal(got.role, table[i].expected.role);
    }
    look_away();
}

static void knows_the_owner_of_a_global_resource_only(void **state) {
    (void)state;
    uint8_t buffer[SP_RESOURCE_KEY_MAX_BYTES];
    world_begin(&world);
    world_put_resource(&world, 4, true, "v1");
    world_put_resource(&world, 4, false, "n1");
    world_put_grant(&world, 4, &(struct world_grant){true, "v2", 'p', 1, SP_ROLE_VIEWER});
    world_commit(&world);
    uint64_t owner;
    struct sp_view *view = look();
    assert_int_equal(sp_index_owner(view, world_resource_key(4, true, "v1", buffer), &owner), SP_OK);
    assert_int_equal(owner, 4);
    assert_int_equal(sp_index_owner(view, world_resource_key(4, true, "v2", buffer), &owner), SP_OK);
    assert_int_equal(owner, 0);
    assert_int_equal(sp_index_owner(view, world_resource_key(4, false, "n1", buffer), &owner), SP_OK);
    assert_int_equal(owner, 0);
    look_away();
}

static void refuses_a_global_resource_that_another_workspace_owns(void **state) {
    (void)state;
    world_begin(&world);
    world_put_resource(&world, 1, true, "v1");
    world_put_resource(&world, 1, false, "n1");
    world_commit(&world);
    struct sp_error error;
    world_begin(&world);
    world_put_resource(&world, 2, true, "v1");
    assert_int_equal(world_try(&world, &error), SP_ERR_EXISTS);
    world_begin(&world);
    world_put_resource(&world, 2, false, "n1");
    assert_int_equal(world_try(&world, &error), SP_OK);
}

static void finds_an_operator_by_digest(void **state) {
    (void)state;
    uint8_t digest[32] = {9, 8, 7};
    world_begin(&world);
    world_put_operator(&world, "ada", digest);
    world_commit(&world);
    struct sp_str name;
    assert_int_equal(sp_index_operator(look(), digest, &name), SP_OK);
    assert_true(sp_str_equal(name, SP_STR_LITERAL("ada")));
    digest[0] = 0;
    assert_int_equal(sp_index_operator(sp_snapshot_view(snapshot), digest, &name), SP_ERR_NOT_FOUND);
    look_away();
}

static void reads_through_a_write_what_it_has_not_committed(void **state) {
    (void)state;
    uint8_t buffer[SP_RESOURCE_KEY_MAX_BYTES];
    struct sp_revision revision;
    struct sp_error error;
    world_begin(&world);
    world_put_user(&world, 1, 1, false, false);
    world_put_group(&world, 1, 2);
    world_put_member(&world, 1, 2, 1);
    world_put_grant(&world, 1, &(struct world_grant){true, "v1", 'g', 2, SP_ROLE_EDITOR});
    assert_int_equal(sp_changeset_apply(world.write, world.set, &revision, &error), SP_OK);
    enum sp_role role;
    struct sp_bytes key = world_resource_key(1, true, "v1", buffer);
    assert_int_equal(sp_index_effective_role(sp_write_view(world.write), key, 1, &role), SP_OK);
    assert_int_equal(role, SP_ROLE_EDITOR);
    assert_int_equal(sp_index_effective_role(look(), key, 1, &role), SP_OK);
    assert_int_equal(role, SP_ROLE_NONE);
    look_away();
    sp_write_abort(world.write);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(finds_a_key_with_all_that_a_decision_needs),
        CASE(keeps_keys_apart_whose_digests_begin_alike),
        CASE(refuses_two_keys_with_one_digest),
        CASE(tells_what_a_principal_is),
        CASE(tells_whether_a_workspace_is_disabled),
        CASE(finds_actions_by_type_and_name),
        CASE(knows_the_owner_of_a_global_resource_only),
        CASE(refuses_a_global_resource_that_another_workspace_owns),
        CASE(finds_an_operator_by_digest),
        CASE(reads_through_a_write_what_it_has_not_committed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) > 0;
}
