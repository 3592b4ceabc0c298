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

static void all_forms_of_a_clock_agree(void **state) {
    enum { TICK_MS = 100 };
    (void)state;
    int64_t began_s = sp_clock_now_s();
    const struct timespec now = sp_clock_now();
    int64_t now_ms = sp_clock_now_ms();
    int64_t coarse_s = sp_clock_coarse_now_s();
    assert_in_range(now.tv_sec, began_s, now_ms / 1000);
    assert_in_range(coarse_s, began_s - 1, sp_clock_now_s());
    int64_t began_ms = sp_clock_monotonic_ms();
    int64_t then_ms = (int64_t)(sp_clock_monotonic_ns() / 1000000);
    int64_t coarse_ms = sp_clock_coarse_monotonic_ms();
    assert_in_range(then_ms, began_ms, sp_clock_monotonic_ms());
    assert_in_range(coarse_ms, began_ms - TICK_MS, sp_clock_monotonic_ms());
    int64_t worked_ms = sp_clock_thread_ms();
    assert_in_range(sp_clock_thread_ns() / 1000000, worked_ms, sp_clock_thread_ms());
}

static void a_semaphore_is_awaited_until_the_time(void **state) {
    sem_t semaphore;
    (void)state;
    assert_int_equal(sem_init(&semaphore, 0, 1), 0);
    int64_t until_ms = sp_clock_monotonic_ms() + 20;
    assert_true(sp_clock_wait_semaphore(&semaphore, until_ms));
    assert_false(sp_clock_wait_semaphore(&semaphore, until_ms));
    assert_true(sp_clock_monotonic_ms() >= until_ms);
    assert_int_equal(sem_destroy(&semaphore), 0);
}

static void *wait_for_post(void *semaphore) {
    while (sem_wait(semaphore) != 0)
        continue;
    return NULL;
}

static void a_thread_is_joined_only_if_it_ends_in_time(void **state) {
    sem_t semaphore;
    pthread_t thread;
    (void)state;
    assert_int_equal(sem_init(&semaphore, 0, 0), 0);
    assert_int_equal(pthread_create(&thread, NULL, wait_for_post, &semaphore), 0);
    assert_false(sp_clock_join(thread, 20));
    assert_int_equal(sem_post(&semaphore), 0);
    assert_true(sp_clock_join(thread, 60 * 1000));
    assert_int_equal(sem_destroy(&semaphore), 0);
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
    assert_int_equal(sp_clock_coarse_now_s(), 42);
    assert_int_equal(sp_clock_now_ms(), 42 * 1000);
    assert_int_equal(sp_clock_coarse_monotonic_ms(), 7000);
    assert_int_equal(sp_clock_monotonic_ns(), 7000 * INT64_C(1000000));
    assert_int_equal(sp_clock_thread_ns(), 7000 * INT64_C(1000000));
    assert_int_equal(sp_clock_boot_ms(), 7000);
    sp_clock_sleep_ms(3600 * 1000);
    assert_int_equal(sp_clock_monotonic_ms(), 7000 + 3600 * 1000);
    pthread_mutex_lock(&lock);
    int64_t until_ms = sp_clock_monotonic_ms() + 500;
    assert_true(sp_clock_wait(&condition, &lock, until_ms));
    assert_int_equal(sp_clock_monotonic_ms(), until_ms);
    assert_false(sp_clock_wait(&condition, &lock, until_ms));
    pthread_mutex_unlock(&lock);
    sp_clock_sleep_us(1);
    assert_int_equal(sp_clock_monotonic_ms(), until_ms + 1);
    assert_int_equal(fake.sleeps, 3);
    sp_clock_replace(NULL);
    assert_true(sp_clock_monotonic_ms() - began_ms < 60 * 1000);
    pthread_cond_destroy(&condition);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_the_system_clocks),
        cmocka_unit_test(all_forms_of_a_clock_agree),
        cmocka_unit_test(a_semaphore_is_awaited_until_the_time),
        cmocka_unit_test(a_thread_is_joined_only_if_it_ends_in_time),
        cmocka_unit_test(a_wait_ends_when_its_time_is_reached),
        cmocka_unit_test(a_replacement_decides_what_time_it_is_and_sleeps_without_delay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
