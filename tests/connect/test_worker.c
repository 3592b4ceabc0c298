/* In which order the thread of Connect's calls runs what was posted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "connect/worker.h"

enum { TASKS = 4 };

struct noted_task {
    struct connect_task task; /* first: a task is its noted one */
    int number;
    struct noted_task *posts; /* a quick one; NULL: none */
};

static struct connect_worker *worker;
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static atomic_bool is_at_gate;
static int ran[3 * TASKS], count; /* the worker's own until it has stopped */

static void wait_at_gate(struct connect_task *task) {
    (void)task;
    atomic_store(&is_at_gate, true);
    pthread_mutex_lock(&gate);
    pthread_mutex_unlock(&gate);
}

static void note_task(struct connect_task *task) {
    const struct noted_task *noted = (struct noted_task *)task;
    ran[count++] = noted->number;
    if (noted->posts != NULL)
        sp_connect_worker_post(worker, &noted->posts->task);
}

static void what_is_slow_makes_way_for_all_that_is_quick(void **state) {
    static const int expected[3 * TASKS] = {1, 2, 3, 4, 11, 21, 12, 22, 13, 23, 14, 24};
    struct connect_task first = {.run = wait_at_gate};
    struct noted_task quick[TASKS], slow[TASKS], late[TASKS];
    struct sp_error error = {0};
    const struct connect_worker_options options = {.slot = 0};
    (void)state;
    assert_int_equal(sp_connect_worker_start(&options, &worker, &error), SP_OK);
    pthread_mutex_lock(&gate);
    sp_connect_worker_post(worker, &first);
    while (!atomic_load(&is_at_gate))
        sched_yield();
    for (int i = 0; i < TASKS; i++) {
        slow[i] = (struct noted_task){.task.run = note_task, .number = 11 + i, .posts = &late[i]};
        late[i] = (struct noted_task){.task.run = note_task, .number = 21 + i};
        sp_connect_worker_post_slow(worker, &slow[i].task);
    }
    for (int i = 0; i < TASKS; i++) {
        quick[i] = (struct noted_task){.task.run = note_task, .number = 1 + i};
        sp_connect_worker_post(worker, &quick[i].task);
    }
    pthread_mutex_unlock(&gate);
    sp_connect_worker_stop(worker);
    sp_connect_worker_free(worker);
    assert_int_equal(count, 3 * TASKS);
    assert_memory_equal(ran, expected, sizeof(expected));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_slow_makes_way_for_all_that_is_quick),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
