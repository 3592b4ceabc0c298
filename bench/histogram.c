#include "histogram.h"

#include <stdbool.h>
#include <string.h>

enum { SUB = 1 << HISTOGRAM_SUB_BITS };

/* Values below 2 * SUB have a bucket each; above, every power of two is split into SUB buckets. */
static size_t bucket_of(uint64_t value) {
    if (value < 2 * SUB)
        return (size_t)value;
    unsigned shift = 63 - (unsigned)__builtin_clzll(value) - HISTOGRAM_SUB_BITS;
    size_t bucket = ((size_t)shift << HISTOGRAM_SUB_BITS) + (size_t)(value >> shift);
    return bucket < HISTOGRAM_BUCKETS ? bucket : HISTOGRAM_BUCKETS - 1;
}

/* The largest value that falls into the bucket. */
static uint64_t bucket_top(size_t bucket) {
    if (bucket < 2 * SUB)
        return bucket;
    unsigned shift = (unsigned)(bucket >> HISTOGRAM_SUB_BITS) - 1;
    uint64_t base = (uint64_t)(bucket & (SUB - 1)) + SUB;
    return ((base + 1) << shift) - 1;
}

void histogram_add(struct histogram *histogram, uint64_t value_ns) {
    histogram->buckets[bucket_of(value_ns)]++;
    if (histogram->count == 0 || value_ns < histogram->min_ns)
        histogram->min_ns = value_ns;
    if (value_ns > histogram->max_ns)
        histogram->max_ns = value_ns;
    histogram->sum_ns += (double)value_ns;
    histogram->count++;
}

void histogram_merge(struct histogram *into, const struct histogram *from) {
    if (from->count == 0)
        return;
    if (into->count == 0 || from->min_ns < into->min_ns)
        into->min_ns = from->min_ns;
    if (from->max_ns > into->max_ns)
        into->max_ns = from->max_ns;
    into->count += from->count;
    into->sum_ns += from->sum_ns;
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++)
        into->buckets[i] += from->buckets[i];
}

uint64_t histogram_percentile(const struct histogram *histogram, double percentile) {
    if (histogram->count == 0)
        return 0;
    double wanted = percentile / 100.0 * (double)histogram->count;
    uint64_t seen = 0;
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += histogram->buckets[i];
        if (seen > 0 && (double)seen >= wanted) {
            uint64_t top = bucket_top(i);
            return top < histogram->max_ns ? top : histogram->max_ns;
        }
    }
    return histogram->max_ns;
}

static void write_latency(uint64_t ns, FILE *out) {
    if (ns < 10000)
        fprintf(out, "%7.2f µs", (double)ns / 1e3);
    else if (ns < 10000000)
        fprintf(out, "%7.0f µs", (double)ns / 1e3);
    else
        fprintf(out, "%7.1f ms", (double)ns / 1e6);
}

/* Rows of the plot: four to a power of two. */
enum { ROWS = 41 * 4 };

static size_t row_of(uint64_t value) {
    unsigned power = value == 0 ? 0 : 63 - (unsigned)__builtin_clzll(value);
    uint64_t quarter = power >= 2 ? (value >> (power - 2)) & 3 : 0;
    size_t row = (size_t)power * 4 + (size_t)quarter;
    return row < ROWS ? row : ROWS - 1;
}

static uint64_t row_top(size_t row) {
    unsigned power = (unsigned)(row / 4);
    return power < 2 ? (2U << power) - 1 : ((5 + (uint64_t)(row % 4)) << (power - 2)) - 1;
}

void histogram_plot(const struct histogram *histogram, unsigned width, FILE *out) {
    uint64_t rows[ROWS] = {0};
    size_t first = ROWS, last = 0;
    uint64_t most = 1;
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        if (histogram->buckets[i] == 0)
            continue;
        size_t row = row_of(bucket_top(i));
        rows[row] += histogram->buckets[i];
        first = row < first ? row : first;
        last = row;
        most = rows[row] > most ? rows[row] : most;
    }
    for (size_t row = first; row <= last && first < ROWS; row++) {
        fprintf(out, "  ≤ ");
        write_latency(row_top(row), out);
        fprintf(out, " %10llu |", (unsigned long long)rows[row]);
        uint64_t bar = (rows[row] * width + most - 1) / most;
        for (uint64_t i = 0; i < bar; i++)
            fputs("█", out);
        fputc('\n', out);
    }
}
