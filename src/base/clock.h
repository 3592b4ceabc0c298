/* The one place that reads the system's clocks, and that waits for time to pass. Any thread.
 *
 * Tests may replace the clocks of their process (sp_clock_replace); no program does. Without a
 * replacement a call costs one load and one branch more than clock_gettime. */
#ifndef SP_BASE_CLOCK_H
#define SP_BASE_CLOCK_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* Seconds since 1970. */
int64_t sp_clock_now_s(void);

/* Milliseconds of CLOCK_MONOTONIC: for durations and deadlines. */
int64_t sp_clock_monotonic_ms(void);

/* Milliseconds since boot, suspended ones included: nobody can set it. */
int64_t sp_clock_boot_ms(void);

/* The kernel's id of this boot. If it cannot be read, a random id of this process. */
enum { SP_CLOCK_BOOT_ID_BYTES = 16 };
void sp_clock_boot_id(uint8_t ret_id[static SP_CLOCK_BOOT_ID_BYTES]);

/* Milliseconds that the calling thread has worked: for how much of a thread something may take, however
 * busy the machine is. With a replacement the same as sp_clock_monotonic_ms. */
int64_t sp_clock_thread_ms(void);

void sp_clock_sleep_ms(unsigned ms);

/* Makes a condition for sp_clock_wait. */
void sp_clock_init_condition(pthread_cond_t *condition);

/* Waits for the condition until sp_clock_monotonic_ms() reaches `until_ms`; false: it has. True
 * also for a spurious wakeup. The caller holds `lock`. */
bool sp_clock_wait(pthread_cond_t *condition, pthread_mutex_t *lock, int64_t until_ms);

/* Clocks that a test sets by hand; the time since boot is `monotonic_ms`. `sleep_ms` must move `monotonic_ms` on by at least that much;
 * it is also called, without the lock, in place of a wait. All three must be safe to call from
 * any thread. */
struct sp_clock {
    int64_t (*now_s)(void *context);
    int64_t (*monotonic_ms)(void *context);
    void (*sleep_ms)(void *context, int64_t ms);
    void *context;
};

/* For tests only: replaces the clocks of this process; NULL restores the system's. `clock` is
 * borrowed until then. */
void sp_clock_replace(const struct sp_clock *clock);

#endif
