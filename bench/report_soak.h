/* The report of bench/soak: CPU, memory and file size while changes are made, against quiet. */
#ifndef BENCH_REPORT_SOAK_H
#define BENCH_REPORT_SOAK_H

#include <stdio.h>

#include "results.h"

/* What is missing is noted in the results. */
void report_soak_write(struct results *results, FILE *out);

#endif
