/* The goals of bench/run: one row of the table each. */
#ifndef BENCH_GOALS_H
#define BENCH_GOALS_H

#include <stdio.h>

#include "results.h"

/* Writes all rows, "| what | goal | measured | measured / goal | met |". A ratio of at most 1 is
 * met; one that cannot be computed is not, and is noted in the results. */
void goals_write(struct results *results, FILE *out);

#endif
