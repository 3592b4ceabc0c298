#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "decide/check.h"
#include "store/lmdb/options.h"
#include "store/lmdb/store.h"
#include "store/records/snapshot.h"
#include "world_records.h"

/* A world in a real store. */
struct scene {
    struct world world;
    char folder[64], path[96], key_file[96];
    struct sp_store *store;
    struct sp_snapshot *snapshot;
};

static void scene_open(struct scene *scene, struct world world) {
    struct sp_error error = {0};
    struct sp_store_options options = {.mode = SP_STORE_READ};
    double seconds;
    *scene = (struct scene){.world = world, .folder = "/tmp/sp-bench-test-XXXXXX"};
    assert_non_null(mkdtemp(scene->folder));
    snprintf(scene->path, sizeof(scene->path), "%s/store", scene->folder);
    snprintf(scene->key_file, sizeof(scene->key_file), "%s/operator.key", scene->folder);
    if (world_write_store(&world, scene->path, scene->key_file, true, NULL, &seconds, &error) != SP_OK ||
        sp_store_open(scene->path, &options, &scene->store, &error) != SP_OK)
        fail_msg("%s", error.message);
    assert_int_equal(sp_snapshot_open(scene->store, &scene->snapshot), SP_OK);
    assert_int_equal(sp_snapshot_acquire(scene->snapshot), SP_OK);
}

static void scene_close(struct scene *scene) {
    static const char *const files[] = {"/store/data.mdb", "/store/lock.mdb", "/operator.key"};
    char path[128];
    sp_snapshot_release(scene->snapshot);
    sp_snapshot_close(scene->snapshot);
    sp_store_close(scene->store);
    for (size_t i = 0; i < 3; i++) {
        snprintf(path, sizeof(path), "%s%s", scene->folder, files[i]);
        assert_int_equal(unlink(path), 0);
    }
    assert_int_equal(rmdir(scene->path), 0);
    assert_int_equal(rmdir(scene->folder), 0);
}

static enum sp_reason answer(struct scene *scene, const struct world_question *question) {
    struct sp_ip ip;
    struct sp_answer answer;
    struct sp_query query = {
        .credential_kind = SP_CREDENTIAL_TEXT,
        .credential = {(const uint8_t *)question->key, strlen(question->key)},
        .ip = &ip,
        .resource_type = SP_STR_LITERAL("voice"),
        .resource_id = sp_str_from(question->voice),
        .action = sp_str_from(question->action),
        .now_s = 1800000000,
    };
    assert_int_equal(sp_ip_parse(sp_str_from(question->ip), &ip, NULL), SP_OK);
    assert_int_equal(sp_check(sp_snapshot_view(scene->snapshot), &query, &answer), SP_OK);
    return answer.reason;
}

static void every_question_has_its_expected_answer_in_the_store(void **state) {
    (void)state;
    struct scene scene;
    scene_open(&scene, (struct world){.seed = 3, .keys = 100});
    for (unsigned outcome = 0; outcome < WORLD_OUTCOMES; outcome++) {
        for (uint64_t near = 0; near < scene.world.keys; near++) {
            for (uint64_t vary = 0; vary < 40; vary++) {
                struct world_question question;
                world_ask(&scene.world, (enum world_outcome)outcome, near, vary, &question);
                if (answer(&scene, &question) != question.expected)
                    fail_msg("%s near key %u, vary %u", world_outcome_name((enum world_outcome)outcome), (unsigned)near,
                             (unsigned)vary);
            }
        }
    }
    scene_close(&scene);
}

static void keys_of_another_seed_are_unknown(void **state) {
    (void)state;
    struct scene scene;
    struct world other = {.seed = 4, .keys = 40};
    struct world_question question;
    scene_open(&scene, (struct world){.seed = 3, .keys = 40});
    world_ask(&other, WORLD_ALLOWED, 1, 1, &question);
    assert_int_equal(answer(&scene, &question), SP_REASON_KEY_UNKNOWN);
    scene_close(&scene);
}

static void the_smallest_worlds_say_which_outcomes_they_lack(void **state) {
    (void)state;
    for (uint64_t keys = 1; keys < 50; keys++) {
        struct world world = {.seed = 1, .keys = keys};
        assert_true(world_can_ask(&world, WORLD_ALLOWED));
        assert_int_equal(world_can_ask(&world, WORLD_PERMISSION_MISSING), keys >= 2);
        assert_int_equal(world_can_ask(&world, WORLD_NOT_SHARED), keys >= 3);
        assert_int_equal(world_can_ask(&world, WORLD_ROLE_TOO_LOW), keys >= 3);
    }
}

static void outcomes_are_found_by_their_names(void **state) {
    (void)state;
    enum world_outcome outcome;
    for (unsigned i = 0; i < WORLD_OUTCOMES; i++) {
        assert_true(world_outcome_parse(world_outcome_name((enum world_outcome)i), &outcome));
        assert_int_equal(outcome, i);
    }
    assert_false(world_outcome_parse("", &outcome));
    assert_false(world_outcome_parse("allow", &outcome));
}

/* As many lines as there are records, each the same on a second run. */
static void the_same_world_is_written_twice_alike(void **state) {
    (void)state;
    struct world world = {.seed = 9, .keys = 85};
    char *texts[2];
    size_t sizes[2];
    for (int i = 0; i < 2; i++) {
        struct sp_error error;
        FILE *out = open_memstream(&texts[i], &sizes[i]);
        assert_non_null(out);
        assert_int_equal(world_write_ndjson(&world, out, &error), SP_OK);
        assert_int_equal(fclose(out), 0);
    }
    assert_int_equal(sizes[0], sizes[1]);
    assert_memory_equal(texts[0], texts[1], sizes[0]);
    size_t keys = 0;
    for (const char *at = texts[0]; (at = strstr(at, "\"sha256\"")) != NULL; at++)
        keys++;
    assert_int_equal(keys, world.keys);
    free(texts[0]);
    free(texts[1]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_question_has_its_expected_answer_in_the_store),
        cmocka_unit_test(keys_of_another_seed_are_unknown),
        cmocka_unit_test(the_smallest_worlds_say_which_outcomes_they_lack),
        cmocka_unit_test(outcomes_are_found_by_their_names),
        cmocka_unit_test(the_same_world_is_written_twice_alike),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
