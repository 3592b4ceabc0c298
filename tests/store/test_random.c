/* Random changesets against a model of plain arrays: roles, counts, verify, and reindexing that
 * gives the same bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "store/lmdb/databases.h"
#include "store/records/effective_role.h"
#include "store/records/index.h"
#include "store/records/layout.h"
#include "store/records/resource_key.h"
#include "store/records/snapshot.h"
#include "store/recovery/reindex.h"
#include "store/recovery/verify.h"
#include "support/store_raw.h"

enum { PRINCIPALS = 12, GROUPS = 12, RESOURCES = 10, KEYS = 12, SUBJECTS = PRINCIPALS + GROUPS, ROUNDS = 300 };

/* Subject n: principals are 1 to 12, groups 13 to 24. Things of number n belong to workspace 1 + n
 * % 2. */
struct model {
    bool principal[SUBJECTS + 1];
    bool admin[SUBJECTS + 1];
    bool disabled[SUBJECTS + 1];
    bool group[SUBJECTS + 1];
    bool member[SUBJECTS + 1][SUBJECTS + 1]; /* [group][principal] */
    bool resource[RESOURCES];
    int role[RESOURCES][SUBJECTS + 1]; /* 0: no grant */
    bool key[KEYS];
};

static uint64_t workspace_of(uint64_t number) {
    return 1 + number % 2;
}

static bool is_voice(uint64_t resource) {
    return resource < RESOURCES / 2;
}

static const char *resource_id(uint64_t resource) {
    static char id[16];
    snprintf(id, sizeof(id), "r%d", (int)resource);
    return id;
}

static const char *id_of(char letter, uint64_t number) {
    static char id[16];
    snprintf(id, sizeof(id), "%c%d", letter, (int)number);
    return id;
}

/* ---- random changes, to store and model alike ---- */

static uint64_t pick(uint64_t *rng, uint64_t below) {
    return world_random(rng) % below;
}

static void change_principal(struct world *world, struct model *model, uint64_t *rng) {
    uint64_t number = 1 + pick(rng, PRINCIPALS);
    bool service_account = number % 3 == 0;
    if (model->principal[number] && pick(rng, 3) == 0) {
        world_delete(world, SP_KIND_PRINCIPAL, workspace_of(number), id_of('p', number));
        model->principal[number] = false;
        return;
    }
    model->principal[number] = true;
    model->admin[number] = !service_account && pick(rng, 3) == 0;
    model->disabled[number] = pick(rng, 3) == 0;
    if (service_account)
        world_put_service_account(world, workspace_of(number), number, model->disabled[number]);
    else
        world_put_user(world, workspace_of(number), number, model->admin[number], model->disabled[number]);
}

static void change_group(struct world *world, struct model *model, uint64_t *rng) {
    uint64_t number = PRINCIPALS + 1 + pick(rng, GROUPS);
    if (model->group[number])
        world_delete(world, SP_KIND_GROUP, workspace_of(number), id_of('g', number));
    else
        world_put_group(world, workspace_of(number), number);
    model->group[number] = !model->group[number];
}

static void change_member(struct world *world, struct model *model, uint64_t *rng) {
    uint64_t group = PRINCIPALS + 1 + pick(rng, GROUPS);
    uint64_t principal = 1 + pick(rng, PRINCIPALS);
    if (model->member[group][principal])
        world_delete_member(world, workspace_of(group), group, principal);
    else
        world_put_member(world, workspace_of(group), group, principal);
    model->member[group][principal] = !model->member[group][principal];
}

static void change_resource(struct world *world, struct model *model, uint64_t *rng) {
    uint64_t resource = pick(rng, RESOURCES);
    if (model->resource[resource])
        world_delete_resource(world, workspace_of(resource), is_voice(resource), resource_id(resource));
    else
        world_put_resource(world, workspace_of(resource), is_voice(resource), resource_id(resource));
    model->resource[resource] = !model->resource[resource];
}

