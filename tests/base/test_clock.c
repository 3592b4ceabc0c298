#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "base/clock.h"

/* ---- the system's clocks ---- */

static void reads_the_system_clocks(void **state) {
    (void)state;
    int64_t before_s = (int64_t)time(NULL);
    assert_true(sp_clock_now_s() >= before_s);
    assert_true(sp_clock_now_s() <= (int64_t)time(NULL));
    int64_t began_ms = sp_clock_monotonic_ms();
    sp_clock_sleep_ms(20);
    assert_true(sp_clock_monotonic_ms() - began_ms >= 20);
}

static void a_wait_ends_when_its_time_is_reached(void **state) {
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    pthread_cond_t condition;
    (void)state;
    sp_clock_init_condition(&condition);
    pthread_mutex_lock(&lock);
    int64_t until_ms = sp_clock_monotonic_ms() + 20;
    while (sp_clock_wait(&condition, &lock, until_ms)) {
    }
    assert_true(sp_clock_monotonic_ms() >= until_ms);
    assert_false(sp_clock_wait(&condition, &lock, until_ms - 1000));
    pthread_mutex_unlock(&lock);
    pthread_cond_destroy(&condition);
}

/* ---- replaced ones ---- */

struct fake {
    int64_t now_s;
    int64_t monotonic_ms;
    int sleeps;
};

static int64_t tell_now(void *context) {
    return ((struct fake *)context)->now_s;
}

static int64_t tell_monotonic(void *context) {
    return ((struct fake *)context)->monotonic_ms;
}

static void pass_time(void *context, int64_t ms) {
    struct fake *fake = context;
    fake->monotonic_ms += ms;
    fake->sleeps++;
}

static void a_replacement_decides_what_time_it_is_and_sleeps_without_delay(void **state) {
    struct fake fake = {.now_s = 42, .monotonic_ms = 7000};
    const struct sp_clock clock = {tell_now, tell_monotonic, pass_time, &fake};
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    pthread_cond_t condition;
    (void)state;
    sp_clock_init_condition(&condition);
    int64_t began_ms = sp_clock_monotonic_ms();
    sp_clock_replace(&clock);
    assert_int_equal(sp_clock_now_s(), 42);
    sp_clock_sleep_ms(3600 * 1000);
    assert_int_equal(sp_clock_monotonic_ms(), 7000 + 3600 * 1000);
    pthread_mutex_lock(&lock);
    int64_t until_ms = sp_clock_monotonic_ms() + 500;
    assert_true(sp_clock_wait(&condition, &lock, until_ms));
    assert_int_equal(sp_clock_monotonic_ms(), until_ms);
    assert_false(sp_clock_wait(&condition, &lock, until_ms));
    pthread_mutex_unlock(&lock);
    assert_int_equal(fake.sleeps, 2);
    sp_clock_replace(NULL);
    assert_true(sp_clock_monotonic_ms() - began_ms < 60 * 1000);
    pthread_cond_destroy(&condition);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_the_system_clocks),
        cmocka_unit_test(a_wait_ends_when_its_time_is_reached),
        cmocka_unit_test(a_replacement_decides_what_time_it_is_and_sleeps_without_delay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
