/* The effective role against a naive loop, on graphs of all shapes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "store/records/effective_role.h"
#include "store/records/index_walk.h"
#include "store/records/resource_key.h"
#include "store/records/snapshot.h"
#include "store/records/write.h"
#include "support/store_world.h"

static struct world world;

static int set_up(void **state) {
    (void)state;
    world_init(&world);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    world_fini(&world);
    return 0;
}

static struct sp_best_grant best_of(uint64_t principal, const char *resource) {
    uint8_t buffer[SP_RESOURCE_KEY_MAX_BYTES];
    struct sp_snapshot *snapshot;
    struct sp_best_grant best;
    enum sp_role role;
    assert_int_equal(sp_snapshot_open(world.store, &snapshot), SP_OK);
    assert_int_equal(sp_snapshot_acquire(snapshot), SP_OK);
    struct sp_bytes key = world_resource_key(1, true, resource, buffer);
    assert_int_equal(sp_index_effective_role(sp_snapshot_view(snapshot), key, principal, &role), SP_OK);
    assert_int_equal(sp_index_best_grant(sp_snapshot_view(snapshot), key, principal, &best), SP_OK);
    assert_int_equal(best.role, role);
    sp_snapshot_release(snapshot);
    sp_snapshot_close(snapshot);
    return best;
}

static enum sp_role role_of(uint64_t principal, const char *resource) {
    return best_of(principal, resource).role;
}

static void grant(char subject_kind, uint64_t subject, const char *resource, int role) {
    world_put_grant(&world, 1, &(struct world_grant){true, resource, subject_kind, subject, role});
}

static void takes_the_highest_of_direct_and_group_grants(void **state) {
    (void)state;
    static const struct {
        const char *resource;
        int direct, group_10, group_11, group_of_others;
        enum sp_role expected;
        uint64_t of; /* whose grant it is */
    } table[] = {
        {"none", 0, 0, 0, 0, SP_ROLE_NONE, 0},
        {"others", 0, 0, 0, 4, SP_ROLE_NONE, 0},
        {"direct", 2, 0, 0, 0, SP_ROLE_COMMENTER, 5},
        {"direct-and-others", 2, 0, 0, 4, SP_ROLE_COMMENTER, 5},
        {"one-group", 0, 0, 3, 0, SP_ROLE_EDITOR, 11},
        {"direct-higher", 3, 1, 2, 4, SP_ROLE_EDITOR, 5},
        {"direct-as-high", 3, 3, 3, 4, SP_ROLE_EDITOR, 5},
        {"group-higher", 1, 1, 4, 0, SP_ROLE_ADMIN, 11},
        {"direct-admin", 4, 1, 1, 1, SP_ROLE_ADMIN, 5},
    };
    world_begin(&world);
    world_put_user(&world, 1, 5, false, false);
    world_put_member(&world, 1, 10, 5);
    world_put_member(&world, 1, 11, 5);
    for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
        const struct {
            char kind;
            uint64_t subject;
            int role;
        } grants[] = {{'p', 5, table[i].direct},
                      {'g', 10, table[i].group_10},
                      {'g', 11, table[i].group_11},
                      {'g', 12, table[i].group_of_others}};
        for (size_t j = 0; j < 4; j++) {
            if (grants[j].role != 0)
                grant(grants[j].kind, grants[j].subject, table[i].resource, grants[j].role);
        }
    }
    world_commit(&world);
    for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
        struct sp_best_grant best = best_of(5, table[i].resource);
        assert_int_equal(best.role, table[i].expected);
        assert_int_equal(best.subject, table[i].of);
    }
    assert_int_equal(role_of(6, "direct"), SP_ROLE_NONE);
    assert_int_equal(role_of(0, "direct"), SP_ROLE_NONE);
}

/* ---- random graphs ---- */

enum { MAX_SUBJECT = 3000, PROBES = 6 };

struct graph {
    uint8_t member[PROBES][MAX_SUBJECT + 1]; /* of principal 1 + i in a group */
    uint8_t role[PROBES][MAX_SUBJECT + 1];   /* of a subject on resource i */
};

static const char *const resource_names[PROBES] = {"r0", "r1", "r2", "r3", "r4", "r5"};

