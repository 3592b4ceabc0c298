/* Parts that several reports share. */
#ifndef BENCH_REPORT_PARTS_H
#define BENCH_REPORT_PARTS_H

#include <stdio.h>

#include "results.h"

/* "Measured DATE on N × MODEL, LOADS sharing them; ", from run.ndjson. */
void report_write_machine(struct results *results, const char *loads, FILE *out);

/* The head of a table of goals. */
void report_begin_goals(FILE *out);

/* A row of it. `ratio` is that of the measured figure to its goal: at most 1 is met. One that
 * cannot be computed is not met, and is noted. The format is "what | goal | measured". */
void report_write_goal(struct results *results, FILE *out, double ratio, const char *format, ...) SP_PRINTF(4, 5);

#endif
