/* Numbers about a running program: declared once in a table, counted without locks, written as
 * Prometheus text.
 *
 * Each thread that counts has a shard of its own, on cache lines of its own: counting is a load and
 * a store. Reading adds the shards up while they change. A number that is known only when asked for
 * is gathered just before the page is written. */
#ifndef SP_OBSERVE_METRICS_H
#define SP_OBSERVE_METRICS_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/status.h"
#include "base/text_out.h"

enum sp_metric_kind {
    SP_METRIC_COUNTER,          /* counted in shards */
    SP_METRIC_HISTOGRAM,        /* counted in shards */
    SP_METRIC_GAUGE,            /* gathered */
    SP_METRIC_GATHERED_COUNTER, /* gathered; only grows */
};

struct sp_metric_label {
    const char *name;
    const char *value; /* any UTF-8: escaped when it is written */
};

enum { SP_METRIC_MAX_LABELS = 3, SP_METRIC_MAX_BUCKETS = 20 };

/* A row of a program's table. Rows live as long as the program. */
struct sp_metric {
    const char *name; /* with its unit at the end, and _total for counters */
    const char *help; /* prose, one line */
    enum sp_metric_kind kind;
    unsigned series; /* how many combinations of label values there are; 0: one without labels */
    /* Fills the labels of a series and returns how many; NULL if there are none. A series must not
     * depend on tenants. */
    size_t (*labels)(unsigned series, struct sp_metric_label ret_labels[static SP_METRIC_MAX_LABELS]);
    const uint64_t *buckets; /* of a histogram: upper bounds, inclusive, rising; +Inf follows by itself */
    unsigned bucket_count;
    double scale; /* from what is counted to the unit in the name: 1e-9 from nanoseconds to seconds; 0: 1 */
};

struct sp_metrics {
    const struct sp_metric *table;
    unsigned count;
    unsigned shards;
    unsigned shard_cells; /* whole cache lines */
    unsigned *at;         /* of each metric: its first cell in a shard */
    _Atomic uint64_t *cells;
};

/* Everything zero, gauges not known. SP_ERR_MEMORY. */
enum sp_status sp_metrics_create(const struct sp_metric *table, unsigned count, unsigned shards,
                                 struct sp_metrics **ret_metrics) SP_MUST_USE;
/* NULL is allowed. */
void sp_metrics_free(struct sp_metrics *metrics);

/* Cells of one series: 1, or of a histogram each bucket, +Inf, and the sum. */
static inline unsigned sp_metric_cells(const struct sp_metric *metric) {
    return metric->kind == SP_METRIC_HISTOGRAM ? metric->bucket_count + 2 : 1;
}

static inline _Atomic uint64_t *sp_metrics_cell(const struct sp_metrics *metrics, unsigned shard, unsigned metric,
                                                unsigned series) {
    return metrics->cells + (size_t)shard * metrics->shard_cells + metrics->at[metric] +
           (size_t)series * sp_metric_cells(&metrics->table[metric]);
}

static inline void sp_metrics_raise(_Atomic uint64_t *cell, uint64_t by) {
    uint64_t value = atomic_load_explicit(cell, memory_order_relaxed);
    atomic_store_explicit(cell, value + by, memory_order_relaxed);
}

/* Counts, on the shard's own thread. */
static inline void sp_metrics_add(struct sp_metrics *metrics, unsigned shard, unsigned metric, unsigned series,
                                  uint64_t by) {
    sp_metrics_raise(sp_metrics_cell(metrics, shard, metric, series), by);
}

/* One value of a histogram, on the shard's own thread. */
static inline void sp_metrics_observe(struct sp_metrics *metrics, unsigned shard, unsigned metric, unsigned series,
                                      uint64_t value) {
    const struct sp_metric *row = &metrics->table[metric];
    _Atomic uint64_t *cells = sp_metrics_cell(metrics, shard, metric, series);
    unsigned i = 0;
    while (i < row->bucket_count && value > row->buckets[i])
        i++;
    sp_metrics_raise(&cells[i], 1);
    sp_metrics_raise(&cells[row->bucket_count + 1], value);
}

/* A gathered number, in the unit of its name; NAN: not known now, left out of the page. One thread
 * at a time. */
void sp_metrics_set(struct sp_metrics *metrics, unsigned metric, unsigned series, double value);

/* What a counter stands at, over all shards. */
uint64_t sp_metrics_total(const struct sp_metrics *metrics, unsigned metric, unsigned series);

/* Appends the page's part: exposition format 0.0.4. */
void sp_metrics_write(const struct sp_metrics *metrics, struct sp_text_out *out);

#define SP_METRICS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

#endif
