/* Damage to an index record may make an answer narrower or an error, never wider: every byte of
 * every record that a decision reads is flipped in turn, below the open store. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "store/lmdb/databases.h"
#include "store/records/effective_role.h"
#include "store/records/head.h"
#include "store/records/index.h"
#include "store/records/layout.h"
#include "store/records/resource_key.h"
#include "store/records/snapshot.h"
#include "support/store_raw.h"

/* Everything that a decision can look up about a small world, things that are not there among
 * it. */
enum { KEYS = 5, PRINCIPALS = 6, WORKSPACES = 3, RESOURCES = 4, ACTIONS = 5, OPERATORS = 2 };

static const char *const resource_ids[RESOURCES] = {"a", "b", "c", "nothing"};
static const char *const actions[ACTIONS][2] = {
    {"voice", "use"}, {"voice", "edit"}, {"voice", "preview"}, {"note", "read"}, {"note", "edit"}};

struct answers {
    enum sp_status key_status[KEYS];
    struct sp_key keys[KEYS];
    enum sp_status principal_status[PRINCIPALS];
    struct sp_principal_state principals[PRINCIPALS];
    enum sp_status workspace_status[WORKSPACES];
    struct sp_workspace_state workspaces[WORKSPACES];
    enum sp_status action_status[ACTIONS];
    struct sp_action actions[ACTIONS];
    enum sp_status owner_status[RESOURCES];
    uint64_t owners[RESOURCES];
    enum sp_status role_status[RESOURCES][PRINCIPALS];
    enum sp_role roles[RESOURCES][PRINCIPALS];
    enum sp_status operator_status[OPERATORS];
};

static void operator_digest(uint8_t number, uint8_t ret_digest[static 32]) {
    memset(ret_digest, number + 1, 32);
}

static void ask_names(struct sp_view *view, struct answers *answers) {
    for (uint8_t i = 0; i < KEYS; i++) {
        uint8_t digest[32];
        world_digest_of(i, digest);
        answers->key_status[i] = sp_index_key(view, digest, &answers->keys[i]);
    }
    for (uint64_t i = 0; i < PRINCIPALS; i++)
        answers->principal_status[i] = sp_index_principal(view, i, &answers->principals[i]);
    for (uint64_t i = 0; i < WORKSPACES; i++)
        answers->workspace_status[i] = sp_index_workspace(view, i, &answers->workspaces[i]);
    for (int i = 0; i < ACTIONS; i++)
        answers->action_status[i] =
            sp_index_action(view, sp_str_from(actions[i][0]), sp_str_from(actions[i][1]), &answers->actions[i]);
    for (uint8_t i = 0; i < OPERATORS; i++) {
        uint8_t digest[32];
        struct sp_str name;
        operator_digest(i, digest);
        answers->operator_status[i] = sp_index_operator(view, digest, &name);
        if (answers->operator_status[i] == SP_OK)
            assert_true(sp_str_equal(name, SP_STR_LITERAL("ada")));
    }
}

static void ask_resources(struct sp_view *view, struct answers *answers) {
    uint8_t buffer[SP_RESOURCE_KEY_MAX_BYTES];
    for (int i = 0; i < RESOURCES; i++) {
        struct sp_bytes key = world_resource_key(1, true, resource_ids[i], buffer);
        answers->owner_status[i] = sp_index_owner(view, key, &answers->owners[i]);
        for (uint64_t principal = 0; principal < PRINCIPALS; principal++)
            answers->role_status[i][principal] =
                sp_index_effective_role(view, key, principal, &answers->roles[i][principal]);
    }
}

/* A snapshot of its own each time: one that was asked before keeps what it verified then. */
static void ask(struct sp_store *store, struct answers *answers) {
    struct sp_snapshot *snapshot;
    assert_int_equal(sp_snapshot_open(store, &snapshot), SP_OK);
    assert_int_equal(sp_snapshot_acquire(snapshot), SP_OK);
    ask_names(sp_snapshot_view(snapshot), answers);
    ask_resources(sp_snapshot_view(snapshot), answers);
    sp_snapshot_release(snapshot);
    sp_snapshot_close(snapshot);
}

/* ---- not wider: refused, or exactly as before; roles may sink ---- */

static bool failed_closed(enum sp_status status) {
    return status == SP_ERR_CORRUPT || status == SP_ERR_NOT_FOUND || status == SP_ERR_IO;
}

