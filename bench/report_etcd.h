/* The report of bench/etcd: propagation of changes, and the bootstrap of a follower. */
#ifndef BENCH_REPORT_ETCD_H
#define BENCH_REPORT_ETCD_H

#include <stdio.h>

#include "results.h"

/* What is missing is noted in the results. */
void report_etcd_write(struct results *results, FILE *out);

#endif
