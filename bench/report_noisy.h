/* The report of bench/noisy: what one noisy tenant costs others. */
#ifndef BENCH_REPORT_NOISY_H
#define BENCH_REPORT_NOISY_H

#include <stdio.h>

#include "results.h"

void report_noisy_write(struct results *results, FILE *out);

#endif