/* How many edges: none, one, a few that fit beside each other, a page, many pages. */
static uint64_t random_size(uint64_t *rng) {
    static const uint64_t sizes[] = {0, 1, 2, 7, 60, 400, 2000};
    uint64_t size = sizes[world_random(rng) % 7];
    return size > 7 ? size + world_random(rng) % 50 : size;
}

static void fill_graph(struct graph *graph, uint64_t *rng) {
    for (int i = 0; i < PROBES; i++) {
        for (uint64_t edges = random_size(rng); edges > 0; edges--)
            graph->member[i][PROBES + 1 + world_random(rng) % (MAX_SUBJECT - PROBES)] = 1;
        for (uint64_t edges = random_size(rng); edges > 0; edges--)
            graph->role[i][1 + world_random(rng) % MAX_SUBJECT] = (uint8_t)(1 + world_random(rng) % 3);
        if (world_random(rng) % 4 == 0)
            graph->role[i][1 + world_random(rng) % MAX_SUBJECT] = SP_ROLE_ADMIN;
    }
}

static void store_graph(const struct graph *graph) {
    world_begin(&world);
    for (int i = 0; i < PROBES; i++) {
        world_put_user(&world, 1, (uint64_t)i + 1, false, false);
        for (uint64_t subject = 1; subject <= MAX_SUBJECT; subject++) {
            if (graph->member[i][subject])
                world_put_member(&world, 1, subject, (uint64_t)i + 1);
            if (graph->role[i][subject])
                grant(subject <= PROBES ? 'p' : 'g', subject, resource_names[i], graph->role[i][subject]);
        }
    }
    world_commit(&world);
}

static int naive_role(const struct graph *graph, int principal, int resource) {
    int highest = graph->role[resource][principal + 1];
    for (uint64_t group = PROBES + 1; group <= MAX_SUBJECT; group++) {
        if (graph->member[principal][group] && graph->role[resource][group] > highest)
            highest = graph->role[resource][group];
    }
    return highest;
}

struct considered {
    uint64_t count;
    int highest;
};

static void note_considered(void *context, uint64_t subject_number, enum sp_role role) {
    struct considered *considered = context;
    (void)subject_number;
    considered->count++;
    if ((int)role > considered->highest)
        considered->highest = (int)role;
}

static uint64_t naive_considered(const struct graph *graph, int principal, int resource) {
    uint64_t count = graph->role[resource][principal + 1] != 0;
    for (uint64_t group = PROBES + 1; group <= MAX_SUBJECT; group++)
        count += graph->member[principal][group] && graph->role[resource][group] != 0;
    return count;
}

static void compare_graph(const struct graph *graph) {
    uint8_t buffer[SP_RESOURCE_KEY_MAX_BYTES];
    struct sp_snapshot *snapshot;
    assert_int_equal(sp_snapshot_open(world.store, &snapshot), SP_OK);
    assert_int_equal(sp_snapshot_acquire(snapshot), SP_OK);
    struct sp_view *view = sp_snapshot_view(snapshot);
    for (int resource = 0; resource < PROBES; resource++) {
        struct sp_bytes key = world_resource_key(1, true, resource_names[resource], buffer);
        for (int principal = 0; principal < PROBES; principal++) {
            enum sp_role role;
            struct considered considered = {0, 0};
            assert_int_equal(sp_index_effective_role(view, key, (uint64_t)principal + 1, &role), SP_OK);
            assert_int_equal(role, naive_role(graph, principal, resource));
            assert_int_equal(
                sp_index_visit_considered(view, key, (uint64_t)principal + 1, note_considered, &considered), SP_OK);
            assert_int_equal(considered.count, naive_considered(graph, principal, resource));
            assert_int_equal(considered.highest, naive_role(graph, principal, resource));
        }
    }
    sp_snapshot_release(snapshot);
    sp_snapshot_close(snapshot);
}

static void equals_a_naive_loop_on_random_graphs(void **state) {
    (void)state;
    uint64_t rng = world_seed("equals_a_naive_loop_on_random_graphs");
    for (int round = 0; round < 12; round++) {
        struct graph *graph = calloc(1, sizeof(*graph));
        assert_non_null(graph);
        world_fini(&world);
        world_init(&world);
        fill_graph(graph, &rng);
        store_graph(graph);
        compare_graph(graph);
        free(graph);
    }
}

