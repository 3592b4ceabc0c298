/* The report of bench/run: goals, and the figures behind them. */
#ifndef BENCH_REPORT_RUN_H
#define BENCH_REPORT_RUN_H

#include <stdio.h>

#include "results.h"

/* What is missing is noted in the results. */
void report_run_write(struct results *results, FILE *out);

#endif
