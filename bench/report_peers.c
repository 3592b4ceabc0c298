#include "report_peers.h"

#include <math.h>

#include "report_parts.h"

static const char *const servers[] = {"cerbos", "sallyport"};
static const char *const names[] = {"Cerbos", "Sallyport"};
enum { SERVERS = sizeof(servers) / sizeof(*servers) };

static double read_call_us(struct results *results, const char *server, double streams) {
    return results_keyed(results, server, "streams", streams, NULL, 0, "cpu_ns") / 1e3 /
           results_keyed(results, server, "streams", streams, NULL, 0, "calls");
}

static void write_loads(struct results *results, size_t server, FILE *out) {
    double seconds = results_first(results, "run", "seconds");
    size_t i;
    json_t *line;
    json_array_foreach(results_lines(results, servers[server]), i, line) {
        double streams = result_number(line, "streams");
        (void)fprintf(out, "| %s | 4 × %.0f | %.0f | %.1f | %.0f |\n", names[server], streams,
                      result_number(line, "calls") / seconds, read_call_us(results, servers[server], streams),
                      result_number(line, "failed"));
    }
}

static double find_ratio(struct results *results, double streams) {
    double ratio = read_call_us(results, "cerbos", streams) / read_call_us(results, "sallyport", streams);
    if (!isfinite(ratio))
        results_note(results, "calls per CPU second against Cerbos");
    return ratio;
}

void report_peers_write(struct results *results, FILE *out) {
    const char *version =
        json_string_value(json_object_get(json_array_get(results_lines(results, "run"), 0), "cerbos"));
    report_write_machine(results, "load and server", out);
    (void)fprintf(
        out,
        "`bench/peers --seconds %g`.\n\n| server | connections × streams | calls/s | CPU a call, µs | failed |\n"
        "|---|---|---|---|---|\n",
        results_first(results, "run", "seconds"));
    for (size_t i = 0; i < SERVERS; i++)
        write_loads(results, i, out);
    (void)fprintf(out, "\nCalls per CPU second against Cerbos %s: %.1f × at 16 streams, %.1f × at 64 (goal: ≥ 14 ×).\n",
                  version != NULL ? version : "of an unknown version", find_ratio(results, 16),
                  find_ratio(results, 64));
}
