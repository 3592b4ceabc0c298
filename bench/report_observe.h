/* The report of bench/observe: what each way of observing adds to a Check. */
#ifndef BENCH_REPORT_OBSERVE_H
#define BENCH_REPORT_OBSERVE_H

#include <stdio.h>

#include "results.h"

/* What is missing is noted in the results. */
void report_observe_write(struct results *results, FILE *out);

#endif
