#include "report_run.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "goals.h"
#include "measures.h"
#include "report_parts.h"

enum { BAR_WIDTH = 50, BARS_MAX = 16 };

/* 1000000 as "1,000,000", in `text`, which it returns. */
static const char *group_digits(uint64_t number, char text[static 32]) {
    char digits[24];
    size_t size = (size_t)snprintf(digits, sizeof(digits), "%llu", (unsigned long long)number), used = 0;
    for (size_t i = 0; i < size; i++) {
        if (i > 0 && (size - i) % 3 == 0)
            text[used++] = ',';
        text[used++] = digits[i];
    }
    text[used] = '\0';
    return text;
}

/* A bar for each value, the longest for the largest. */
static void write_bars(const uint64_t *labels, const double *values, size_t count, FILE *out) {
    double most = 0;
    char label[32];
    for (size_t i = 0; i < count; i++)
        most = fmax(most, values[i]);
    (void)fputs("```\n", out);
    for (size_t i = 0; i < count; i++) {
        (void)fprintf(out, "%12s %9.0f ns |", group_digits(labels[i], label), values[i]);
        for (int bar = 0; bar < values[i] / most * BAR_WIDTH; bar++)
            (void)fputs("█", out);
        (void)fputc('\n', out);
    }
    (void)fputs("```\n", out);
}

/* ---- the figures behind the goals ---- */

static void write_latency_figures(struct results *results, const char *file, FILE *out) {
    const json_t *line = json_array_get(results_lines(results, file), 0);
    (void)fprintf(out, "p50 %.0f p99 %.0f p99.9 %.0f µs", floor(result_number_in(line, "latency_ns", "p50") / 1e3),
                  floor(result_number_in(line, "latency_ns", "p99") / 1e3),
                  floor(result_number_in(line, "latency_ns", "p99.9") / 1e3));
}

static void write_figures(struct results *results, FILE *out) {
    (void)fprintf(out, "Bare echo: %.3f µs of CPU a call, %.0f calls/s, p99 %.0f µs closed loop.\n",
                  results_median(results, "echo", measure_call_us),
                  results_median(results, "echo", measure_calls_per_s),
                  results_median(results, "echo", measure_p99_us));
    (void)fprintf(out, "Unary Check: %.3f µs (uniform), %.3f µs (Zipf), %.0f calls/s.\n",
                  results_median(results, "unary", measure_call_us), results_median(results, "zipf", measure_call_us),
                  results_median(results, "unary", measure_calls_per_s));
    (void)fprintf(out,
                  "CheckStream: %.3f µs a decision with one item a message (%.0f messages/s; bare bidirectional echo "
                  "%.3f µs), %.3f µs with eight.\n",
                  results_median(results, "stream", measure_call_us),
                  results_median(results, "stream", measure_calls_per_s),
                  results_median(results, "echo-stream", measure_call_us),
                  results_median(results, "stream-8", measure_decision_us));
    (void)fprintf(out, "Open loop at %.0f calls/s: Check ", results_first(results, "open-loop", "rate"));
    write_latency_figures(results, "open-loop", out);
    (void)fputs("; echo ", out);
    write_latency_figures(results, "echo-open-loop", out);
    (void)fprintf(out,
                  ".\nThe file of the store of keys alone: %.0f bytes a key, with the audit trail and free pages.\n",
                  results_named(results, "sizes", "file", "bytes") / results_first(results, "keys", "keys"));
}

static void write_decisions_by_keys(struct results *results, FILE *out) {
    const json_t *sizes = json_object_get(json_array_get(results_lines(results, "run"), 0), "keys");
    uint64_t labels[BARS_MAX];
    double values[BARS_MAX];
    char file[64], number[32];
    size_t count = 0;
    (void)fputs("Decision by number of keys, uniform, one thread, warm:\n\n"
                "| keys | decision, ns | Zipf 0.99, ns | its digests, ns | bare mdb_gets of its five records, ns |\n"
                "|---|---|---|---|---|\n",
                out);
    for (; count < json_array_size(sizes) && count < BARS_MAX; count++) {
        labels[count] = (uint64_t)json_integer_value(json_array_get(sizes, count));
        (void)snprintf(file, sizeof(file), "micro-%llu", (unsigned long long)labels[count]);
        values[count] = results_named(results, file, "decision", "ns");
        (void)fprintf(out, "| %s | %.1f | %.1f | %.1f | %.1f |\n", group_digits(labels[count], number), values[count],
                      results_named(results, file, "decision, Zipf 0.99", "ns"),
                      results_named(results, file, "digest", "ns"),
                      results_named(results, file, "bare mdb_get: the five of a decision", "ns"));
    }
    (void)fputc('\n', out);
    write_bars(labels, values, count, out);
}

