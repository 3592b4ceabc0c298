/* Walks that begin in the middle: they visit what comes after, and nothing before. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "store/records/index_walk.h"
#include "store/records/resource_key.h"
#include "store/records/snapshot.h"
#include "support/store_world.h"

enum { SUBJECT = 1, ONE_GRANT = 2, NO_GRANT = 3, GRANTS = 300, KEYS_ROOM = 512 };

struct scene {
    struct world world;
    struct sp_snapshot *snapshot;
};

static int set_up(void **state) {
    static struct scene scene;
    scene = (struct scene){0};
    world_init(&scene.world);
    world_begin(&scene.world);
    for (uint64_t subject = SUBJECT; subject <= NO_GRANT; subject++)
        world_put_user(&scene.world, 1, subject, false, false);
    for (int i = 0; i < GRANTS; i++) {
        char id[16];
        (void)snprintf(id, sizeof(id), "r%d", i);
        world_put_grant(&scene.world, 1, &(struct world_grant){i % 3 == 0, id, 'p', SUBJECT, 2});
    }
    world_put_grant(&scene.world, 1, &(struct world_grant){true, "only", 'p', ONE_GRANT, 2});
    world_commit(&scene.world);
    assert_int_equal(sp_snapshot_open(scene.world.store, &scene.snapshot), SP_OK);
    assert_int_equal(sp_snapshot_acquire(scene.snapshot), SP_OK);
    *state = &scene;
    return 0;
}

static int tear_down(void **state) {
    struct scene *scene = *state;
    sp_snapshot_release(scene->snapshot);
    sp_snapshot_close(scene->snapshot);
    world_fini(&scene->world);
    return 0;
}

/* What a walk visited, and after how many visits it ends. */
struct visited {
    struct sp_bytes keys[KEYS_ROOM];
    size_t count;
    size_t limit;
};

static enum sp_status visit_key(void *context, struct sp_bytes resource_key) {
    struct visited *visited = context;
    assert_in_range(visited->count, 0, KEYS_ROOM - 1);
    visited->keys[visited->count++] = resource_key;
    return visited->count == visited->limit ? SP_WALK_END : SP_OK;
}

static void walk_from(struct scene *scene, uint64_t subject, struct sp_bytes after, struct visited *ret_visited) {
    ret_visited->count = 0;
    assert_int_equal(
        sp_index_walk_subject_resources(sp_snapshot_view(scene->snapshot), subject, after, visit_key, ret_visited),
        SP_OK);
}

static void assert_same_key(struct sp_bytes a, struct sp_bytes b) {
    assert_int_equal(a.size, b.size);
    assert_memory_equal(a.data, b.data, a.size);
}

static void visits_only_what_is_above_the_place(void **state) {
    static struct visited all;
    static struct visited rest;
    all.limit = rest.limit = SIZE_MAX;
    walk_from(*state, SUBJECT, (struct sp_bytes){0}, &all);
    assert_int_equal(all.count, GRANTS);
    for (size_t i = 0; i < all.count; i++) {
        if (i > 0)
            assert_true(sp_bytes_compare(all.keys[i - 1], all.keys[i]) < 0);
        walk_from(*state, SUBJECT, all.keys[i], &rest);
        assert_int_equal(rest.count, all.count - i - 1);
        for (size_t j = 0; j < rest.count; j++)
            assert_same_key(rest.keys[j], all.keys[i + 1 + j]);
    }
}

/* The last page takes as many visits as the first. */
static void every_page_of_ten_takes_ten_visits(void **state) {
    static struct visited page;
    struct sp_bytes after = {0};
    size_t pages = 0;
    for (page.limit = 10;; pages++) {
        walk_from(*state, SUBJECT, after, &page);
        if (page.count == 0)
            break;
        assert_int_equal(page.count, 10);
        after = page.keys[page.count - 1];
    }
    assert_int_equal(pages, GRANTS / 10);
}

/* A place may be any bytes: a key that was deleted meanwhile, or what a client made up. */
static void begins_between_before_and_behind_all_keys(void **state) {
    static struct visited all;
    static struct visited rest;
    all.limit = rest.limit = SIZE_MAX;
    walk_from(*state, SUBJECT, (struct sp_bytes){0}, &all);
    uint8_t longer[SP_RESOURCE_KEY_MAX_BYTES + 1] = {0};
    memcpy(longer, all.keys[7].data, all.keys[7].size);
    walk_from(*state, SUBJECT, (struct sp_bytes){longer, all.keys[7].size + 1}, &rest);
    assert_same_key(rest.keys[0], all.keys[8]);
    walk_from(*state, SUBJECT, (struct sp_bytes){all.keys[7].data, all.keys[7].size - 1}, &rest);
    assert_true(rest.count > all.count - 8);
    static const uint8_t first[] = {0};
    walk_from(*state, SUBJECT, (struct sp_bytes){first, sizeof(first)}, &rest);
    assert_int_equal(rest.count, all.count);
    uint8_t last[511];
    memset(last, 0xff, sizeof(last));
    walk_from(*state, SUBJECT, (struct sp_bytes){last, sizeof(last)}, &rest);
    assert_int_equal(rest.count, 0);
}

/* LMDB keeps a single value and a list of them in different ways. */
static void finds_its_place_in_a_list_of_one_or_none(void **state) {
    static struct visited found;
    static struct visited rest;
    found.limit = rest.limit = SIZE_MAX;
    static const uint8_t before[] = {0};
    uint8_t behind[] = {0xff};
    walk_from(*state, ONE_GRANT, (struct sp_bytes){before, sizeof(before)}, &found);
    assert_int_equal(found.count, 1);
    walk_from(*state, ONE_GRANT, found.keys[0], &rest);
    assert_int_equal(rest.count, 0);
    walk_from(*state, ONE_GRANT, (struct sp_bytes){behind, sizeof(behind)}, &rest);
    assert_int_equal(rest.count, 0);
    walk_from(*state, NO_GRANT, (struct sp_bytes){before, sizeof(before)}, &rest);
    assert_int_equal(rest.count, 0);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(visits_only_what_is_above_the_place),
        CASE(every_page_of_ten_takes_ten_visits),
        CASE(begins_between_before_and_behind_all_keys),
        CASE(finds_its_place_in_a_list_of_one_or_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) > 0;
}
