/* The Markdown of a benchmark from its raw results. run.ndjson names the benchmark: its "bench" is
 * run, soak, observe, peers, etcd or noisy. Goals stand in a table with what was measured, their
 * ratio, and whether they were met. */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include <stdio.h>

#include "results.h"

/* Writes the report of a folder of results, and says how many goals were missed; nothing if results
 * are missing or damaged: SP_ERR_NOT_FOUND, SP_ERR_INVALID. */
enum sp_status report_write(const char *folder, FILE *out, size_t *ret_missed, struct sp_error *error) SP_MUST_USE;

/* Half of the median calls per second of the file's rounds, rounded down to a whole number: an open
 * loop that does not saturate. */
enum sp_status report_half_rate(const char *folder, const char *file, double *ret_rate,
                                struct sp_error *error) SP_MUST_USE;

#endif
