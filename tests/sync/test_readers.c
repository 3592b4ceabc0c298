/* The threads for lists and watches: whose reading comes next, and who is refused. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sync/readers.h"
#include "sync/worker_slots.h"

enum { MOST_OF_WORKSPACE = 200, MOST = 2000 };

/* One reader, which the first reading holds until the gate is open. */
struct rig {
    struct sp_readers *readers;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool gate_open, held;
    unsigned read, stopped_slot;
};

struct test_reading {
    struct sp_reading reading;
    struct rig *rig;
    unsigned place; /* in which it was read, from 1 on */
};

static void read_one(struct sp_reading *reading, unsigned slot) {
    struct test_reading *mine = (struct test_reading *)reading;
    struct rig *rig = mine->rig;
    (void)slot;
    pthread_mutex_lock(&rig->lock);
    rig->held = true;
    pthread_cond_broadcast(&rig->changed);
    while (!rig->gate_open)
        pthread_cond_wait(&rig->changed, &rig->lock);
    mine->place = ++rig->read;
    pthread_mutex_unlock(&rig->lock);
}

static void note_stop(unsigned slot, void *user) {
    ((struct rig *)user)->stopped_slot = slot;
}

static enum sp_status submit(struct rig *rig, struct test_reading *reading, const char *workspace) {
    struct sp_error error = {0};
    *reading = (struct test_reading){.rig = rig, .reading.read = read_one};
    (void)snprintf(reading->reading.job.workspace, sizeof(reading->reading.job.workspace), "%s", workspace);
    return sp_readers_submit(rig->readers, &reading->reading, &error);
}

/* With the reader at the gate: what is submitted now waits. */
static void start_held(struct rig *rig, struct test_reading *first) {
    struct sp_error error = {0};
    const struct sp_readers_options options = {.threads = 1, .stopping = note_stop, .user = rig};
    *rig = (struct rig){.read = 0};
    pthread_mutex_init(&rig->lock, NULL);
    pthread_cond_init(&rig->changed, NULL);
    assert_int_equal(sp_readers_start(&options, &rig->readers, &error), SP_OK);
    assert_int_equal(submit(rig, first, "first"), SP_OK);
    pthread_mutex_lock(&rig->lock);
    while (!rig->held)
        pthread_cond_wait(&rig->changed, &rig->lock);
    pthread_mutex_unlock(&rig->lock);
}

static void open_and_stop(struct rig *rig) {
    pthread_mutex_lock(&rig->lock);
    rig->gate_open = true;
    pthread_cond_broadcast(&rig->changed);
    pthread_mutex_unlock(&rig->lock);
    sp_readers_stop(rig->readers);
    assert_int_equal(rig->stopped_slot, SP_SYNC_READER);
    pthread_cond_destroy(&rig->changed);
    pthread_mutex_destroy(&rig->lock);
}

static void a_workspace_waits_for_one_reading_of_another_and_not_for_all(void **state) {
    static struct test_reading noisy[100], others, operators;
    struct test_reading first;
    struct rig rig;
    (void)state;
    start_held(&rig, &first);
    for (size_t i = 0; i < 100; i++)
        assert_int_equal(submit(&rig, &noisy[i], "noisy"), SP_OK);
    assert_int_equal(submit(&rig, &others, "other"), SP_OK);
    assert_int_equal(submit(&rig, &operators, ""), SP_OK);
    open_and_stop(&rig);
    assert_true(others.place <= 4 && operators.place <= 4);
    /* What waits when it is stopped is read, each workspace's in their order. */
    assert_int_equal(rig.read, 103);
    for (size_t i = 1; i < 100; i++)
        assert_true(noisy[i].place > noisy[i - 1].place);
}

static void a_workspace_that_has_too_many_waiting_is_refused_and_others_are_not(void **state) {
    static struct test_reading noisy[MOST_OF_WORKSPACE + 1], others;
    struct test_reading first;
    struct rig rig;
    size_t waiting;
    uint64_t refused;
    (void)state;
    start_held(&rig, &first);
    for (size_t i = 0; i < MOST_OF_WORKSPACE; i++)
        assert_int_equal(submit(&rig, &noisy[i], "noisy"), SP_OK);
    assert_int_equal(submit(&rig, &noisy[MOST_OF_WORKSPACE], "noisy"), SP_ERR_EXHAUSTED);
    assert_int_equal(submit(&rig, &others, "other"), SP_OK);
    sp_readers_get_stats(rig.readers, &waiting, &refused);
    assert_int_equal(waiting, MOST_OF_WORKSPACE + 1);
    assert_int_equal(refused, 1);
    open_and_stop(&rig);
}

static void all_together_may_have_so_many_waiting_and_no_more(void **state) {
    static struct test_reading many[MOST + 1];
    struct test_reading first;
    struct rig rig;
    char workspace[32];
    (void)state;
    start_held(&rig, &first);
    for (size_t i = 0; i <= MOST; i++) {
        (void)snprintf(workspace, sizeof(workspace), "w%zu", i / MOST_OF_WORKSPACE);
        assert_int_equal(submit(&rig, &many[i], workspace), i < MOST ? SP_OK : SP_ERR_EXHAUSTED);
    }
    open_and_stop(&rig);
    assert_int_equal(rig.read, MOST + 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_workspace_waits_for_one_reading_of_another_and_not_for_all),
        cmocka_unit_test(a_workspace_that_has_too_many_waiting_is_refused_and_others_are_not),
        cmocka_unit_test(all_together_may_have_so_many_waiting_and_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
