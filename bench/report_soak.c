#include "report_soak.h"

#include <math.h>
#include <string.h>

#include "measures.h"
#include "report_parts.h"

enum { MIB = 1024 * 1024 };

/* What a slice with changes left: memory of both processes, the file, and what of it is the audit
 * trail. */
struct state {
    double server_mib, sync_mib, file_mib, audit_mib;
};

/* The bytes of a database after the slice `at`: sizes of all databases follow each other in one
 * file. */
static double find_size(struct results *results, const char *database, size_t at) {
    size_t i;
    json_t *line;
    json_array_foreach(results_lines(results, "sizes-changing"), i, line) {
        const char *name = json_string_value(json_object_get(line, "name"));
        if (name != NULL && strcmp(name, database) == 0 && at-- == 0)
            return result_number(line, "bytes");
    }
    results_note(results, "sizes after each slice with changes");
    return NAN;
}

static struct state read_state(struct results *results, size_t at) {
    const json_t *load = json_array_get(results_lines(results, "changing"), at);
    const json_t *memory = json_array_get(results_lines(results, "memory-changing"), at);
    return (struct state){.server_mib = measure_private_mib(load),
                          .sync_mib = result_number(memory, "sync_kib") / 1024,
                          .file_mib = find_size(results, "file", at) / MIB,
                          .audit_mib = find_size(results, "change", at) / MIB};
}

static double sum_of(struct results *results, const char *file, const char *field) {
    size_t i;
    json_t *line;
    double sum = 0;
    json_array_foreach(results_lines(results, file), i, line) {
        sum += result_number(line, field);
    }
    return sum;
}

static double measure_p99_ms(const json_t *line) {
    return measure_p99_us(line) / 1e3;
}

/* Allocators grow in steps: 1 MiB is allowed for one. */
static void write_memory_goal(struct results *results, const char *program, double third_mib, double last_mib,
                              FILE *out) {
    double most_mib = 1.1 * third_mib + 1;
    report_write_goal(results, out, last_mib / most_mib,
                      "private memory of %s at the end, against 1.1 × what it had after a third + 1 MiB | ≤ %.2f MiB | "
                      "%.1f MiB (after a third: %.1f)",
                      program, most_mib, last_mib, third_mib);
}

static void write_goals(struct results *results, const struct state *third, const struct state *last, FILE *out) {
    double wanted = results_first(results, "run", "changes");
    double made = sum_of(results, "churn", "calls") / sum_of(results, "churn", "elapsed_s");
    double quiet_us = results_median(results, "quiet", measure_decision_us);
    double changing_us = results_median(results, "changing", measure_decision_us);
    double rest = (last->file_mib - last->audit_mib) / (third->file_mib - third->audit_mib);
    report_write_goal(results, out, wanted * 0.999 / made, "changes a second, durable | ≥ %.0f | %.0f", wanted, made);
    report_write_goal(results, out, changing_us / quiet_us / 1.1,
                      "server CPU per decision, while changing / quiet | ≤ 1.1 | %.3f (%.3f µs / %.3f µs)",
                      changing_us / quiet_us, changing_us, quiet_us);
    write_memory_goal(results, "sallyportd", third->server_mib, last->server_mib, out);
    write_memory_goal(results, "sallyport-sync", third->sync_mib, last->sync_mib, out);
    report_write_goal(results, out, rest / 1.1,
                      "the store's file without the audit trail, at the end / after a third | ≤ 1.1 | %.3f (%.1f MiB)",
                      rest, last->file_mib - last->audit_mib);
}

static double find_worst_change_ms(struct results *results) {
    size_t i;
    json_t *line;
    double worst = 0;
    json_array_foreach(results_lines(results, "churn"), i, line) {
        worst = fmax(worst, measure_p99_ms(line));
    }
    return worst;
}

void report_soak_write(struct results *results, FILE *out) {
    size_t slices = json_array_size(results_lines(results, "changing"));
    if (slices == 0)
        return;
    const struct state third = read_state(results, slices / 3), last = read_state(results, slices - 1);
    report_write_machine(results, "load, server and writer", out);
    (void)fprintf(out, "`bench/soak --minutes %g --keys %.0f --rate %.0f --changes %.0f`.\n\n",
                  results_first(results, "run", "minutes"), results_first(results, "run", "keys"),
                  results_first(results, "run", "rate"), results_first(results, "run", "changes"));
    report_begin_goals(out);
    write_goals(results, &third, &last, out);
    (void)fprintf(out,
                  "\n%.0f decisions, none wrong. %.0f changes, each an entry of the audit trail: %.1f MiB, which "
                  "--keep-changes bounds. p99 of Check %.1f ms while changing, %.1f ms quiet; of a change at most "
                  "%.2f ms in any cycle.\n",
                  sum_of(results, "quiet", "decisions") + sum_of(results, "changing", "decisions"),
                  sum_of(results, "churn", "calls"), last.audit_mib,
                  results_median(results, "changing", measure_p99_ms), results_median(results, "quiet", measure_p99_ms),
                  find_worst_change_ms(results));
}
