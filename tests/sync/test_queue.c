/* The writer's queue: whose job comes next, and who is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sync/queue.h"

enum { JOBS = 2000 };

struct rig {
    struct sp_queue *queue;
    struct sp_job jobs[JOBS];
    size_t used;
};

static const struct sp_queue_limits wide = {.jobs = 100000,
                                            .bytes = (size_t)1 << 30,
                                            .workspace_jobs = 100000,
                                            .workspace_bytes = (size_t)1 << 30,
                                            .narrowing_jobs = 1000};

static struct rig *rig_make(const struct sp_queue_limits *limits) {
    static struct rig rig;
    memset(&rig, 0, sizeof(rig));
    assert_int_equal(sp_queue_create(limits, &rig.queue), SP_OK);
    return &rig;
}

static void rig_end(struct rig *rig) {
    while (sp_queue_take(rig->queue, true) != NULL) {
    }
    assert_int_equal(sp_queue_length(rig->queue), 0);
    sp_queue_free(rig->queue);
}

static struct sp_job *make(struct rig *rig, const char *workspace, bool narrows, size_t bytes) {
    struct sp_job *job = &rig->jobs[rig->used++];
    snprintf(job->workspace, sizeof(job->workspace), "%s", workspace);
    job->narrowing = narrows ? SP_ADMIN_NARROWS : SP_ADMIN_WIDENS;
    job->bytes = bytes;
    return job;
}

static struct sp_job *add(struct rig *rig, const char *workspace, bool narrows, size_t bytes) {
    struct sp_job *job = make(rig, workspace, narrows, bytes);
    assert_int_equal(sp_queue_room_for(rig->queue, job), SP_QUEUE_HAS_ROOM);
    assert_int_equal(sp_queue_add(rig->queue, job), SP_OK);
    return job;
}

static size_t place_of(struct rig *rig, const struct sp_job *job) {
    for (size_t place = 0;; place++) {
        const struct sp_job *next = sp_queue_take(rig->queue, true);
        assert_non_null(next);
        if (next == job)
            return place;
    }
}

static void a_workspace_does_not_wait_for_all_that_another_has_queued(void **state) {
    (void)state;
    struct rig *rig = rig_make(&wide);
    for (size_t i = 0; i < 1000; i++)
        add(rig, "noisy", false, 100);
    const struct sp_job *quiet = add(rig, "quiet", false, 100);
    assert_in_range(place_of(rig, quiet), 0, 8);
    rig_end(rig);
}

static void operators_have_a_turn_of_their_own(void **state) {
    (void)state;
    struct rig *rig = rig_make(&wide);
    for (size_t i = 0; i < 1000; i++)
        add(rig, "noisy", false, 100);
    const struct sp_job *operators = add(rig, "", false, 100);
    assert_in_range(place_of(rig, operators), 0, 8);
    rig_end(rig);
}

static void large_requests_use_up_a_turn_sooner(void **state) {
    (void)state;
    struct rig *rig = rig_make(&wide);
    size_t small = 0, large = 0;
    for (size_t i = 0; i < 500; i++) {
        add(rig, "large", false, 64 * 1024);
        add(rig, "small", false, 100);
    }
    for (size_t i = 0; i < 110; i++) {
        const struct sp_job *job = sp_queue_take(rig->queue, true);
        small += strcmp(job->workspace, "small") == 0;
        large += strcmp(job->workspace, "large") == 0;
    }
    assert_int_equal(small + large, 110);
    assert_true(small > 20 * large);
    rig_end(rig);
}

static void jobs_of_one_workspace_keep_their_order(void **state) {
    (void)state;
    struct rig *rig = rig_make(&wide);
    for (size_t i = 0; i < 300; i++)
        add(rig, i % 3 == 0 ? "a" : i % 3 == 1 ? "b" : "", false, i * 37 % 9000);
    const struct sp_job *last[3] = {NULL};
    for (const struct sp_job *job; (job = sp_queue_take(rig->queue, true)) != NULL;) {
        size_t i = job->workspace[0] == 'a' ? 0 : job->workspace[0] == 'b' ? 1 : 2;
        assert_true(last[i] < job); /* they were made in the order of the array */
        last[i] = job;
    }
    rig_end(rig);
}

static void narrowing_goes_ahead_within_a_bound(void **state) {
    (void)state;
    struct rig *rig = rig_make(&wide);
    size_t narrowing = 0;
    const struct sp_job *ordinary = add(rig, "a", false, 100);
    for (size_t i = 0; i < 50; i++)
        add(rig, "b", true, 100);
    assert_true(sp_job_narrows(sp_queue_take(rig->queue, true)));
    for (const struct sp_job *job; (job = sp_queue_take(rig->queue, true)) != ordinary; narrowing++)
        assert_non_null(job);
    assert_in_range(narrowing, 1, 10);
    rig_end(rig);
}