static bool same_key(const struct sp_key *a, const struct sp_key *b) {
    return sp_str_equal(a->id, b->id) && sp_str_equal(a->principal, b->principal) &&
           sp_str_equal(a->workspace, b->workspace) && a->principal_number == b->principal_number &&
           a->workspace_number == b->workspace_number && a->disabled == b->disabled &&
           a->has_allowlist == b->has_allowlist && a->expires_at_s == b->expires_at_s &&
           a->permissions.all == b->permissions.all &&
           memcmp(a->permissions.bits, b->permissions.bits, sizeof(a->permissions.bits)) == 0 &&
           a->allowed_ranges.size == b->allowed_ranges.size &&
           (a->allowed_ranges.size == 0 ||
            memcmp(a->allowed_ranges.data, b->allowed_ranges.data, a->allowed_ranges.size) == 0);
}

static void assert_names_not_wider(const struct answers *was, const struct answers *is) {
    for (int i = 0; i < KEYS; i++)
        assert_true(failed_closed(is->key_status[i]) ||
                    (was->key_status[i] == SP_OK && same_key(&was->keys[i], &is->keys[i])));
    for (int i = 0; i < PRINCIPALS; i++)
        assert_true(failed_closed(is->principal_status[i]) || !is->principals[i].found ||
                    (was->principals[i].found && was->principals[i].disabled == is->principals[i].disabled &&
                     was->principals[i].workspace_admin == is->principals[i].workspace_admin &&
                     was->principals[i].workspace_number == is->principals[i].workspace_number));
    for (int i = 0; i < WORKSPACES; i++)
        assert_true(failed_closed(is->workspace_status[i]) || !is->workspaces[i].found ||
                    (was->workspaces[i].found && was->workspaces[i].disabled == is->workspaces[i].disabled));
    for (int i = 0; i < ACTIONS; i++)
        assert_true(failed_closed(is->action_status[i]) || !is->actions[i].found ||
                    (was->actions[i].found && was->actions[i].needs_permission == is->actions[i].needs_permission &&
                     was->actions[i].permission == is->actions[i].permission &&
                     was->actions[i].role == is->actions[i].role &&
                     was->actions[i].workspace_scoped == is->actions[i].workspace_scoped &&
                     was->actions[i].type_number == is->actions[i].type_number));
    for (int i = 0; i < OPERATORS; i++)
        assert_true(failed_closed(is->operator_status[i]) || was->operator_status[i] == SP_OK);
}

static void assert_resources_not_wider(const struct answers *was, const struct answers *is) {
    for (int i = 0; i < RESOURCES; i++) {
        assert_true(failed_closed(is->owner_status[i]) || is->owners[i] == 0 || is->owners[i] == was->owners[i]);
        for (int j = 0; j < PRINCIPALS; j++)
            assert_true(failed_closed(is->role_status[i][j]) || is->roles[i][j] <= was->roles[i][j]);
    }
}

struct damage {
    struct world *world;
    struct answers pristine;
    uint64_t flips;
};

static void flip_and_ask(void *context, enum sp_database database, uint64_t file_offset) {
    struct damage *damage = context;
    (void)database;
    for (unsigned bit = 0; bit <= 8; bit++) {
        uint8_t bits = (uint8_t)(bit < 8 ? 1U << bit : 0xffU);
        struct answers answers;
        raw_flip(damage->world, file_offset, bits);
        ask(damage->world->store, &answers);
        raw_flip(damage->world, file_offset, bits);
        assert_names_not_wider(&damage->pristine, &answers);
        assert_resources_not_wider(&damage->pristine, &answers);
        damage->flips++;
    }
}

