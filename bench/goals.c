#include "goals.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "measures.h"
#include "report_parts.h"

static const char *micro_file(uint64_t keys, char file[static 64]) {
    (void)snprintf(file, 64, "micro-%llu", (unsigned long long)keys);
    return file;
}

static double decision_ns(struct results *results, uint64_t keys) {
    char file[64];
    return results_named(results, micro_file(keys, file), "decision", "ns");
}

static double bare_gets_ns(struct results *results, uint64_t keys) {
    char file[64];
    return results_named(results, micro_file(keys, file), "bare mdb_get: the five of a decision", "ns");
}

static void write_decision_rows(struct results *results, uint64_t keys, FILE *out) {
    char file[64];
    double ns = decision_ns(results, keys), goal_ns = keys <= 10000 ? 1500 : keys <= 1000000 ? 4000 : 8000;
    double ratio = results_named(results, micro_file(keys, file), "decision / (digest and bare gets)", "ratio");
    report_write_goal(results, out, ns / goal_ns, "decision alone, %llu random keys, warm | ≤ %.0f ns | %.1f ns",
                      (unsigned long long)keys, goal_ns, ns);
    report_write_goal(results, out, ratio / 1.3,
                      "decision / (its digests and the bare mdb_gets of its five records), %llu keys | ≤ 1.3 | %.3f",
                      (unsigned long long)keys, ratio);
}

static void write_growth_with_keys(struct results *results, uint64_t first, uint64_t last, FILE *out) {
    double grown = decision_ns(results, last) / decision_ns(results, first);
    double bare = bare_gets_ns(results, last) / bare_gets_ns(results, first);
    report_write_goal(results, out, grown / bare / 1.2,
                      "growth from %llu to %llu keys against bare mdb_gets' | ≤ 1.2 × | %.3f × against %.3f ×",
                      (unsigned long long)first, (unsigned long long)last, grown, bare);
}

static double joined_ns(struct results *results, double groups, double grants) {
    return results_keyed(results, "growth", "groups", groups, "grants", grants, "ns");
}

/* Logarithmic: at most a step more for each doubling. */
static void write_growth_with_grants(struct results *results, FILE *out) {
    double groups = joined_ns(results, 1000, 1) / joined_ns(results, 1, 1);
    double grants = joined_ns(results, 1, 100000) / joined_ns(results, 1, 1);
    double both = joined_ns(results, 1000, 100000) / joined_ns(results, 1000, 1000);
    report_write_goal(results, out, groups / 11,
                      "1,000 groups against 1, on a resource with one grant | ≤ 1 + log₂ 1,000 = 11 × | %.3f ×",
                      groups);
    report_write_goal(results, out, grants / 17.6,
                      "100,000 grants against 1, for a principal in one group | ≤ 1 + log₂ 100,000 = 17.6 × | %.3f ×",
                      grants);
    report_write_goal(results, out, both / 7.6,
                      "100,000 grants against 1,000, for a principal in 1,000 groups | ≤ 1 + log₂ 100 = 7.6 × | %.3f ×",
                      both);
}

/* Bytes a key of all databases but the audit trail's. */
static double store_bytes_per_key(struct results *results, double keys) {
    size_t i;
    json_t *line;
    double sum = 0;
    json_array_foreach(results_lines(results, "sizes"), i, line) {
        const char *name = json_string_value(json_object_get(line, "name"));
        if (name != NULL && strcmp(name, "file") != 0 && strcmp(name, "change") != 0)
            sum += result_number(line, "bytes");
    }
    return sum / keys;
}

static void write_key_rows(struct results *results, FILE *out) {
    double keys = results_first(results, "keys", "keys");
    double rate = keys / results_first(results, "keys", "seconds"), bytes = store_bytes_per_key(results, keys);
    report_write_goal(results, out, 100000 / rate,
                      "bulk import of %.0f keys into an empty store | ≥ 100,000 keys/s | %.0f keys/s", keys, rate);
    report_write_goal(results, out, bytes / 600,
                      "store, bytes a key (entity and indexes, with its principal and workspace; without the audit "
                      "trail) | ≤ 600 | %.0f",
                      bytes);
}

