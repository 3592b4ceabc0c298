#include "report_observe.h"

#include <math.h>

#include "measures.h"

enum { ROUNDS_MAX = 1000 };

/* One server each; a round is one line in each file. */
static const struct {
    const char *file;
    const char *name;
} servers[] = {
    {"off", "off"},
    {"metrics", "metrics"},
    {"denials", "denials"},
    {"last-uses", "last uses"},
    {"all-three", "all three"},
    {"every-decision", "every decision logged"},
};

static void write_server(struct results *results, size_t server, size_t rounds, FILE *out) {
    double ratios[ROUNDS_MAX];
    const json_t *off = results_lines(results, servers[0].file);
    const json_t *lines = results_lines(results, servers[server].file);
    if (json_array_size(off) != rounds || json_array_size(lines) != rounds) {
        results_note(results, servers[server].name);
        return;
    }
    for (size_t i = 0; i < rounds; i++)
        ratios[i] = measure_call_us(json_array_get(lines, i)) / measure_call_us(json_array_get(off, i));
    double middle = median_of(ratios, rounds);
    if (!isfinite(middle))
        results_note(results, servers[server].name);
    (void)fprintf(out, "| %s | %.2f | %.3f | %.3f, %.3f |\n", servers[server].name,
                  results_median(results, servers[server].file, measure_call_us), middle, ratios[0],
                  ratios[rounds - 1]);
}

void report_observe_write(struct results *results, FILE *out) {
    const json_t *run = json_array_get(results_lines(results, "run"), 0);
    const char *mix = json_string_value(json_object_get(run, "mix"));
    double rounds = results_first(results, "run", "rounds");
    if (!(rounds >= 1 && rounds <= ROUNDS_MAX)) {
        results_note(results, "rounds");
        return;
    }
    (void)fprintf(out,
                  "| %.0f rounds of %g s, %.0f keys, %s | median µs of CPU a Check | median ratio to off | lowest, "
                  "highest |\n|---|---|---|---|\n",
                  rounds, results_first(results, "run", "seconds"), results_first(results, "run", "keys"),
                  mix != NULL ? mix : "unknown mix");
    for (size_t i = 0; i < sizeof(servers) / sizeof(servers[0]); i++)
        write_server(results, i, (size_t)rounds, out);
}
