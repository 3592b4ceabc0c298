#include "report_observe.h"

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
    if (results_ratios(results, servers[server].file, servers[0].file, measure_call_us, ratios, ROUNDS_MAX) != rounds) {
        results_note(results, servers[server].name);
        return;
    }
    double middle = median_of(ratios, rounds);
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
    for (size_t i = 0; i < sizeof(servers) / sizeof(*servers); i++)
        write_server(results, i, (size_t)rounds, out);
}
