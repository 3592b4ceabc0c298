#include "report_engines.h"

#include <math.h>

#include "measures.h"
#include "report_parts.h"

/* Each a median of ratios, of which one comes from each round. */
static const struct goal {
    const char *what;
    const char *file, *base;
    double (*measure)(const json_t *line);
    double most;
} goals[] = {
    {"CPU of a Check with --engine h2 / bare echo, fewer keys, uniform, 64 in flight", "first-uniform-h2",
     "first-uniform-echo", measure_call_us, 0.45},
    {"the same, more keys, Zipf 0.99", "last-zipf-h2", "last-zipf-echo", measure_call_us, 0.5},
    {"the same, more keys, uniform", "last-uniform-h2", "last-uniform-echo", measure_call_us, 0.6},
    {"the same, fewer keys, one in flight", "one-h2", "one-echo", measure_call_us, 0.7},
    {"CheckStream with --engine h2, one item a message / unary Check with it, fewer keys", "stream-h2",
     "first-uniform-h2", measure_call_us, 0.8},
    {"p99 of an open loop at half the C core's saturation, h2 / grpc", "open-loop-h2", "open-loop-grpc", measure_p99_us,
     0.5},
};

enum { GOALS = sizeof(goals) / sizeof(*goals), IDLE_MOST_KIB = 20 };

static void write_ratio_goal(struct results *results, const struct goal *goal, FILE *out) {
    double ratio = results_median_ratio(results, goal->file, goal->base, goal->measure);
    report_write_goal(results, out, ratio / goal->most, "%s | ≤ %g | %.3f", goal->what, goal->most, ratio);
}

static void write_idle_goal(struct results *results, FILE *out) {
    double kib = results_first(results, "idle-h2", "kib");
    if (results_first(results, "idle-h2", "closed") != 0)
        results_note(results, "idle connections: some were closed");
    report_write_goal(results, out, kib / IDLE_MOST_KIB,
                      "private memory of an idle plaintext connection with --engine h2, of %.0f (grpc: %.1f KiB) | "
                      "≤ %d KiB | %.1f KiB",
                      results_first(results, "idle-h2", "connections"), results_first(results, "idle-grpc", "kib"),
                      IDLE_MOST_KIB, kib);
}

static void write_medians(struct results *results, FILE *out) {
    static const struct {
        const char *what, *file;
        double (*measure)(const json_t *line);
    } rows[] = {
        {"CPU a call, fewer keys, uniform, µs", "first-uniform", measure_call_us},
        {"CPU a call, more keys, uniform, µs", "last-uniform", measure_call_us},
        {"CPU a call, more keys, Zipf 0.99, µs", "last-zipf", measure_call_us},
        {"CPU a call, one in flight, µs", "one", measure_call_us},
        {"CPU a message of a stream, µs", "stream", measure_call_us},
        {"p99 of the open loop, µs", "open-loop", measure_p99_us},
    };
    static const char *const servers[] = {"echo", "grpc", "h2"};
    char file[64];
    (void)fputs("| median | bare echo | grpc | h2 |\n|---|---|---|---|\n", out);
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        (void)fprintf(out, "| %s |", rows[i].what);
        for (size_t j = 0; j < sizeof(servers) / sizeof(*servers); j++) {
            (void)snprintf(file, sizeof(file), "%s-%s", rows[i].file, servers[j]);
            (void)fprintf(out, " %.2f |", results_median(results, file, rows[i].measure));
        }
        (void)fputc('\n', out);
    }
}

void report_engines_write(struct results *results, FILE *out) {
    report_write_machine(results, "load and servers", out);
    (void)fprintf(out, "`bench/engines --keys \"%.0f %.0f\" --rounds %.0f --seconds %g`.\n\n",
                  results_first(results, "run", "first"), results_first(results, "run", "last"),
                  results_first(results, "run", "rounds"), results_first(results, "run", "seconds"));
    report_begin_goals(out);
    for (size_t i = 0; i < GOALS; i++)
        write_ratio_goal(results, &goals[i], out);
    write_idle_goal(results, out);
    (void)fputc('\n', out);
    write_medians(results, out);
}
