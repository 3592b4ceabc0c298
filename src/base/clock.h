/* The clocks of the system. Any thread. */
#ifndef SP_BASE_CLOCK_H
#define SP_BASE_CLOCK_H

#include <stdint.h>

/* Seconds since 1970. */
int64_t sp_clock_now_s(void);

/* Milliseconds of CLOCK_MONOTONIC: for durations. */
int64_t sp_clock_monotonic_ms(void);

#endif
