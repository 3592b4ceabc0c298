/* Threads that stand still, and what is said about them. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/watchdog.h"

enum { LIMIT_MS = 400, BEAT_EVERY_MS = 10 };

/* A thread that beats until it is told to stand still. */
struct beating {
    struct sp_heartbeat heartbeat;
    pthread_t thread;
    atomic_bool still, end;
};

struct scene {
    struct sp_watchdog *watchdog;
    struct beating beating[2];
    atomic_int alive; /* as last told; -1: not told */
    pthread_mutex_t lock;
    char log[8192];
};

static struct scene scene;

static void *beat(void *user) {
    struct beating *beating = user;
    while (!atomic_load(&beating->end)) {
        if (!atomic_load(&beating->still))
            sp_heartbeat_beat(&beating->heartbeat);
        sp_clock_sleep_ms(BEAT_EVERY_MS);
    }
    return NULL;
}

static void take_line(void *user, const char *line, size_t size) {
    (void)user;
    pthread_mutex_lock(&scene.lock);
    size_t used = strlen(scene.log);
    if (used + size < sizeof(scene.log))
        memcpy(scene.log + used, line, size);
    pthread_mutex_unlock(&scene.lock);
}

static bool has_logged(const char *text) {
    pthread_mutex_lock(&scene.lock);
    bool found = strstr(scene.log, text) != NULL;
    pthread_mutex_unlock(&scene.lock);
    return found;
}

static void take_news(void *user, bool alive) {
    (void)user;
    atomic_store(&scene.alive, alive);
}

static int set_up(void **state) {
    struct sp_error error = {0};
    const struct sp_watchdog_options options = {.limit_ms = LIMIT_MS, .changed = take_news};
    const struct sp_watched_thread threads[] = {
        {"first", &scene.beating[0].heartbeat}, {"absent", NULL}, {"second", &scene.beating[1].heartbeat}};
    (void)state;
    memset(&scene, 0, sizeof(scene));
    pthread_mutex_init(&scene.lock, NULL);
    atomic_store(&scene.alive, -1);
    sp_log_init("test", SP_LOG_INFO);
    sp_log_set_format(SP_LOG_TEXT);
    sp_log_set_sink(take_line, NULL);
    assert_int_equal(sp_watchdog_create(&options, &scene.watchdog, &error), SP_OK);
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&scene.beating[i].thread, NULL, beat, &scene.beating[i]), 0);
    assert_int_equal(sp_watchdog_stuck(scene.watchdog), 0);
    assert_int_equal(sp_watchdog_start(scene.watchdog, NULL, threads, 3, &error), SP_OK);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    sp_watchdog_stop(scene.watchdog);
    sp_watchdog_free(scene.watchdog);
    for (int i = 0; i < 2; i++) {
        atomic_store(&scene.beating[i].end, true);
        pthread_join(scene.beating[i].thread, NULL);
    }
    sp_log_set_sink(NULL, NULL);
    pthread_mutex_destroy(&scene.lock);
    return 0;
}

static bool wait_for_stuck(unsigned count) {
    for (int i = 0; i < 6000 && sp_watchdog_stuck(scene.watchdog) != count; i++)
        sp_clock_sleep_ms(10);
    return sp_watchdog_stuck(scene.watchdog) == count;
}

static bool wait_for_news(int alive) {
    for (int i = 0; i < 6000 && atomic_load(&scene.alive) != alive; i++)
        sp_clock_sleep_ms(10);
    return atomic_load(&scene.alive) == alive;
}

static void says_nothing_while_threads_go_on(void **state) {
    (void)state;
    sp_clock_sleep_ms(4 * LIMIT_MS);
    assert_int_equal(sp_watchdog_stuck(scene.watchdog), 0);
    assert_int_equal(atomic_load(&scene.alive), -1);
    assert_false(has_logged("has been stuck"));
}

static void names_a_thread_that_stands_still_and_says_when_it_goes_on(void **state) {
    (void)state;
    atomic_store(&scene.beating[1].still, true);
    assert_true(wait_for_stuck(1));
    assert_true(wait_for_news(false));
    assert_true(has_logged("thread \"second\" has been stuck"));
    assert_false(has_logged("\"first\""));
    atomic_store(&scene.beating[0].still, true);
    assert_true(wait_for_stuck(2));
    atomic_store(&scene.beating[1].still, false);
    assert_true(wait_for_stuck(1));
    assert_int_equal(atomic_load(&scene.alive), false); /* the other still stands */
    atomic_store(&scene.beating[0].still, false);
    assert_true(wait_for_stuck(0));
    assert_true(wait_for_news(true));
    assert_true(has_logged("thread \"second\" has resumed"));
}

static void stops_while_a_thread_stands_still(void **state) {
    (void)state;
    atomic_store(&scene.beating[0].still, true);
    assert_true(wait_for_stuck(1));
    sp_watchdog_stop(scene.watchdog);
    sp_watchdog_stop(scene.watchdog);
    assert_int_equal(sp_watchdog_stuck(scene.watchdog), 1);
}

static void none_is_always_well(void **state) {
    (void)state;
    assert_int_equal(sp_watchdog_stuck(NULL), 0);
    sp_watchdog_stop(NULL);
    sp_watchdog_free(NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(says_nothing_while_threads_go_on),
        TEST(names_a_thread_that_stands_still_and_says_when_it_goes_on),
        TEST(stops_while_a_thread_stands_still),
        cmocka_unit_test(none_is_always_well),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