static void change_grant(struct world *world, struct model *model, uint64_t *rng) {
    uint64_t resource = pick(rng, RESOURCES);
    uint64_t subject = 1 + pick(rng, SUBJECTS);
    struct world_grant grant = {is_voice(resource), resource_id(resource), subject <= PRINCIPALS ? 'p' : 'g', subject,
                                1 + (int)pick(rng, 4)};
    bool there = model->role[resource][subject] != 0;
    if (there && pick(rng, 2) == 0) {
        world_delete_grant(world, workspace_of(resource), &grant);
        model->role[resource][subject] = 0;
        return;
    }
    world_put_grant(world, workspace_of(resource), &grant);
    model->role[resource][subject] = grant.role;
}

static void change_key(struct world *world, struct model *model, uint64_t *rng) {
    static const char *const ips[] = {"203.0.113.0/24", "2001:db8::/48"};
    uint64_t number = pick(rng, KEYS);
    /* Half of the digests begin with the same eight bytes: they share a bucket. */
    uint8_t digest[32] = {[8] = (uint8_t)number, [31] = 1};
    if (number % 2 == 0)
        world_digest_of(number, digest);
    if (model->key[number] && pick(rng, 2) == 0) {
        world_delete(world, SP_KIND_KEY, workspace_of(number), id_of('k', number));
        model->key[number] = false;
        return;
    }
    struct world_key key = {.number = number,
                            .principal = 1 + pick(rng, PRINCIPALS),
                            .all = pick(rng, 2) == 0,
                            .permissions = {(uint8_t)pick(rng, 256)},
                            .allowed_ips = ips,
                            .allowed_ip_count = pick(rng, 3),
                            .expires_at_s = (int64_t)pick(rng, 1000),
                            .disabled = pick(rng, 4) == 0,
                            .digest = digest};
    world_put_key(world, workspace_of(number), &key);
    model->key[number] = true;
}

static void change_something(struct world *world, struct model *model, uint64_t *rng) {
    static void (*const changes[])(struct world *, struct model *, uint64_t *) = {
        change_principal, change_group, change_member, change_resource, change_grant, change_key,
    };
    changes[pick(rng, sizeof(changes) / sizeof(*changes))](world, model, rng);
}

/* ---- what the model says ---- */

static int naive_role(const struct model *model, uint64_t resource, uint64_t principal) {
    int highest = model->role[resource][principal];
    for (uint64_t group = PRINCIPALS + 1; group <= SUBJECTS; group++) {
        if (model->member[group][principal] && model->role[resource][group] > highest)
            highest = model->role[resource][group];
    }
    return highest;
}

static uint64_t naive_count(const struct model *model, uint64_t workspace, enum sp_count what) {
    uint64_t counts[SP_COUNT_RESOURCES + 1] = {0};
    for (uint64_t n = 1; n <= SUBJECTS; n++) {
        if (model->principal[n] && workspace_of(n) == workspace) {
            bool service_account = n % 3 == 0;
            counts[SP_COUNT_SERVICE_ACCOUNTS] += service_account;
            counts[SP_COUNT_ENABLED_USERS] += !service_account && !model->disabled[n];
            counts[SP_COUNT_ENABLED_ADMINS] += model->admin[n] && !model->disabled[n];
        }
        counts[SP_COUNT_GROUPS] += model->group[n] && workspace_of(n) == workspace;
        for (uint64_t p = 1; p <= PRINCIPALS; p++)
            counts[SP_COUNT_MEMBERS] += model->member[n][p] && workspace_of(n) == workspace;
        for (uint64_t r = 0; r < RESOURCES; r++)
            counts[SP_COUNT_GRANTS] += model->role[r][n] != 0 && workspace_of(r) == workspace;
    }
    for (uint64_t r = 0; r < RESOURCES; r++)
        counts[SP_COUNT_RESOURCES] += model->resource[r] && workspace_of(r) == workspace;
    for (uint64_t k = 0; k < KEYS; k++)
        counts[SP_COUNT_KEYS] += model->key[k] && workspace_of(k) == workspace;
    return counts[what];
}

