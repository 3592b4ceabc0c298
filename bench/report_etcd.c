#include "report_etcd.h"

enum { MIB = 1024 * 1024 };

static void write_propagation(struct results *results, FILE *out) {
    size_t i;
    json_t *line;
    (void)fputs("| pods | changes | accepted p50 | accepted p99 | accepted to answered p50 | p99 |\n"
                "|---|---|---|---|---|---|\n",
                out);
    json_array_foreach(results_lines(results, "propagation"), i, line) {
        (void)fprintf(out, "| %.0f | %.0f | %.3f ms | %.3f ms | %.3f ms | %.3f ms |\n", result_number(line, "servers"),
                      result_number(line, "changes"), result_number(line, "accepted_p50_ms"),
                      result_number(line, "accepted_p99_ms"), result_number(line, "seen_p50_ms"),
                      result_number(line, "seen_p99_ms"));
    }
}

static double read_bootstrap(struct results *results, const char *field) {
    return results_first(results, "bootstrap", field);
}

static void write_bootstrap(struct results *results, FILE *out) {
    double records = read_bootstrap(results, "records"), filled_ms = read_bootstrap(results, "filled_ms");
    (void)fprintf(out,
                  "\n| bootstrap of %.0f keys | |\n|---|---|\n"
                  "| records | %.0f |\n"
                  "| `migrate --to` | %.1f s |\n"
                  "| empty folder to following and serving | %.1f s, %.0f records/s |\n",
                  read_bootstrap(results, "keys"), records, read_bootstrap(results, "migrated_ms") / 1e3,
                  filled_ms / 1e3, records * 1e3 / filled_ms);
    (void)fprintf(
        out,
        "| follower's memory: highest resident (with the mapped store), private at the end | %.0f MiB, %.0f MiB "
        "|\n| the store's file; etcd's database | %.0f MiB; %.0f MiB |\n",
        read_bootstrap(results, "highest_resident_kib") / 1024, read_bootstrap(results, "private_kib") / 1024,
        read_bootstrap(results, "store_bytes") / MIB, read_bootstrap(results, "etcd_bytes") / MIB);
}

void report_etcd_write(struct results *results, FILE *out) {
    write_propagation(results, out);
    if (results_has(results, "bootstrap"))
        write_bootstrap(results, out);
}