/* ---- big fan-outs ---- */

static void finds_the_one_match_of_1000_groups_and_100000_grants(void **state) {
    (void)state;
    enum { GROUPS = 1000, GRANTS = 100000 };
    for (uint64_t from = 0; from < GRANTS; from += 10000) {
        world_begin(&world);
        for (uint64_t i = from; i < from + 10000; i++)
            grant('g', 2 + 2 * i, "crowded", SP_ROLE_VIEWER); /* even subjects */
        world_commit(&world);
    }
    world_begin(&world);
    for (uint64_t i = 0; i < GROUPS; i++)
        world_put_member(&world, 1, 3 + 200 * i, 1); /* odd groups: none matches */
    world_commit(&world);
    assert_int_equal(role_of(1, "crowded"), SP_ROLE_NONE);
    world_begin(&world);
    world_put_member(&world, 1, 150002, 1);
    world_commit(&world);
    assert_int_equal(role_of(1, "crowded"), SP_ROLE_VIEWER);
    world_begin(&world);
    world_delete_grant(&world, 1, &(struct world_grant){true, "crowded", 'g', 150002, 0});
    world_commit(&world);
    assert_int_equal(role_of(1, "crowded"), SP_ROLE_NONE);
}

/* ---- walks ---- */

struct numbers {
    uint64_t values[8];
    size_t count;
    enum sp_status answer;
};

static enum sp_status note_number(void *context, uint64_t number) {
    struct numbers *numbers = context;
    numbers->values[numbers->count++] = number;
    return numbers->answer;
}

static enum sp_status note_grant(void *context, uint64_t subject_number, enum sp_role role) {
    struct numbers *numbers = context;
    numbers->values[numbers->count++] = subject_number * 10 + (uint64_t)role;
    return numbers->answer;
}

static void walks_members_groups_and_grants_in_order(void **state) {
    (void)state;
    uint8_t buffer[SP_RESOURCE_KEY_MAX_BYTES];
    world_begin(&world);
    world_put_user(&world, 1, 1, false, false);
    world_put_member(&world, 1, 9, 1);
    world_put_member(&world, 1, 7, 1);
    world_put_member(&world, 1, 7, 2);
    world_put_resource(&world, 1, true, "v");
    grant('g', 9, "v", 2);
    grant('p', 1, "v", 3);
    world_commit(&world);
    world_begin(&world);
    struct sp_view *view = sp_write_view(world.write);
    struct numbers groups = {.answer = SP_OK};
    assert_int_equal(sp_index_walk_principal_groups(view, 1, note_number, &groups), SP_OK);
    assert_int_equal(groups.count, 2);
    assert_int_equal(groups.values[0], 7);
    assert_int_equal(groups.values[1], 9);
    struct numbers members = {.answer = SP_WALK_END};
    assert_int_equal(sp_index_walk_group_members(view, 7, note_number, &members), SP_OK);
    assert_int_equal(members.count, 1);
    members = (struct numbers){.answer = SP_ERR_NOT_FOUND};
    assert_int_equal(sp_index_walk_group_members(view, 7, note_number, &members), SP_ERR_NOT_FOUND);
    struct numbers grants = {.answer = SP_OK};
    assert_int_equal(sp_index_walk_resource_grants(view, world_resource_key(1, true, "v", buffer), note_grant, &grants),
                     SP_OK);
    assert_int_equal(grants.count, 2);
    assert_int_equal(grants.values[0], 13);
    assert_int_equal(grants.values[1], 92);
    uint64_t size;
    assert_int_equal(sp_index_group_size(view, 7, &size), SP_OK);
    assert_int_equal(size, 2);
    assert_int_equal(sp_index_group_size(view, 8, &size), SP_OK);
    assert_int_equal(size, 0);
    sp_write_abort(world.write);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(takes_the_highest_of_direct_and_group_grants),
        CASE(equals_a_naive_loop_on_random_graphs),
        CASE(finds_the_one_match_of_1000_groups_and_100000_grants),
        CASE(walks_members_groups_and_grants_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) > 0;
}
