/* What a line of `sallyport-bench run -o ndjson` measures. NAN for a line that lacks it or counts
 * no call. */
#ifndef BENCH_MEASURES_H
#define BENCH_MEASURES_H

#include <jansson.h>

double measure_call_us(const json_t *line);     /* the server's CPU a call */
double measure_decision_us(const json_t *line); /* the server's CPU a decision */
double measure_calls_per_s(const json_t *line);
double measure_decisions_per_core_s(const json_t *line);
double measure_p99_us(const json_t *line);
double measure_private_mib(const json_t *line);

#endif