static void compare(struct sp_view *view, const struct model *model) {
    uint8_t buffer[SP_RESOURCE_KEY_MAX_BYTES];
    for (uint64_t resource = 0; resource < RESOURCES; resource++) {
        struct sp_bytes key =
            world_resource_key(workspace_of(resource), is_voice(resource), resource_id(resource), buffer);
        uint64_t owner;
        assert_int_equal(sp_index_owner(view, key, &owner), SP_OK);
        assert_int_equal(owner, model->resource[resource] && is_voice(resource) ? workspace_of(resource) : 0);
        for (uint64_t principal = 1; principal <= PRINCIPALS; principal++) {
            enum sp_role role;
            assert_int_equal(sp_index_effective_role(view, key, principal, &role), SP_OK);
            assert_int_equal(role, naive_role(model, resource, principal));
        }
    }
    for (uint64_t workspace = 1; workspace <= 2; workspace++) {
        for (int what = SP_COUNT_SERVICE_ACCOUNTS; what <= SP_COUNT_RESOURCES; what++) {
            uint64_t count;
            assert_int_equal(sp_index_count(view, workspace, (enum sp_count)what, &count), SP_OK);
            assert_int_equal(count, naive_count(model, workspace, (enum sp_count)what));
        }
    }
}

static void print_finding(void *context, const char *finding) {
    (void)context;
    printf("finding: %s\n", finding);
}

static void assert_verifies(struct world *world) {
    struct sp_error error;
    assert_int_equal(sp_store_verify(world->store, print_finding, NULL, NULL, &error), SP_OK);
}

static void assert_reindex_changes_nothing(struct world *world) {
    uint8_t before[32];
    uint8_t after[32];
    struct sp_error error;
    raw_digest_indexes(world, before);
    assert_int_equal(sp_store_reindex(world->store, NULL, NULL, &error), SP_OK);
    raw_digest_indexes(world, after);
    assert_memory_equal(before, after, sizeof(before));
}

static void follows_a_model_through_random_changesets(void **state) {
    (void)state;
    struct world world;
    struct model model = {0};
    struct sp_snapshot *snapshot;
    uint64_t rng = world_seed("follows_a_model_through_random_changesets");
    world_init(&world);
    assert_int_equal(sp_snapshot_open(world.store, &snapshot), SP_OK);
    for (int round = 0; round < ROUNDS; round++) {
        world_begin(&world);
        for (uint64_t changes = 1 + pick(&rng, 8); changes > 0; changes--)
            change_something(&world, &model, &rng);
        world_commit(&world);
        assert_int_equal(sp_snapshot_acquire(snapshot), SP_OK);
        compare(sp_snapshot_view(snapshot), &model);
        sp_snapshot_release(snapshot);
        if (round % 30 == 29) {
            assert_verifies(&world);
            assert_reindex_changes_nothing(&world);
        }
    }
    sp_snapshot_close(snapshot);
    world_fini(&world);
}

struct flips {
    struct world *world;
    uint64_t count;
};

static void flip_and_verify(void *context, enum sp_database database, uint64_t file_offset) {
    struct flips *flips = context;
    struct world *world = flips->world;
    flips->count++;
    struct sp_error error;
    uint8_t bits = (uint8_t)(1U << file_offset % 8);
    raw_flip(world, file_offset, bits);
    enum sp_status status = sp_store_verify(world->store, NULL, NULL, NULL, &error);
    raw_flip(world, file_offset, bits);
    if (status == SP_OK)
        fail_msg("verify missed a flipped byte of %s at %llu", sp_database_layouts[database].name,
                 (unsigned long long)file_offset);
}

static void verify_finds_any_single_flipped_byte_of_an_index(void **state) {
    (void)state;
    struct world world;
    struct model model = {0};
    uint64_t rng = world_seed("verify_finds_any_single_flipped_byte_of_an_index");
    world_init(&world);
    world_begin(&world);
    world_put_workspace(&world, 1, false);
    world_put_operator(&world, "ada", (const uint8_t[32]){1, 2, 3});
    for (int i = 0; i < 60; i++)
        change_something(&world, &model, &rng);
    world_commit(&world);
    assert_verifies(&world);
    struct flips flips = {&world, 0};
    for (int database = SP_DB_FIRST_INDEX; database < SP_DATABASES; database++)
        raw_each_byte(&world, (enum sp_database)database, flip_and_verify, &flips);
    printf("%llu bytes flipped\n", (unsigned long long)flips.count);
    assert_true(flips.count > 1000);
    assert_verifies(&world);
    world_fini(&world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(follows_a_model_through_random_changesets),
        cmocka_unit_test(verify_finds_any_single_flipped_byte_of_an_index),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) > 0;
}
