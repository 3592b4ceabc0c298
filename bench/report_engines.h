/* The report of bench/engines: both engines beside a bare echo server on the gRPC C core. */
#ifndef BENCH_REPORT_ENGINES_H
#define BENCH_REPORT_ENGINES_H

#include <stdio.h>

#include "results.h"

/* What is missing is noted in the results. */
void report_engines_write(struct results *results, FILE *out);

#endif
