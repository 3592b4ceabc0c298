/* Clocks that the test sets, for all threads of its process. */
#ifndef TEST_SUPPORT_FAKE_CLOCK_H
#define TEST_SUPPORT_FAKE_CLOCK_H

#include <stdint.h>

/* Replaces the clocks: 2,000,000,000 seconds since 1970, and some monotonic time. Sleeping
 * passes time at once. */
void fake_clock_start(void);
/* Restores the system's clocks. */
void fake_clock_end(void);
/* Passes time on both clocks. */
void fake_clock_pass(int64_t ms);
/* Sets the wall clock `s` seconds ahead, or back; no time passes. */
void fake_clock_jump(int64_t s);

#endif
