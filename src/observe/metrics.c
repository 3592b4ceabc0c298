#include "observe/metrics.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { LINE_BYTES = 64, LINE_CELLS = LINE_BYTES / sizeof(uint64_t) };

static unsigned series_count(const struct sp_metric *metric) {
    return metric->series == 0 ? 1 : metric->series;
}

static bool is_gathered(const struct sp_metric *metric) {
    return metric->kind == SP_METRIC_GAUGE || metric->kind == SP_METRIC_GATHERED_COUNTER;
}

/* A gathered number lies in the first shard as the bits of a double. */
static uint64_t bits_of_double(double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    return bits;
}

static double double_of_bits(uint64_t bits) {
    double value;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

static enum sp_status lay_out(struct sp_metrics *metrics) {
    size_t cells = 0;
    metrics->at = calloc(metrics->count, sizeof(*metrics->at));
    if (metrics->at == NULL)
        return SP_ERR_MEMORY;
    for (unsigned i = 0; i < metrics->count; i++) {
        metrics->at[i] = (unsigned)cells;
        cells += (size_t)series_count(&metrics->table[i]) * sp_metric_cells(&metrics->table[i]);
    }
    metrics->shard_cells = (unsigned)((cells + LINE_CELLS - 1) / LINE_CELLS * LINE_CELLS);
    size_t size = (size_t)metrics->shard_cells * metrics->shards * sizeof(*metrics->cells);
    metrics->cells = aligned_alloc(LINE_BYTES, size);
    if (metrics->cells == NULL)
        return SP_ERR_MEMORY;
    for (size_t i = 0; i < size / sizeof(*metrics->cells); i++)
        atomic_init(&metrics->cells[i], 0);
    return SP_OK;
}

enum sp_status sp_metrics_create(const struct sp_metric *table, unsigned count, unsigned shards,
                                 struct sp_metrics **ret_metrics) {
    struct sp_metrics *metrics = calloc(1, sizeof(*metrics));
    if (metrics == NULL)
        return SP_ERR_MEMORY;
    metrics->table = table;
    metrics->count = count;
    metrics->shards = shards;
    if (lay_out(metrics) != SP_OK) {
        sp_metrics_free(metrics);
        return SP_ERR_MEMORY;
    }
    for (unsigned i = 0; i < count; i++)
        for (unsigned series = 0; is_gathered(&table[i]) && series < series_count(&table[i]); series++)
            sp_metrics_set(metrics, i, series, (double)NAN);
    *ret_metrics = metrics;
    return SP_OK;
}

void sp_metrics_free(struct sp_metrics *metrics) {
    if (metrics == NULL)
        return;
    free(metrics->cells);
    free(metrics->at);
    free(metrics);
}

void sp_metrics_set(struct sp_metrics *metrics, unsigned metric, unsigned series, double value) {
    atomic_store_explicit(sp_metrics_cell(metrics, 0, metric, series), bits_of_double(value), memory_order_relaxed);
}

static uint64_t sum_shards(const struct sp_metrics *metrics, unsigned metric, unsigned series, unsigned cell) {
    uint64_t sum = 0;
    for (unsigned shard = 0; shard < metrics->shards; shard++)
        sum += atomic_load_explicit(sp_metrics_cell(metrics, shard, metric, series) + cell, memory_order_relaxed);
    return sum;
}

uint64_t sp_metrics_total(const struct sp_metrics *metrics, unsigned metric, unsigned series) {
    return sum_shards(metrics, metric, series, 0);
}

/* ---- writing ---- */

static const char *metric_type_name(const struct sp_metric *metric) {
    switch (metric->kind) {
    case SP_METRIC_COUNTER:
    case SP_METRIC_GATHERED_COUNTER:
        return "counter";
    case SP_METRIC_HISTOGRAM:
        return "histogram";
    case SP_METRIC_GAUGE:
        return "gauge";
    }
    return "untyped";
}

/* Backslashes and line feeds, in label values also quotes. */
static void put_prometheus_text(struct sp_text_out *out, const char *text, bool quotes) {
    for (; *text != '\0'; text++) {
        if (*text == '\n')
            sp_text_put(out, SP_STR_LITERAL("\\n"));
        else if (*text == '\\' || (quotes && *text == '"'))
            sp_text_put(out, (struct sp_str){(char[]){'\\', *text}, 2});
        else
            sp_text_put(out, (struct sp_str){text, 1});
    }
}

static void put_label(struct sp_text_out *out, bool first, const char *name, const char *value) {
    sp_text_put(out, sp_str_from(first ? "{" : ","));
    sp_text_put(out, sp_str_from(name));
    sp_text_put(out, SP_STR_LITERAL("=\""));
    put_prometheus_text(out, value, true);
    sp_text_put(out, SP_STR_LITERAL("\""));
}

static void put_double(struct sp_text_out *out, double value) {
    if (value == floor(value) && fabs(value) < 9007199254740992.0)
        sp_text_printf(out, "%.0f", value);
    else
        sp_text_printf(out, "%.15g", value);
}

/* The name and labels of a sample; `bound` NULL: none. */
static void put_sample_name(struct sp_text_out *out, const struct sp_metric *metric, unsigned series,
                            const char *suffix, const char *bound) {
    struct sp_metric_label labels[SP_METRIC_MAX_LABELS];
    size_t count = metric->labels == NULL ? 0 : metric->labels(series, labels);
    sp_text_put(out, sp_str_from(metric->name));
    sp_text_put(out, sp_str_from(suffix));
    for (size_t i = 0; i < count; i++)
        put_label(out, i == 0, labels[i].name, labels[i].value);
    if (bound != NULL)
        put_label(out, count == 0, "le", bound);
    sp_text_put(out, sp_str_from(count > 0 || bound != NULL ? "} " : " "));
}

static double scale_value(const struct sp_metric *metric, uint64_t value) {
    return metric->scale == 0 ? (double)value : (double)value * metric->scale;
}

static void write_histogram(const struct sp_metrics *metrics, unsigned i, unsigned series, struct sp_text_out *out) {
    const struct sp_metric *metric = &metrics->table[i];
    uint64_t seen = 0;
    for (unsigned bucket = 0; bucket <= metric->bucket_count; bucket++) {
        char bound[32] = "+Inf";
        if (bucket < metric->bucket_count)
            (void)snprintf(bound, sizeof(bound), "%.15g", scale_value(metric, metric->buckets[bucket]));
        seen += sum_shards(metrics, i, series, bucket);
        put_sample_name(out, metric, series, "_bucket", bound);
        sp_text_printf(out, "%" PRIu64 "\n", seen);
    }
    put_sample_name(out, metric, series, "_sum", NULL);
    put_double(out, scale_value(metric, sum_shards(metrics, i, series, metric->bucket_count + 1)));
    sp_text_put(out, SP_STR_LITERAL("\n"));
    put_sample_name(out, metric, series, "_count", NULL);
    sp_text_printf(out, "%" PRIu64 "\n", seen);
}

static void write_number(const struct sp_metrics *metrics, unsigned i, unsigned series, struct sp_text_out *out) {
    const struct sp_metric *metric = &metrics->table[i];
    double value =
        is_gathered(metric)
            ? double_of_bits(atomic_load_explicit(sp_metrics_cell(metrics, 0, i, series), memory_order_relaxed))
            : scale_value(metric, sum_shards(metrics, i, series, 0));
    if (isnan(value))
        return;
    put_sample_name(out, metric, series, "", NULL);
    put_double(out, value);
    sp_text_put(out, SP_STR_LITERAL("\n"));
}

void sp_metrics_write(const struct sp_metrics *metrics, struct sp_text_out *out) {
    for (unsigned i = 0; i < metrics->count; i++) {
        const struct sp_metric *metric = &metrics->table[i];
        sp_text_printf(out, "# HELP %s ", metric->name);
        put_prometheus_text(out, metric->help, false);
        sp_text_printf(out, "\n# TYPE %s %s\n", metric->name, metric_type_name(metric));
        for (unsigned series = 0; series < series_count(metric); series++) {
            if (metric->kind == SP_METRIC_HISTOGRAM)
                write_histogram(metrics, i, series, out);
            else
                write_number(metrics, i, series, out);
        }
    }
}