/* `more`: lists too long to be read in one piece. */
static void fill(struct world *world, uint64_t more) {
    static const char *const ips[] = {"203.0.113.0/24"};
    uint8_t digest[32];
    operator_digest(0, digest);
    world_begin(world);
    world_put_workspace(world, 1, false);
    world_put_workspace(world, 2, true);
    world_put_user(world, 1, 1, true, false);
    world_put_user(world, 1, 2, false, false);
    world_put_user(world, 2, 3, false, true);
    for (uint64_t group = 6; group < 10; group++) {
        world_put_group(world, 1, group);
        world_put_member(world, 1, group, 2);
    }
    world_put_member(world, 1, 20, 4);
    world_put_resource(world, 1, true, "a");
    world_put_resource(world, 1, true, "b");
    world_put_grant(world, 1, &(struct world_grant){true, "a", 'p', 2, SP_ROLE_VIEWER});
    world_put_grant(world, 1, &(struct world_grant){true, "a", 'g', 7, SP_ROLE_EDITOR});
    world_put_grant(world, 1, &(struct world_grant){true, "a", 'g', 20, SP_ROLE_ADMIN});
    world_put_grant(world, 1, &(struct world_grant){true, "b", 'g', 9, SP_ROLE_COMMENTER});
    world_put_grant(world, 1, &(struct world_grant){true, "c", 'g', 6, SP_ROLE_VIEWER});
    world_put_key(world, 1, &(struct world_key){.number = 0, .principal = 1, .all = true});
    world_put_key(world, 1,
                  &(struct world_key){.number = 1,
                                      .principal = 2,
                                      .permissions = {1},
                                      .allowed_ips = ips,
                                      .allowed_ip_count = 1,
                                      .expires_at_s = 99});
    world_put_key(world, 2, &(struct world_key){.number = 2, .principal = 3, .permissions = {3}, .disabled = true});
    world_put_operator(world, "ada", digest);
    for (uint64_t i = 0; i < more; i++) {
        world_put_member(world, 1, 100 + 2 * i, 2);
        world_put_grant(world, 1, &(struct world_grant){true, "a", 'g', 101 + 2 * i, SP_ROLE_ADMIN});
    }
    world_commit(world);
}

static void flip_every_byte(uint64_t more) {
    struct world world;
    world_init(&world);
    fill(&world, more);
    struct damage damage = {.world = &world};
    ask(world.store, &damage.pristine);
    assert_int_equal(damage.pristine.key_status[1], SP_OK);
    assert_int_equal(damage.pristine.key_status[3], SP_ERR_NOT_FOUND);
    assert_int_equal(damage.pristine.roles[0][2], SP_ROLE_EDITOR);
    assert_int_equal(damage.pristine.roles[0][4], SP_ROLE_ADMIN);
    assert_int_equal(damage.pristine.roles[0][3], SP_ROLE_NONE);
    for (int database = SP_DB_FIRST_INDEX; database < SP_DATABASES; database++) {
        if (sp_database_layouts[database].seal != 0)
            raw_each_byte(&world, (enum sp_database)database, flip_and_ask, &damage);
    }
    printf("%llu flips\n", (unsigned long long)damage.flips);
    assert_true(damage.flips > 9 * 1000);
    world_fini(&world);
}

static void no_flipped_byte_widens_an_answer(void **state) {
    (void)state;
    flip_every_byte(0);
}

static void no_flipped_byte_of_long_lists_widens_an_answer(void **state) {
    (void)state;
    flip_every_byte(70);
}

static enum sp_status read_revision(struct sp_store *store, struct sp_revision *ret_revision) {
    struct sp_snapshot *snapshot;
    assert_int_equal(sp_snapshot_open(store, &snapshot), SP_OK);
    assert_int_equal(sp_snapshot_acquire(snapshot), SP_OK);
    enum sp_status status = sp_view_revision(sp_snapshot_view(snapshot), ret_revision);
    sp_snapshot_release(snapshot);
    sp_snapshot_close(snapshot);
    return status;
}

static void flip_head(void *context, enum sp_database database, uint64_t file_offset) {
    struct damage *damage = context;
    struct sp_revision before;
    struct sp_revision after;
    (void)database;
    assert_int_equal(read_revision(damage->world->store, &before), SP_OK);
    raw_flip(damage->world, file_offset, 0x10);
    enum sp_status status = read_revision(damage->world->store, &after);
    raw_flip(damage->world, file_offset, 0x10);
    assert_true(status == SP_ERR_CORRUPT ||
                (status == SP_OK && after.number == before.number && after.epoch == before.epoch));
    damage->flips += status == SP_ERR_CORRUPT;
}

static void a_damaged_head_is_an_error_and_no_other_revision(void **state) {
    (void)state;
    struct world world;
    world_init(&world);
    struct damage damage = {.world = &world};
    raw_each_byte(&world, SP_DB_META, flip_head, &damage);
    assert_true(damage.flips >= SP_HEAD_BYTES);
    world_fini(&world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_flipped_byte_widens_an_answer),
        cmocka_unit_test(no_flipped_byte_of_long_lists_widens_an_answer),
        cmocka_unit_test(a_damaged_head_is_an_error_and_no_other_revision),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) > 0;
}
