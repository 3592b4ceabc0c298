/* Calls at a steady rate, one at a time, and what they took. */
#ifndef BENCH_PACE_H
#define BENCH_PACE_H

#include <stdint.h>

#include "histogram.h"

/* Waits until this CLOCK_MONOTONIC time; not at all if it has passed. */
void pace_wait_until(uint64_t until_ns);

/* One JSON object, as reports read it: `calls` of `method` without an error. */
void pace_print(const char *method, const struct histogram *latency, uint64_t calls);

#endif
