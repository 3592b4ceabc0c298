#include "report_noisy.h"

#include <math.h>
#include <string.h>

#include "measures.h"
#include "report_parts.h"

enum { DISABLE_MS = 100 };

static double measure_p99_in_ms(const json_t *line) {
    return measure_p99_us(line) / 1e3;
}

/* The median of the rounds' 99th percentiles. */
static double p99_ms(struct results *results, const char *engine, const char *kind, const char *phase,
                     const char *what) {
    char file[128];
    (void)snprintf(file, sizeof(file), "%s-%s-%s-%s", engine, kind, phase, what);
    return results_median(results, file, measure_p99_in_ms);
}

/* The slowest of all rounds. */
static double slowest_ms(struct results *results, const char *file) {
    size_t i;
    json_t *line;
    double slowest = 0;
    json_array_foreach(results_lines(results, file), i, line) {
        slowest = fmax(slowest, result_number_in(line, "latency_ns", "max") / 1e6);
    }
    return slowest;
}

/* The disk's: no commit beside it can be faster. */
static void write_slowest_sync(struct results *results, FILE *out, const char *scene) {
    char file[160];
    (void)snprintf(file, sizeof(file), "%s-disk", scene);
    (void)fprintf(out, " | %.1f |\n", slowest_ms(results, file));
}

/* A ratio, and whether it is within the goal. */
static void write_ratio(struct results *results, FILE *out, double ratio, double most) {
    bool met = isfinite(ratio) && ratio <= most;
    if (!isfinite(ratio))
        results_note(results, "noisy");
    results->missed += !met;
    (void)fprintf(out, " | %.2f%s", ratio, met ? "" : " (missed)");
}

static void write_p99s(struct results *results, FILE *out, const char *engine, const char *kind, const char *what) {
    double quiet = p99_ms(results, engine, kind, "quiet", what), noisy = p99_ms(results, engine, kind, "noisy", what);
    (void)fprintf(out, " | %.2f | %.2f | %.2f", quiet, noisy, p99_ms(results, engine, kind, "elsewhere", what));
    write_ratio(results, out, noisy / quiet, 2);
}

static void write_disables(struct results *results, FILE *out, const char *scene) {
    static const char *const actors[] = {"disable", "operator"};
    char file[160];
    for (size_t i = 0; i < sizeof(actors) / sizeof(*actors); i++) {
        (void)snprintf(file, sizeof(file), "%s-%s", scene, actors[i]);
        double slowest = slowest_ms(results, file);
        bool met = slowest > 0 && slowest <= DISABLE_MS;
        results->missed += !met;
        (void)fprintf(out, " | %.1f%s", slowest, met ? "" : " (missed)");
    }
}

static void write_engine(struct results *results, FILE *out, const char *engine, const json_t *kinds) {
    size_t i;
    json_t *kind;
    char scene[128];
    (void)fprintf(
        out,
        "\nEngine `%s`:\n\n| noise | Check p99, ms: quiet | noisy | elsewhere | noisy / quiet | change p99, ms: "
        "quiet | noisy | elsewhere | noisy / quiet | slowest `key disable`, ms: an admin's | an operator's "
        "| slowest sync of the disk, ms |\n|---|---|---|---|---|---|---|---|---|---|---|---|\n",
        engine);
    json_array_foreach(kinds, i, kind) {
        const char *name = json_string_value(kind);
        bool beside_others = strncmp(name, "full-", 5) != 0;
        (void)fprintf(out, "| %s%s", beside_others ? "" : "all, ", name);
        if (beside_others) {
            write_p99s(results, out, engine, name, "check");
            write_p99s(results, out, engine, name, "change");
        } else {
            (void)fputs(" | | | | | | | |", out);
        }
        (void)snprintf(scene, sizeof(scene), "%s-%s%s", engine, name, beside_others ? "-noisy" : "");
        write_disables(results, out, scene);
        write_slowest_sync(results, out, scene);
    }
}

void report_noisy_write(struct results *results, FILE *out) {
    const json_t *run = json_array_get(results_lines(results, "run"), 0);
    size_t i;
    json_t *engine;
    report_write_machine(results, "load, noise and two pairs of programs", out);
    (void)fprintf(
        out,
        "`bench/noisy --rounds %.0f --seconds %.0f`: %.0f Checks and %.0f changes a second by others. Medians of "
        "the rounds' p99; goals: noisy ≤ 2 × quiet, `key disable` ≤ %d ms. *Elsewhere*: the same noise at other "
        "processes on this machine. *Slowest sync of the disk*: of a page beside the store, 20 times a second "
        "meanwhile; "
        "no commit is faster.\n",
        results_first(results, "run", "rounds"), results_first(results, "run", "seconds"),
        results_first(results, "run", "check_rate"), results_first(results, "run", "change_rate"), DISABLE_MS);
    json_array_foreach(json_object_get(run, "engines"), i, engine) {
        write_engine(results, out, json_string_value(engine), json_object_get(run, "kinds"));
    }
}
