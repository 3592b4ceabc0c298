/* The one place that reads the system's clocks, and that waits for time to pass. Any thread.
 *
 * Tests may replace the clocks of their process (sp_clock_replace); no program does. Without a
 * replacement a call costs one load and one branch more than clock_gettime. */
#ifndef SP_BASE_CLOCK_H
#define SP_BASE_CLOCK_H

#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/* Since 1970. With a replacement in whole seconds. */
int64_t sp_clock_now_s(void);
int64_t sp_clock_now_ms(void);
struct timespec sp_clock_now(void);

/* CLOCK_MONOTONIC: for durations and deadlines. */
int64_t sp_clock_monotonic_ms(void);
uint64_t sp_clock_monotonic_ns(void);

/* The same at the clock's last tick: some milliseconds old, the same for all threads, and nearly
 * free. */
int64_t sp_clock_coarse_now_s(void);
int64_t sp_clock_coarse_monotonic_ms(void);

/* Milliseconds since boot, suspended ones included: nobody can set it. */
int64_t sp_clock_boot_ms(void);

/* The kernel's id of this boot. If it cannot be read, a random id of this process. */
enum { SP_CLOCK_BOOT_ID_BYTES = 16 };
void sp_clock_boot_id(uint8_t ret_id[static SP_CLOCK_BOOT_ID_BYTES]);

/* How long the calling thread has worked: for how much of a thread something may take, however busy
 * the machine is. With a replacement the same as sp_clock_monotonic_ms. */
int64_t sp_clock_thread_ms(void);
int64_t sp_clock_thread_ns(void);

/* With a replacement, `us` is rounded up to whole milliseconds. */
void sp_clock_sleep_ms(uint64_t ms);
void sp_clock_sleep_us(uint64_t us);

/* Makes a condition for sp_clock_wait. */
void sp_clock_init_condition(pthread_cond_t *condition);

/* Waits for the condition until sp_clock_monotonic_ms() reaches `until_ms`; false: it has. True
 * also for a spurious wakeup. The caller holds `lock`. */
bool sp_clock_wait(pthread_cond_t *condition, pthread_mutex_t *lock, int64_t until_ms);

/* Takes the semaphore before sp_clock_monotonic_ms() reaches `until_ms`; false: it could not, or
 * was interrupted by a signal. The system's clock, also with a replacement. */
bool sp_clock_wait_semaphore(sem_t *semaphore, int64_t until_ms);

/* Joins a thread that ends within the time; false: it still runs. The system's clock, also with a
 * replacement. */
bool sp_clock_join(pthread_t thread, uint64_t wait_ms);

/* Clocks that a test sets by hand; the time since boot is `monotonic_ms`. `sleep_ms` must move
 * `monotonic_ms` on by at least that much; it is also called, without the lock, in place of a wait.
 * All three must be safe to call from any thread. */
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