static void a_full_workspace_is_refused_and_the_others_are_not(void **state) {
    (void)state;
    const struct sp_queue_limits limits = {
        .jobs = 100, .bytes = 1000000, .workspace_jobs = 10, .workspace_bytes = 5000, .narrowing_jobs = 20};
    struct rig *rig = rig_make(&limits);
    for (size_t i = 0; i < 10; i++)
        add(rig, "full", false, 10);
    assert_int_equal(sp_queue_room_for(rig->queue, make(rig, "full", false, 10)), SP_QUEUE_WORKSPACE_FULL);
    assert_int_equal(sp_queue_room_for(rig->queue, make(rig, "other", false, 10)), SP_QUEUE_HAS_ROOM);
    assert_int_equal(sp_queue_room_for(rig->queue, make(rig, "", false, 10)), SP_QUEUE_HAS_ROOM);
    /* What only narrows has two places more. */
    add(rig, "full", true, 10);
    add(rig, "full", true, 10);
    assert_int_equal(sp_queue_room_for(rig->queue, make(rig, "full", true, 10)), SP_QUEUE_WORKSPACE_FULL);
    add(rig, "heavy", false, 4000);
    assert_int_equal(sp_queue_room_for(rig->queue, make(rig, "heavy", false, 1001)), SP_QUEUE_WORKSPACE_FULL);
    assert_int_equal(sp_queue_room_for(rig->queue, make(rig, "heavier", false, 900000)), SP_QUEUE_HAS_ROOM);
    rig_end(rig);
}

static void what_narrows_has_half_as_many_bytes_more_and_no_end_of_them(void **state) {
    (void)state;
    const struct sp_queue_limits limits = {
        .jobs = 100, .bytes = 12000, .workspace_jobs = 100, .workspace_bytes = 5000, .narrowing_jobs = 20};
    struct rig *rig = rig_make(&limits);
    add(rig, "heavy", false, 5000);
    assert_int_equal(sp_queue_room_for(rig->queue, make(rig, "heavy", false, 1)), SP_QUEUE_WORKSPACE_FULL);
    add(rig, "heavy", true, 2500);
    assert_int_equal(sp_queue_room_for(rig->queue, make(rig, "heavy", true, 1)), SP_QUEUE_WORKSPACE_FULL);
    add(rig, "other", true, 7000); /* its only one */
    add(rig, "third", true, 3500);
    assert_int_equal(sp_queue_room_for(rig->queue, make(rig, "late", true, 1)), SP_QUEUE_FULL);
    rig_end(rig);
}

static void a_full_queue_still_takes_what_narrows(void **state) {
    (void)state;
    const struct sp_queue_limits limits = {
        .jobs = 50, .bytes = 100000, .workspace_jobs = 10, .workspace_bytes = 100000, .narrowing_jobs = 30};
    struct rig *rig = rig_make(&limits);
    char workspace[16];
    for (size_t i = 0; i < 50; i++) {
        snprintf(workspace, sizeof(workspace), "w%zu", i);
        add(rig, workspace, false, 10);
    }
    assert_int_equal(sp_queue_room_for(rig->queue, make(rig, "late", false, 10)), SP_QUEUE_FULL);
    add(rig, "late", true, 10);
    rig_end(rig);
}

static void a_job_that_wants_to_be_alone_is_not_taken_into_a_batch(void **state) {
    (void)state;
    struct rig *rig = rig_make(&wide);
    struct sp_job *alone = add(rig, "", false, 10);
    alone->alone = true;
    assert_null(sp_queue_take(rig->queue, false));
    assert_ptr_equal(sp_queue_take(rig->queue, true), alone);
    rig_end(rig);
}

static void every_job_is_taken_once_whatever_comes_in_between(void **state) {
    (void)state;
    struct rig *rig = rig_make(&wide);
    const char *text = getenv("SP_TEST_SEED");
    unsigned seed = text == NULL ? 20261129U : (unsigned)strtoul(text, NULL, 10);
    size_t taken = 0;
    char workspace[16];
    print_message("seed %u\n", seed);
    while (rig->used < JOBS) {
        for (int i = rand_r(&seed) % 40; i > 0 && rig->used < JOBS; i--) {
            snprintf(workspace, sizeof(workspace), "w%d", rand_r(&seed) % 20);
            add(rig, workspace, rand_r(&seed) % 4 == 0, (size_t)(rand_r(&seed) % 20000));
        }
        for (int i = rand_r(&seed) % 40; i > 0; i--) {
            struct sp_job *job = sp_queue_take(rig->queue, true);
            if (job == NULL)
                break;
            assert_false(job->left_out);
            job->left_out = true;
            taken++;
        }
        assert_int_equal(sp_queue_length(rig->queue), rig->used - taken);
    }
    for (struct sp_job *job; (job = sp_queue_take(rig->queue, true)) != NULL; taken++)
        assert_false(job->left_out);
    assert_int_equal(taken, JOBS);
    rig_end(rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_workspace_does_not_wait_for_all_that_another_has_queued),
        cmocka_unit_test(operators_have_a_turn_of_their_own),
        cmocka_unit_test(large_requests_use_up_a_turn_sooner),
        cmocka_unit_test(jobs_of_one_workspace_keep_their_order),
        cmocka_unit_test(narrowing_goes_ahead_within_a_bound),
        cmocka_unit_test(a_full_workspace_is_refused_and_the_others_are_not),
        cmocka_unit_test(what_narrows_has_half_as_many_bytes_more_and_no_end_of_them),
        cmocka_unit_test(a_full_queue_still_takes_what_narrows),
        cmocka_unit_test(a_job_that_wants_to_be_alone_is_not_taken_into_a_batch),
        cmocka_unit_test(every_job_is_taken_once_whatever_comes_in_between),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
