#include "support/fake_clock.h"

#include <stdatomic.h>
#include <stddef.h>

#include "base/clock.h"

enum { BEGIN_S = 2000000000, BEGIN_MONOTONIC_MS = 5000000 };

static _Atomic int64_t passed_ms;
static _Atomic int64_t ahead_s;

static int64_t fake_now_s(void *context) {
    (void)context;
    return BEGIN_S + atomic_load(&ahead_s) + atomic_load(&passed_ms) / 1000;
}

static int64_t fake_monotonic_ms(void *context) {
    (void)context;
    return BEGIN_MONOTONIC_MS + atomic_load(&passed_ms);
}

static void fake_sleep_ms(void *context, int64_t ms) {
    (void)context;
    atomic_fetch_add(&passed_ms, ms);
}

void fake_clock_start(void) {
    static const struct sp_clock clock = {fake_now_s, fake_monotonic_ms, fake_sleep_ms, NULL};
    atomic_store(&passed_ms, 0);
    atomic_store(&ahead_s, 0);
    sp_clock_replace(&clock);
}

void fake_clock_end(void) {
    sp_clock_replace(NULL);
}

void fake_clock_pass(int64_t ms) {
    atomic_fetch_add(&passed_ms, ms);
}

void fake_clock_jump(int64_t s) {
    atomic_fetch_add(&ahead_s, s);
}
