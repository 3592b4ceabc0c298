#include "base/clock.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/random.h"

static const struct sp_clock *_Atomic replacement;

static const struct sp_clock *find_replacement(void) {
    return atomic_load_explicit(&replacement, memory_order_acquire);
}

void sp_clock_replace(const struct sp_clock *clock) {
    atomic_store_explicit(&replacement, clock, memory_order_release);
}

/* ---- the time since 1970 ---- */

static inline struct timespec read_calendar_clock(clockid_t which) {
    const struct sp_clock *clock = find_replacement();
    struct timespec now;
    if (clock != NULL)
        return (struct timespec){.tv_sec = clock->now_s(clock->context)};
    clock_gettime(which, &now);
    return now;
}

struct timespec sp_clock_now(void) {
    return read_calendar_clock(CLOCK_REALTIME);
}

int64_t sp_clock_now_ms(void) {
    const struct timespec now = read_calendar_clock(CLOCK_REALTIME);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t sp_clock_now_s(void) {
    return read_calendar_clock(CLOCK_REALTIME).tv_sec;
}

int64_t sp_clock_coarse_now_s(void) {
    return read_calendar_clock(CLOCK_REALTIME_COARSE).tv_sec;
}

/* ---- the time that passes ---- */

static struct timespec split_ms(int64_t ms) {
    return (struct timespec){.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
}

static inline struct timespec read_passing_clock(clockid_t which) {
    const struct sp_clock *clock = find_replacement();
    struct timespec now;
    if (clock != NULL)
        return split_ms(clock->monotonic_ms(clock->context));
    clock_gettime(which, &now);
    return now;
}

static int64_t read_passing_ms(clockid_t which) {
    const struct timespec now = read_passing_clock(which);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t read_passing_ns(clockid_t which) {
    const struct timespec now = read_passing_clock(which);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t sp_clock_monotonic_ms(void) {
    return read_passing_ms(CLOCK_MONOTONIC);
}

uint64_t sp_clock_monotonic_ns(void) {
    return (uint64_t)read_passing_ns(CLOCK_MONOTONIC);
}

int64_t sp_clock_coarse_monotonic_ms(void) {
    return read_passing_ms(CLOCK_MONOTONIC_COARSE);
}

int64_t sp_clock_boot_ms(void) {
    return read_passing_ms(CLOCK_BOOTTIME);
}

int64_t sp_clock_thread_ms(void) {
    return read_passing_ms(CLOCK_THREAD_CPUTIME_ID);
}

int64_t sp_clock_thread_ns(void) {
    return read_passing_ns(CLOCK_THREAD_CPUTIME_ID);
}

/* ---- this boot ---- */

static uint8_t boot_id[SP_CLOCK_BOOT_ID_BYTES];

static bool read_boot_id_text(char *ret_text, size_t size) {
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t got = read(fd, ret_text, size);
    close(fd);
    return got == (ssize_t)size;
}

/* The kernel writes a UUID: 32 digits and 4 dashes. */
static void find_boot_id(void) {
    static const char digits[] = "0123456789abcdef";
    char text[36];
    size_t nibbles = 0;
    if (read_boot_id_text(text, sizeof(text))) {
        for (size_t i = 0; i < sizeof(text); i++) {
            const char *digit = text[i] == '\0' ? NULL : strchr(digits, text[i]);
            if (digit != NULL && nibbles < 2 * sizeof(boot_id)) {
                boot_id[nibbles / 2] = (uint8_t)(boot_id[nibbles / 2] << 4 | (digit - digits));
                nibbles++;
            }
        }
    }
    if (nibbles == 2 * sizeof(boot_id) || sp_random_fill(boot_id, sizeof(boot_id)) == SP_OK)
        return;
    pid_t pid = getpid();
    memcpy(boot_id, &pid, sizeof(pid));
}

void sp_clock_boot_id(uint8_t ret_id[static SP_CLOCK_BOOT_ID_BYTES]) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, find_boot_id);
    memcpy(ret_id, boot_id, sizeof(boot_id));
}

/* ---- waiting ---- */

void sp_clock_sleep_us(uint64_t us) {
    const struct sp_clock *clock = find_replacement();
    if (clock != NULL) {
        clock->sleep_ms(clock->context, (int64_t)((us + 999) / 1000));
        return;
    }
    struct timespec left = {.tv_sec = (time_t)(us / 1000000), .tv_nsec = (long)(us % 1000000) * 1000};
    while (clock_nanosleep(CLOCK_MONOTONIC, 0, &left, &left) != 0) {
    }
}

void sp_clock_sleep_ms(uint64_t ms) {
    sp_clock_sleep_us(ms * 1000);
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
    const struct timespec until = split_ms(until_ms);
    return pthread_cond_timedwait(condition, lock, &until) == 0;
}

bool sp_clock_wait_semaphore(sem_t *semaphore, int64_t until_ms) {
    const struct timespec until = split_ms(until_ms);
    return sem_clockwait(semaphore, CLOCK_MONOTONIC, &until) == 0;
}

/* By the calendar's clock, because the thread sanitizer of GCC 12 does not know
 * pthread_clockjoin_np. */
bool sp_clock_join(pthread_t thread, uint64_t wait_ms) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    const struct timespec wait = split_ms((int64_t)wait_ms);
    until.tv_sec += wait.tv_sec + (until.tv_nsec + wait.tv_nsec) / 1000000000;
    until.tv_nsec = (until.tv_nsec + wait.tv_nsec) % 1000000000;
    return pthread_timedjoin_np(thread, NULL, &until) == 0;
}
