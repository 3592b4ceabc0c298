#include "pace.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "spawn.h"

void pace_wait_until(uint64_t until_ns) {
    uint64_t now = bench_now_ns();
    if (now >= until_ns)
        return;
    uint64_t left = until_ns - now;
    nanosleep(&(struct timespec){.tv_sec = (time_t)(left / 1000000000U), .tv_nsec = (long)(left % 1000000000U)}, NULL);
}

void pace_print(const char *method, const struct histogram *latency, uint64_t calls) {
    printf("{\"method\":\"%s\",\"calls\":%" PRIu64 ",\"errors\":0,\"wrong\":0,\"latency_ns\":{\"p50\":%" PRIu64
           ",\"p99\":%" PRIu64 ",\"max\":%" PRIu64 "}}\n",
           method, calls, histogram_percentile(latency, 50), histogram_percentile(latency, 99), latency->max_ns);
}