static void write_call_rows(struct results *results, uint64_t keys, FILE *out) {
    char file[64];
    double echo_us = results_median(results, "echo", measure_call_us);
    double uniform_us = results_median(results, "unary", measure_call_us);
    double zipf = results_median(results, "zipf", measure_call_us) / echo_us;
    double gateway = results_median(results, "ext-authz", measure_call_us) / uniform_us;
    double stream = results_median(results, "stream", measure_call_us) / uniform_us;
    double batch = results_median(results, "batch", measure_decisions_per_core_s);
    double private_mib = results_median(results, "connections", measure_private_mib);
    double codec_ns = results_named(results, micro_file(keys, file), "codec", "ns");
    double floor_us = echo_us + 1.2 * (decision_ns(results, keys) + codec_ns) / 1e3;
    report_write_goal(results, out, uniform_us / floor_us,
                      "unary Check, CPU a call, uniform: echo + 1.2 × (decision + codec) | ≤ %.3f µs | %.3f µs",
                      floor_us, uniform_us);
    report_write_goal(results, out, zipf / 1.3, "unary Check / echo, Zipf 0.99, %llu keys, 64 in flight | ≤ 1.3 | %.3f",
                      (unsigned long long)keys, zipf);
    report_write_goal(results, out, uniform_us / echo_us / 1.5, "unary Check / echo, uniform | ≤ 1.5 | %.3f",
                      uniform_us / echo_us);
    report_write_goal(results, out, gateway / 1.6,
                      "ext_authz by a route of the schema, seven headers / unary Check, uniform | ≤ 1.6 | %.3f",
                      gateway);
    report_write_goal(results, out, 400000 / batch,
                      "CheckBatch of 100, one credential, Zipf, decisions a core second | ≥ 400,000 | %.0f", batch);
    report_write_goal(results, out, stream / 0.7,
                      "CheckStream / unary Check, CPU a decision, one item a message, 64 in flight | ≤ 0.7 | %.3f",
                      stream);
    report_write_goal(results, out, private_mib / 40,
                      "private memory of the server, 64 connections | ≤ 40 MiB | %.1f MiB", private_mib);
}

static void write_ready_row(struct results *results, uint64_t keys, FILE *out) {
    char file[64];
    (void)snprintf(file, sizeof(file), "ready-%llu", (unsigned long long)keys);
    double ms = results_first(results, file, "ms");
    report_write_goal(results, out, ms / 50, "start to ready, %llu keys | ≤ 50 ms | %.1f ms", (unsigned long long)keys,
                      ms);
}

static void write_commit_row(struct results *results, FILE *out) {
    double goal_ms = results_first(results, "commit", "goal_ms"), p99_ms = results_first(results, "commit", "p99_ms");
    report_write_goal(results, out, p99_ms / goal_ms,
                      "a durable change visible to a reader, p99, against 3 × fsync + 2 ms | %.3f ms | %.3f ms",
                      goal_ms, p99_ms);
}

static void write_route_row(struct results *results, FILE *out) {
    double grown = results_keyed(results, "routes", "routes", 10000, NULL, 0, "same_ns") /
                   results_keyed(results, "routes", "routes", 10, NULL, 0, "same_ns");
    report_write_goal(results, out, grown / 1.2, "a path among 10,000 routes against one among 10 | ≤ 1.2 × | %.3f ×",
                      grown);
}

void goals_write(struct results *results, FILE *out) {
    const json_t *sizes = json_object_get(json_array_get(results_lines(results, "run"), 0), "keys");
    size_t count = json_array_size(sizes);
    uint64_t first = (uint64_t)json_integer_value(json_array_get(sizes, 0));
    uint64_t last = count > 0 ? (uint64_t)json_integer_value(json_array_get(sizes, count - 1)) : first;
    for (size_t i = 0; i < count; i++)
        write_decision_rows(results, (uint64_t)json_integer_value(json_array_get(sizes, i)), out);
    if (first != last)
        write_growth_with_keys(results, first, last, out);
    write_growth_with_grants(results, out);
    write_key_rows(results, out);
    write_call_rows(results, (uint64_t)fmax(0, results_first(results, "run", "asked_keys")), out);
    write_ready_row(results, first, out);
    if (first != last)
        write_ready_row(results, last, out);
    write_commit_row(results, out);
    write_route_row(results, out);
}
