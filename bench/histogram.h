/* Latencies counted into buckets of at most 1/128 relative width (as HDR histograms do), from 1 ns
 * to 2^40 ns (18 min). Adding costs a few instructions and nothing is allocated. One thread; merge
 * those of several. */
#ifndef BENCH_HISTOGRAM_H
#define BENCH_HISTOGRAM_H

#include <stdint.h>
#include <stdio.h>

enum {
    HISTOGRAM_SUB_BITS = 7,
    HISTOGRAM_RANGES = 40 - HISTOGRAM_SUB_BITS + 1,
    HISTOGRAM_BUCKETS = HISTOGRAM_RANGES << HISTOGRAM_SUB_BITS,
};

/* Zeroed: empty. */
struct histogram {
    uint64_t count;
    uint64_t max_ns;
    uint64_t min_ns;
    double sum_ns;
    uint64_t buckets[HISTOGRAM_BUCKETS];
};

void histogram_add(struct histogram *histogram, uint64_t value_ns);
void histogram_merge(struct histogram *into, const struct histogram *from);

/* The least value that `percentile` (0 to 100) of the values do not exceed, to a bucket's width; 0
 * when empty. */
uint64_t histogram_percentile(const struct histogram *histogram, double percentile);

/* A plot of the distribution in plain text: a bar for each step of latency, `width` characters for
 * the longest. */
void histogram_plot(const struct histogram *histogram, unsigned width, FILE *out);

#endif