static const uint64_t grant_counts[] = {1, 10, 100, 1000, 10000, 100000};
static const uint64_t group_counts[] = {1, 10, 100, 1000};
enum {
    GRANT_COUNTS = sizeof(grant_counts) / sizeof(*grant_counts),
    GROUP_COUNTS = sizeof(group_counts) / sizeof(*group_counts)
};

static double read_joined_ns(struct results *results, uint64_t groups, uint64_t grants) {
    return results_keyed(results, "growth", "groups", (double)groups, "grants", (double)grants, "ns");
}

static void write_decisions_by_grants(struct results *results, FILE *out) {
    double by_grants[GRANT_COUNTS], by_groups[GROUP_COUNTS];
    char number[32];
    (void)fputs(
        "Decision in ns by the principal's groups and the resource's grants. A join takes as many steps as the smaller "
        "side has entries,\neach growing with the logarithm of the larger; here no grant ends it early:\n\n| grants on "
        "the resource | 1 group | 10 groups | 100 groups | 1,000 groups |\n|---|---|---|---|---|\n",
        out);
    for (size_t i = 0; i < GRANT_COUNTS; i++) {
        by_grants[i] = read_joined_ns(results, 1, grant_counts[i]);
        (void)fprintf(out, "| %s |", group_digits(grant_counts[i], number));
        for (size_t j = 0; j < GROUP_COUNTS; j++)
            (void)fprintf(out, " %.0f |", read_joined_ns(results, group_counts[j], grant_counts[i]));
        (void)fputc('\n', out);
    }
    for (size_t j = 0; j < GROUP_COUNTS; j++)
        by_groups[j] = read_joined_ns(results, group_counts[j], 1);
    (void)fputs("\nIn one group, by grants:\n", out);
    write_bars(grant_counts, by_grants, GRANT_COUNTS, out);
    (void)fputs("One grant, by groups:\n", out);
    write_bars(group_counts, by_groups, GROUP_COUNTS, out);
}

static void write_matching(struct results *results, FILE *out) {
    static const uint64_t counts[] = {10, 1000, 10000};
    static const struct {
        const char *field;
        int decimals;
    } cells[] = {{"same_ns", 1}, {"random_ns", 1}, {"unknown_ns", 1}, {"compile_ms", 2}, {"kib", 0}};
    char number[32];
    (void)fputs("A path of three segments matched among that many routes; random ones also cost the processor's cache "
                "misses:\n\n"
                "| routes | the same path, ns | random paths, ns | a path that none has, ns | compiled in, ms | KiB |\n"
                "|---|---|---|---|---|---|\n",
                out);
    for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++) {
        (void)fprintf(out, "| %s |", group_digits(counts[i], number));
        for (size_t j = 0; j < sizeof(cells) / sizeof(*cells); j++)
            (void)fprintf(out, " %.*f |", cells[j].decimals,
                          results_keyed(results, "routes", "routes", (double)counts[i], NULL, 0, cells[j].field));
        (void)fputc('\n', out);
    }
}

/* ---- the document ---- */

static void write_command(struct results *results, FILE *out) {
    const json_t *sizes = json_object_get(json_array_get(results_lines(results, "run"), 0), "keys");
    (void)fputs("`bench/run --keys \"", out);
    for (size_t i = 0; i < json_array_size(sizes); i++)
        (void)fprintf(out, "%s%" JSON_INTEGER_FORMAT, i > 0 ? " " : "", json_integer_value(json_array_get(sizes, i)));
    (void)fprintf(out, "\" --seconds %g`.\n\n", results_first(results, "run", "seconds"));
}

void report_run_write(struct results *results, FILE *out) {
    report_write_machine(results, "load and server", out);
    write_command(results, out);
    report_begin_goals(out);
    goals_write(results, out);
    (void)fputc('\n', out);
    write_figures(results, out);
    (void)fputc('\n', out);
    write_decisions_by_keys(results, out);
    (void)fputc('\n', out);
    write_decisions_by_grants(results, out);
    (void)fputc('\n', out);
    write_matching(results, out);
}
