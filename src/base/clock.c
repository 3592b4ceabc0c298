#include "base/clock.h"

#include <stdatomic.h>
#include <time.h>

static const struct sp_clock *_Atomic replacement;

static const struct sp_clock *find_replacement(void) {
    return atomic_load_explicit(&replacement, memory_order_acquire);
}

void sp_clock_replace(const struct sp_clock *clock) {
    atomic_store_explicit(&replacement, clock, memory_order_release);
}

int64_t sp_clock_now_s(void) {
    const struct sp_clock *clock = find_replacement();
    struct timespec now;
    if (clock != NULL)
        return clock->now_s(clock->context);
    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec;
}

int64_t sp_clock_monotonic_ms(void) {
    const struct sp_clock *clock = find_replacement();
    struct timespec now;
    if (clock != NULL)
        return clock->monotonic_ms(clock->context);
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t sp_clock_thread_ms(void) {
    const struct sp_clock *clock = find_replacement();
    struct timespec worked;
    if (clock != NULL)
        return clock->monotonic_ms(clock->context);
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &worked);
    return (int64_t)worked.tv_sec * 1000 + worked.tv_nsec / 1000000;
}

void sp_clock_sleep_ms(unsigned ms) {
    const struct sp_clock *clock = find_replacement();
    if (clock != NULL) {
        clock->sleep_ms(clock->context, ms);
        return;
    }
    struct timespec left = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    while (clock_nanosleep(CLOCK_MONOTONIC, 0, &left, &left) != 0) {
    }
}

void sp_clock_init_condition(pthread_cond_t *condition) {
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(condition, &attributes);
    pthread_condattr_destroy(&attributes);
}

static bool sleep_in_place_of_wait(const struct sp_clock *clock, pthread_mutex_t *lock, int64_t until_ms) {
    int64_t left_ms = until_ms - clock->monotonic_ms(clock->context);
    if (left_ms <= 0)
        return false;
    pthread_mutex_unlock(lock);
    clock->sleep_ms(clock->context, left_ms);
    pthread_mutex_lock(lock);
    return true;
}

bool sp_clock_wait(pthread_cond_t *condition, pthread_mutex_t *lock, int64_t until_ms) {
    const struct sp_clock *clock = find_replacement();
    if (clock != NULL)
        return sleep_in_place_of_wait(clock, lock, until_ms);
    const struct timespec until = {.tv_sec = until_ms / 1000, .tv_nsec = (long)(until_ms % 1000) * 1000000};
    return pthread_cond_timedwait(condition, lock, &until) == 0;
}
