/* The threads for what takes long. */
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "server/bulk.h"
#include "server/worker_slots.h"

enum { THREADS = 3, TASKS = 500, QUEUE_MAX = 1000 };

static atomic_uint runs[TASKS], stopped, wrong_slots;
static sem_t gate;

struct task {
    struct sp_bulk_task bulk;
    size_t number;
};

static void run(struct sp_bulk_task *task, unsigned slot) {
    atomic_fetch_add(&runs[((struct task *)task)->number], 1);
    atomic_fetch_add(&wrong_slots, slot < SP_SERVER_BULK_WORKER || slot >= SP_SERVER_BULK_WORKER + THREADS);
}

static void wait_at_gate(struct sp_bulk_task *task, unsigned slot) {
    (void)task;
    (void)slot;
    sem_wait(&gate);
}

static void stopping(unsigned slot, void *user) {
    (void)slot;
    atomic_fetch_add((atomic_uint *)user, 1);
}

static struct sp_bulk *start(unsigned threads) {
    const struct sp_bulk_options options = {.threads = threads, .stopping = stopping, .user = &stopped};
    struct sp_error error = {0};
    struct sp_bulk *bulk = NULL;
    atomic_store(&stopped, 0);
    assert_int_equal(sp_bulk_start(&options, &bulk, &error), SP_OK);
    return bulk;
}

static void every_task_runs_once_before_it_stops(void **state) {
    (void)state;
    static struct task tasks[TASKS];
    struct sp_error error = {0};
    struct sp_bulk *bulk = start(THREADS);
    for (size_t i = 0; i < TASKS; i++) {
        tasks[i] = (struct task){{.run = run}, i};
        assert_int_equal(sp_bulk_submit(bulk, &tasks[i].bulk, &error), SP_OK);
    }
    sp_bulk_stop(bulk);
    for (size_t i = 0; i < TASKS; i++)
        assert_int_equal(atomic_load(&runs[i]), 1);
    assert_int_equal(atomic_load(&wrong_slots), 0);
    assert_int_equal(atomic_load(&stopped), THREADS);
}

static void too_many_that_wait_are_refused(void **state) {
    (void)state;
    static struct sp_bulk_task tasks[QUEUE_MAX + 2];
    struct sp_error error = {0};
    size_t waiting = 1;
    uint64_t refused = 0;
    sem_init(&gate, 0, 0);
    struct sp_bulk *bulk = start(1);
    for (size_t i = 0; i < QUEUE_MAX + 2; i++)
        tasks[i].run = wait_at_gate;
    assert_int_equal(sp_bulk_submit(bulk, &tasks[0], &error), SP_OK);
    while (waiting > 0)
        sp_bulk_get_stats(bulk, &waiting, &refused); /* until the thread has it */
    for (size_t i = 1; i <= QUEUE_MAX; i++)
        assert_int_equal(sp_bulk_submit(bulk, &tasks[i], &error), SP_OK);
    assert_int_equal(sp_bulk_submit(bulk, &tasks[QUEUE_MAX + 1], &error), SP_ERR_EXHAUSTED);
    sp_bulk_get_stats(bulk, &waiting, &refused);
    assert_int_equal(waiting, QUEUE_MAX);
    assert_int_equal(refused, 1);
    for (size_t i = 0; i <= QUEUE_MAX; i++)
        sem_post(&gate);
    sp_bulk_stop(bulk);
    sem_destroy(&gate);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_task_runs_once_before_it_stops),
        cmocka_unit_test(too_many_that_wait_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
