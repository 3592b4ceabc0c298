/* The report of bench/peers: Cerbos and Sallyport side by side. */
#ifndef BENCH_REPORT_PEERS_H
#define BENCH_REPORT_PEERS_H

#include <stdio.h>

#include "results.h"

/* What is missing is noted in the results. */
void report_peers_write(struct results *results, FILE *out);

#endif
