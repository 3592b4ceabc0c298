/* Lanes under fire: threads note while another collects, and nothing is missing. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "usage/gather.h"

enum { LANES = 3, KEYS = 400, NOTES = 60000 };

struct scene {
    struct sp_usage_gather gather;
    atomic_uint fillings;
    atomic_uint running;
};

struct noter {
    struct scene *scene;
    unsigned lane;
    pthread_t thread;
};

static void filling(void *user) {
    struct scene *scene = user;
    atomic_fetch_add(&scene->fillings, 1);
}

static void *note_all(void *user) {
    struct noter *noter = user;
    char workspace[16];
    char key_id[16];
    snprintf(workspace, sizeof(workspace), "w%u", noter->lane);
    for (unsigned i = 0; i < NOTES; i++) {
        snprintf(key_id, sizeof(key_id), "k%u", i % KEYS);
        sp_usage_note(&noter->scene->gather, noter->lane, sp_str_from(workspace), sp_str_from(key_id), NULL,
                      i % 2 == 0 ? SP_REASON_NONE : SP_REASON_KEY_EXPIRED);
    }
    atomic_fetch_sub(&noter->scene->running, 1);
    return NULL;
}

static void start(struct scene *scene, struct noter noters[static LANES], uint32_t capacity) {
    assert_int_equal(sp_usage_gather_init(&scene->gather, LANES, capacity, 7, filling, scene), SP_OK);
    atomic_init(&scene->fillings, 0);
    atomic_init(&scene->running, LANES);
    for (unsigned i = 0; i < LANES; i++) {
        noters[i] = (struct noter){.scene = scene, .lane = i};
        assert_int_equal(pthread_create(&noters[i].thread, NULL, note_all, &noters[i]), 0);
    }
}

static void join(struct noter noters[static LANES]) {
    for (unsigned i = 0; i < LANES; i++)
        assert_int_equal(pthread_join(noters[i].thread, NULL), 0);
}

static void nothing_is_missing_however_often_it_is_collected(void **state) {
    (void)state;
    struct scene scene;
    struct noter noters[LANES];
    struct sp_usage_table all;
    int64_t begun_s = time(NULL) - 1;
    int64_t until_s = 0;
    assert_int_equal(sp_usage_table_init(&all, LANES * KEYS, 7), SP_OK);
    start(&scene, noters, KEYS);
    unsigned collections = 0;
    for (; atomic_load(&scene.running) > 0; collections++) {
        int64_t before_s = until_s;
        sp_usage_collect(&scene.gather, &all, &until_s);
        assert_true(until_s >= before_s);
    }
    join(noters);
    sp_usage_collect(&scene.gather, &all, &until_s);
    printf("%u collections\n", collections);
    assert_false(all.lost);
    assert_int_equal(all.count, LANES * KEYS);
    for (uint32_t i = 0; i < all.count; i++) {
        struct sp_str workspace;
        struct sp_str key_id;
        struct sp_key_use use;
        sp_usage_table_at(&all, i, &workspace, &key_id, &use);
        /* Even keys are accepted, odd ones rejected; the coarse clock may lag behind. */
        bool odd = (key_id.data[key_id.size - 1] - '0') % 2 == 1;
        assert_int_equal(use.accepted.at_s == 0, odd);
        assert_int_equal(use.rejected.at_s == 0, !odd);
        assert_true((odd ? use.rejected.at_s : use.accepted.at_s) >= begun_s);
    }
    sp_usage_table_fini(&all);
    sp_usage_gather_fini(&scene.gather);
}

static void lanes_that_fill_up_say_so_once_and_what_is_lost_is_told(void **state) {
    (void)state;
    struct scene scene;
    struct noter noters[LANES];
    struct sp_usage_table all;
    int64_t until_s;
    assert_int_equal(sp_usage_table_init(&all, LANES * KEYS, 7), SP_OK);
    start(&scene, noters, KEYS / 2 / SP_USAGE_SEGMENTS);
    join(noters);
    assert_int_equal(atomic_load(&scene.fillings), LANES);
    sp_usage_collect(&scene.gather, &all, &until_s);
    assert_true(all.lost);
    assert_int_equal(all.count, LANES * SP_USAGE_SEGMENTS * (KEYS / 2 / SP_USAGE_SEGMENTS));
    sp_usage_table_clear(&all);
    sp_usage_collect(&scene.gather, &all, &until_s);
    assert_false(all.lost);
    assert_int_equal(all.count, 0);
    sp_usage_table_fini(&all);
    sp_usage_gather_fini(&scene.gather);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_missing_however_often_it_is_collected),
        cmocka_unit_test(lanes_that_fill_up_say_so_once_and_what_is_lost_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
