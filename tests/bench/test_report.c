/* The reports of benchmarks, from raw results that are written down here: rows, goals, medians, and
 * what they refuse. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "report.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static char folder[64];
static size_t missed; /* goals, of the last report */

static void write_results(const char *name, const char *lines) {
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/%s.ndjson", folder, name);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs(lines, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void remove_results(const char *name) {
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/%s.ndjson", folder, name);
    assert_int_equal(unlink(path), 0);
}

/* A line of `sallyport-bench run -o ndjson` with `us` of CPU a call. */
#define LOAD(us)                                                                                                       \
    "{\"calls\":1000000,\"decisions\":1000000,\"elapsed_s\":10.0,\"errors\":0,\"wrong\":0,\"rate\":0.0,"               \
    "\"server_cpu_s\":" #us ",\"server_private_bytes\":20971520,"                                                      \
    "\"latency_ns\":{\"p50\":100000,\"p99\":2000999,\"p99.9\":3000000}}\n"

static void write_micro(uint64_t keys, double ns) {
    char name[64], lines[512];
    (void)snprintf(name, sizeof(name), "micro-%llu", (unsigned long long)keys);
    (void)snprintf(lines, sizeof(lines),
                   "{\"name\":\"digest\",\"ns\":100.0}\n{\"name\":\"decision\",\"ns\":%.1f}\n"
                   "{\"name\":\"decision, Zipf 0.99\",\"ns\":700.0}\n{\"name\":\"codec\",\"ns\":250.0}\n"
                   "{\"name\":\"bare mdb_get: the five of a decision\",\"ns\":%.1f}\n"
                   "{\"name\":\"decision / (digest and bare gets)\",\"ratio\":1.250}\n",
                   ns, ns / 2);
    write_results(name, lines);
}

static void write_growth(void) {
    char lines[4096];
    size_t used = 0;
    for (int grants = 1; grants <= 100000; grants *= 10) {
        for (int groups = 1; groups <= 1000; groups *= 10)
            used += (size_t)snprintf(lines + used, sizeof(lines) - used, "{\"groups\":%d,\"grants\":%d,\"ns\":%d}\n",
                                     groups, grants, grants == 1 ? 100 + groups : 1000);
    }
    write_results("growth", lines);
}

static int make_folder(void **state) {
    (void)state;
    (void)snprintf(folder, sizeof(folder), "/tmp/sp-report-test-XXXXXX");
    return mkdtemp(folder) == NULL ? -1 : 0;
}

/* A run of everything with round numbers. Of three rounds the first is the median, and the others
 * are far off. */
static int write_run(void **state) {
    if (make_folder(state) != 0)
        return -1;
    write_results("run", "{\"bench\":\"run\",\"date\":\"2026-11-29\",\"processors\":2,\"model\":\"Some Processor\","
                         "\"keys\":[1000,1000000],\"seconds\":3,\"asked_keys\":1000000}\n");
    write_micro(1000, 750);
    write_micro(1000000, 5000);
    write_growth();
    write_results("keys", "{\"keys\":1000000,\"seconds\":5.0}\n");
    write_results("sizes", "{\"name\":\"file\",\"bytes\":900000000}\n{\"name\":\"entity\",\"bytes\":400000000}\n"
                           "{\"name\":\"key\",\"bytes\":260000000}\n{\"name\":\"change\",\"bytes\":777000000}\n");
    write_results("routes",
                  "{\"routes\":10,\"same_ns\":100,\"random_ns\":1,\"unknown_ns\":2,\"compile_ms\":3,\"kib\":4}\n"
                  "{\"routes\":1000,\"same_ns\":110,\"random_ns\":1,\"unknown_ns\":2,\"compile_ms\":3,\"kib\":4}\n"
                  "{\"routes\":10000,\"same_ns\":120,\"random_ns\":1,\"unknown_ns\":2,\"compile_ms\":3,\"kib\":4}\n");
    write_results("echo", LOAD(10) LOAD(90) LOAD(1));
    write_results("echo-stream", LOAD(6) LOAD(90) LOAD(1));
    write_results("unary", LOAD(16) LOAD(90) LOAD(1));
    write_results("ext-authz", LOAD(20) LOAD(90) LOAD(1));
    write_results("zipf", LOAD(13) LOAD(90) LOAD(1));
    write_results("stream", LOAD(8) LOAD(90) LOAD(1));
    write_results("stream-8", LOAD(4));
    write_results("batch", LOAD(2));
    write_results("connections", LOAD(16));
    write_results("open-loop", LOAD(16));
    write_results("echo-open-loop", LOAD(10));
    write_results("ready-1000", "{\"ms\":12.5}\n");
    write_results("ready-1000000", "{\"ms\":75}\n");
    write_results("commit", "{\"goal_ms\":2.0,\"p99_ms\":1.0,\"ratio\":0.5}\n");
    return 0;
}

static int remove_run(void **state) {
    (void)state;
    DIR *entries = opendir(folder);
    struct dirent *entry;
    while (entries != NULL && (entry = readdir(entries)) != NULL) {
        char path[512];
        (void)snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        (void)unlink(path);
    }
    if (entries != NULL)
        (void)closedir(entries);
    return rmdir(folder);
}

/* The report; the caller frees. On failure nothing was written. */
static enum sp_status write_report(char **ret_text, struct sp_error *error) {
    size_t size = 0;
    FILE *out = open_memstream(ret_text, &size);
    assert_non_null(out);
    enum sp_status status = report_write(folder, out, &missed, error);
    assert_int_equal(fclose(out), 0);
    if (status != SP_OK)
        assert_int_equal(size, 0);
    return status;
}

static void assert_reports(const char *const *lines, size_t count) {
    char *text;
    struct sp_error error = {0};
    if (write_report(&text, &error) != SP_OK)
        fail_msg("%s", error.message);
    for (size_t i = 0; i < count; i++) {
        if (strstr(text, lines[i]) == NULL)
            fail_msg("no line \"%s\" in:\n%s", lines[i], text);
    }
    free(text);
}

static void every_goal_is_a_row_with_its_ratio(void **state) {
    (void)state;
    static const char *const rows[] = {
        "Measured 2026-11-29 on 2 × Some Processor, load and server sharing them; "
        "`bench/run --keys \"1000 1000000\" --seconds 3`.\n",
        "| what | goal | measured | measured / goal | met |\n|---|---|---|---|---|\n"
        "| decision alone, 1000 random keys, warm | ≤ 1500 ns | 750.0 ns | 0.500 | yes |\n",
        "| decision / (its digests and the bare mdb_gets of its five records), 1000 keys | ≤ 1.3 | 1.250 | 0.962 | yes "
        "|\n",
        "| decision alone, 1000000 random keys, warm | ≤ 4000 ns | 5000.0 ns | 1.250 | no |\n",
        "| growth from 1000 to 1000000 keys against bare mdb_gets' | ≤ 1.2 × | 6.667 × against 6.667 × | 0.833 | yes "
        "|\n",
        "| 1,000 groups against 1, on a resource with one grant | ≤ 1 + log₂ 1,000 = 11 × | 10.891 × | 0.990 | yes |\n",
        "| 100,000 grants against 1, for a principal in one group | ≤ 1 + log₂ 100,000 = 17.6 × | 9.901 × | 0.563 | "
        "yes |\n",
        "| 100,000 grants against 1,000, for a principal in 1,000 groups | ≤ 1 + log₂ 100 = 7.6 × | 1.000 × | 0.132 | "
        "yes |\n",
        "| bulk import of 1000000 keys into an empty store | ≥ 100,000 keys/s | 200000 keys/s | 0.500 | yes |\n",
        "| store, bytes a key (entity and indexes, with its principal and workspace; without the audit trail) | ≤ 600 "
        "| 660 | "
        "1.100 "
        "| no |\n",
        "| unary Check, CPU a call, uniform: echo + 1.2 × (decision + codec) | ≤ 16.300 µs | 16.000 µs | 0.982 | yes "
        "|\n",
        "| unary Check / echo, Zipf 0.99, 1000000 keys, 64 in flight | ≤ 1.3 | 1.300 | 1.000 | yes |\n",
        "| unary Check / echo, uniform | ≤ 1.5 | 1.600 | 1.067 | no |\n",
        "| ext_authz by a route of the schema, seven headers / unary Check, uniform | ≤ 1.6 | 1.250 | 0.781 | yes |\n",
        "| CheckBatch of 100, one credential, Zipf, decisions a core second | ≥ 400,000 | 500000 | 0.800 | yes |\n",
        "| CheckStream / unary Check, CPU a decision, one item a message, 64 in flight | ≤ 0.7 | 0.500 | 0.714 | yes "
        "|\n",
        "| private memory of the server, 64 connections | ≤ 40 MiB | 20.0 MiB | 0.500 | yes |\n",
        "| start to ready, 1000 keys | ≤ 50 ms | 12.5 ms | 0.250 | yes |\n",
        "| start to ready, 1000000 keys | ≤ 50 ms | 75.0 ms | 1.500 | no |\n",
        "| a durable change visible to a reader, p99, against 3 × fsync + 2 ms | 2.000 ms | 1.000 ms | 0.500 | yes |\n",
        "| a path among 10,000 routes against one among 10 | ≤ 1.2 × | 1.200 × | 1.000 | yes |\n",
    };
    assert_reports(rows, COUNT(rows));
    assert_int_equal(missed, 4);
}

static void figures_and_plots_follow_the_goals(void **state) {
    (void)state;
    static const char *const lines[] = {
        "Bare echo: 10.000 µs of CPU a call, 100000 calls/s, p99 2001 µs closed loop.\n",
        "Unary Check: 16.000 µs (uniform), 13.000 µs (Zipf), 100000 calls/s.\n",
        "CheckStream: 8.000 µs a decision with one item a message (100000 messages/s; bare bidirectional echo 6.000 "
        "µs), "
        "4.000 µs with eight.\n",
        "Check p50 100 p99 2000 p99.9 3000 µs; echo p50 100 p99 2000 p99.9 3000 µs.\n",
        "The file of the store of keys alone: 900 bytes a key, with the audit trail and free pages.\n",
        "| 1,000,000 | 5000.0 | 700.0 | 100.0 | 2500.0 |\n",
        "       1,000       750 ns |████████\n   1,000,000      5000 ns "
        "|██████████████████████████████████████████████████\n",
        "| 100,000 | 1000 | 1000 | 1000 | 1000 |\n",
        "           1       101 ns |",
        "| 10,000 | 120.0 | 1.0 | 2.0 | 3.00 | 4 |\n",
    };
    assert_reports(lines, COUNT(lines));
}

static void the_median_of_an_even_number_of_rounds_is_between_the_middle_two(void **state) {
    (void)state;
    static const char *const lines[] = {"Unary Check: 17.000 µs (uniform)"};
    write_results("unary", LOAD(90) LOAD(16) LOAD(1) LOAD(18));
    assert_reports(lines, COUNT(lines));
}

static void one_size_has_no_growth_and_one_start(void **state) {
    (void)state;
    char *text;
    struct sp_error error = {0};
    write_results(
        "run",
        "{\"bench\":\"run\",\"date\":\"2026-11-29\",\"processors\":2,\"model\":\"m\",\"keys\":[1000],\"seconds\":0.5,"
        "\"asked_keys\":1000}\n");
    assert_int_equal(write_report(&text, &error), SP_OK);
    assert_null(strstr(text, "growth from"));
    char *ready = strstr(text, "start to ready");
    assert_non_null(ready);
    assert_null(strstr(ready + 1, "start to ready"));
    assert_non_null(strstr(text, "--keys \"1000\" --seconds 0.5`"));
    free(text);
}

static void assert_refuses(enum sp_status expected, const char *fragment) {
    char *text;
    struct sp_error error = {0};
    assert_int_equal(write_report(&text, &error), expected);
    if (strstr(error.message, fragment) == NULL)
        fail_msg("\"%s\" is not in: %s", fragment, error.message);
    free(text);
}

static void a_result_that_is_missing_is_named(void **state) {
    (void)state;
    static const char *const names[] = {"run",       "micro-1000",    "growth", "keys", "sizes",
                                        "routes",    "echo",          "unary",  "zipf", "stream-8",
                                        "open-loop", "ready-1000000", "commit"};
    for (size_t i = 0; i < COUNT(names); i++) {
        char file[64];
        (void)snprintf(file, sizeof(file), "/%s.ndjson: ", names[i]);
        remove_results(names[i]);
        assert_refuses(SP_ERR_NOT_FOUND, file);
        assert_int_equal(remove_run(state), 0);
        assert_int_equal(write_run(state), 0);
    }
    write_results("unary", "");
    assert_refuses(SP_ERR_NOT_FOUND, "/unary.ndjson: no results");
}

static void a_number_that_is_missing_is_named(void **state) {
    (void)state;
    write_results("commit", "{\"goal_ms\":2.0}\n");
    assert_refuses(SP_ERR_NOT_FOUND, "/commit.ndjson: a line lacks the number p99_ms");
    assert_int_equal(remove_run(state), 0);
    assert_int_equal(write_run(state), 0);
    write_results("commit", "{\"goal_ms\":2.0,\"p99_ms\":\"1\"}\n");
    assert_refuses(SP_ERR_NOT_FOUND, "/commit.ndjson: a line lacks the number p99_ms");
    assert_int_equal(remove_run(state), 0);
    assert_int_equal(write_run(state), 0);
    write_results("unary", LOAD(16) "{\"calls\":0,\"elapsed_s\":1.0,\"server_cpu_s\":1.0}\n" LOAD(1));
    assert_refuses(SP_ERR_NOT_FOUND, "/unary.ndjson: a line lacks");
    assert_int_equal(remove_run(state), 0);
    assert_int_equal(write_run(state), 0);
    write_results("commit", "{\"goal_ms\":0,\"p99_ms\":0}\n");
    assert_refuses(SP_ERR_INVALID, "cannot compute the row \"a durable change");
}

static void wrong_answers_and_damage_are_refused_with_their_line(void **state) {
    (void)state;
    static const struct {
        const char *lines, *fragment;
    } rows[] = {
        {LOAD(16) "{\"calls\":10,\"wrong\":3,\"errors\":0}\n",
         "unary.ndjson: line 2: 3 wrong answers and 0 failed calls"},
        {"{\"calls\":10,\"wrong\":0,\"errors\":4}\n", "unary.ndjson: line 1: 0 wrong answers and 4 failed calls"},
        {LOAD(16) "{\"calls\":1", "unary.ndjson: line 2: "},
        {"5\n", "unary.ndjson: line 1: "},
        {"[]\n", "unary.ndjson: line 1: must be a JSON object"},
        {"{\"calls\":1,\"calls\":2}\n", "unary.ndjson: line 1: duplicate"},
        {"\n", "unary.ndjson: line 1: "},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        write_results("unary", rows[i].lines);
        assert_refuses(SP_ERR_INVALID, rows[i].fragment);
    }
}

static void a_folder_that_is_not_there_is_named(void **state) {
    (void)state;
    struct sp_error error = {0};
    assert_int_equal(report_write("/nowhere/results", stdout, &missed, &error), SP_ERR_NOT_FOUND);
    assert_non_null(strstr(error.message, "cannot read the results in /nowhere/results: "));
}

static void half_of_the_median_rate_is_a_whole_number(void **state) {
    (void)state;
    struct sp_error error = {0};
    double rate = -1;
    write_results("unary", "{\"calls\":100003,\"elapsed_s\":1.0}\n{\"calls\":1,\"elapsed_s\":1.0}\n"
                           "{\"calls\":900000,\"elapsed_s\":1.0}\n");
    assert_int_equal(report_half_rate(folder, "unary", &rate, &error), SP_OK);
    assert_true(rate > 50000.5 && rate < 50001.5);
    assert_int_equal(report_half_rate(folder, "nothing", &rate, &error), SP_ERR_NOT_FOUND);
    assert_true(rate > 50000.5 && rate < 50001.5);
}

/* ---- the other benchmarks ---- */

#define SLICE(us, mib)                                                                                                 \
    "{\"calls\":100000,\"decisions\":100000,\"elapsed_s\":10.0,\"errors\":0,\"wrong\":0,\"server_cpu_s\":" #us         \
    "e-1,\"server_private_bytes\":" #mib "e6,\"latency_ns\":{\"p99\":2000000}}\n"
#define SIZES(file, change)                                                                                            \
    "{\"name\":\"file\",\"bytes\":" #file                                                                              \
    "}\n{\"name\":\"entity\",\"bytes\":1}\n{\"name\":\"change\",\"bytes\":" #change "}\n"

/* The median slice is neither the first nor the last; a third of four slices is the second. */
static void write_soak(const char *last_sizes) {
    char sizes[1024];
    (void)snprintf(sizes, sizeof(sizes), "%s%s", SIZES(9, 9) SIZES(104857600, 20971520) SIZES(9, 9), last_sizes);
    write_results("run", "{\"bench\":\"soak\",\"date\":\"2026-11-29\",\"processors\":2,\"model\":\"m\",\"minutes\":1,"
                         "\"keys\":1000,\"rate\":5000,\"changes\":1000}\n");
    write_results("quiet", SLICE(40, 4) SLICE(10, 4) SLICE(90, 4));
    write_results("changing", SLICE(42, 1) SLICE(42, 4.194304) SLICE(42, 1) SLICE(42, 5.24288));
    write_results("memory-changing", "{\"sync_kib\":1}\n{\"sync_kib\":4096}\n{\"sync_kib\":1}\n{\"sync_kib\":6144}\n");
    write_results("sizes-changing", sizes);
    write_results("churn",
                  "{\"calls\":40000,\"errors\":0,\"wrong\":0,\"elapsed_s\":40.0,\"latency_ns\":{\"p99\":7000000}}\n"
                  "{\"calls\":40000,\"errors\":0,\"wrong\":0,\"elapsed_s\":40.0,\"latency_ns\":{\"p99\":9000000}}\n");
}

static void a_soak_compares_changing_with_quiet_and_the_end_with_a_third(void **state) {
    (void)state;
    static const char *const rows[] = {
        "Measured 2026-11-29 on 2 × m, load, server and writer sharing them; "
        "`bench/soak --minutes 1 --keys 1000 --rate 5000 --changes 1000`.\n",
        "| changes a second, durable | ≥ 1000 | 1000 | 0.999 | yes |\n",
        "| server CPU per decision, while changing / quiet | ≤ 1.1 | 1.050 (42.000 µs / 40.000 µs) | 0.955 | yes |\n",
        "| private memory of sallyportd at the end, against 1.1 × what it had after a third + 1 MiB | ≤ 5.40 MiB | 5.0 "
        "MiB "
        "(after a third: 4.0) | 0.926 | yes |\n",
        "| private memory of sallyport-sync at the end, against 1.1 × what it had after a third + 1 MiB | ≤ 5.40 MiB | "
        "6.0 "
        "MiB (after a third: 4.0) | 1.111 | no |\n",
        "| the store's file without the audit trail, at the end / after a third | ≤ 1.1 | 1.000 (80.0 MiB) | 0.909 | "
        "yes |\n",
        "700000 decisions, none wrong. 80000 changes, each an entry of the audit trail: 40.0 MiB",
        "p99 of Check 2.0 ms while changing, 2.0 ms quiet; of a change at most 9.00 ms in any cycle.\n",
    };
    write_soak(SIZES(125829120, 41943040));
    assert_reports(rows, COUNT(rows));
    assert_int_equal(missed, 1);
}

static void a_soak_whose_sizes_end_early_has_no_report(void **state) {
    (void)state;
    write_soak("");
    assert_refuses(SP_ERR_INVALID, "sizes after each slice with changes");
}

static void observing_is_compared_round_by_round(void **state) {
    (void)state;
    static const char *const rows[] = {
        "| 3 rounds of 2 s, 1000 keys, allowed=1 | median µs of CPU a Check | median ratio to off | lowest, highest "
        "|\n",
        "| off | 20.00 | 1.000 | 1.000, 1.000 |\n",
        /* 12/10, 22/20 and 60/40: the median of the ratios is not the ratio of the medians. */
        "| metrics | 22.00 | 1.200 | 1.100, 1.500 |\n",
        "| every decision logged | 20.00 | 1.000 | 1.000, 1.000 |\n",
    };
    static const char *const same[] = {"off", "denials", "last-uses", "all-three", "every-decision"};
    write_results("run", "{\"bench\":\"observe\",\"rounds\":3,\"seconds\":2,\"keys\":1000,\"mix\":\"allowed=1\"}\n");
    for (size_t i = 0; i < COUNT(same); i++)
        write_results(same[i], LOAD(10) LOAD(20) LOAD(40));
    write_results("metrics", LOAD(12) LOAD(22) LOAD(60));
    assert_reports(rows, COUNT(rows));
    write_results("metrics", LOAD(12) LOAD(22));
    assert_refuses(SP_ERR_NOT_FOUND, "/metrics.ndjson: must have a line for each round");
}

static void peers_are_compared_by_their_cpu_a_call(void **state) {
    (void)state;
    static const char *const rows[] = {
        "`bench/peers --seconds 10`.\n",
        "| Cerbos | 4 × 16 | 1000 | 160.0 | 1 |\n| Cerbos | 4 × 64 | 2000 | 150.0 | 0 |\n"
        "| Sallyport | 4 × 16 | 10000 | 10.0 | 0 |\n",
        "Calls per CPU second against Cerbos 0.55.0: 16.0 × at 16 streams, 15.0 × at 64 (goal: ≥ 14 ×).\n",
    };
    write_results("run", "{\"bench\":\"peers\",\"date\":\"2026-11-29\",\"processors\":2,\"model\":\"m\",\"seconds\":10,"
                         "\"cerbos\":\"0.55.0\"}\n");
    write_results("cerbos", "{\"streams\":16,\"calls\":10000,\"failed\":1,\"cpu_ns\":1600000000}\n"
                            "{\"streams\":64,\"calls\":20000,\"failed\":0,\"cpu_ns\":3000000000}\n");
    write_results("sallyport", "{\"streams\":16,\"calls\":100000,\"failed\":0,\"cpu_ns\":1000000000}\n"
                               "{\"streams\":64,\"calls\":100000,\"failed\":0,\"cpu_ns\":1000000000}\n");
    assert_reports(rows, COUNT(rows));
    remove_results("cerbos");
    assert_refuses(SP_ERR_NOT_FOUND, "/cerbos.ndjson: no results");
}

static void etcd_has_a_row_for_each_number_of_pods_and_may_lack_a_bootstrap(void **state) {
    (void)state;
    char *text;
    struct sp_error error = {0};
    static const char *const rows[] = {
        "| 3 | 500 | 2.392 ms | 7.668 ms | 0.492 ms | 5.439 ms |\n",
        "| bootstrap of 1000 keys | |\n",
        "| records | 1500 |\n| `migrate --to` | 30.3 s |\n"
        "| empty folder to following and serving | 3.0 s, 500 records/s |\n",
        "private at the end | 600 MiB, 90 MiB |\n| the store's file; etcd's database | 500 MiB; 300 MiB |\n",
    };
    write_results("run", "{\"bench\":\"etcd\"}\n");
    write_results("propagation", "{\"servers\":3,\"changes\":500,\"accepted_p50_ms\":2.392,\"accepted_p99_ms\":7.668,"
                                 "\"seen_p50_ms\":0.492,\"seen_p99_ms\":5.439}\n");
    write_results("bootstrap", "{\"keys\":1000,\"records\":1500,\"migrated_ms\":30300,\"filled_ms\":3000,"
                               "\"highest_resident_kib\":614400,\"private_kib\":92160,\"store_bytes\":524288000,"
                               "\"etcd_bytes\":314572800}\n");
    assert_reports(rows, COUNT(rows));
    remove_results("bootstrap");
    assert_int_equal(write_report(&text, &error), SP_OK);
    assert_null(strstr(text, "bootstrap"));
    free(text);
}

#define LATENCY(p99_ms, max_ms)                                                                                        \
    "{\"calls\":100,\"errors\":0,\"wrong\":0,\"latency_ns\":{\"p99\":" #p99_ms "000000,\"max\":" #max_ms "000000}}\n"

static void a_noisy_tenant_is_compared_with_quiet_and_elsewhere(void **state) {
    (void)state;
    static const char *const rows[] = {
        "`bench/noisy --rounds 3 --seconds 4`: 500 Checks and 50 changes a second by others.",
        "Engine `h2`:\n",
        /* Medians of three rounds, but the slowest disable of all. */
        "| lists | 2.00 | 5.00 | 3.00 | 2.50 (missed) | 10.00 | 20.00 | 11.00 | 2.00 | 90.0 | 120.0 (missed) | 70.0 "
        "|\n",
        "| all, full-disk | | | | | | | | | 8.0 | 9.0 | 1.0 |\n",
    };
    write_results("run",
                  "{\"bench\":\"noisy\",\"date\":\"2026-11-30\",\"processors\":2,\"model\":\"m\",\"engines\":[\"h2\"],"
                  "\"kinds\":[\"lists\",\"full-disk\"],\"rounds\":3,\"seconds\":4,\"check_rate\":500,"
                  "\"change_rate\":50}\n");
    write_results("h2-lists-quiet-check", LATENCY(1, 1) LATENCY(2, 2) LATENCY(9, 9));
    write_results("h2-lists-noisy-check", LATENCY(5, 5) LATENCY(4, 5) LATENCY(8, 9));
    write_results("h2-lists-elsewhere-check", LATENCY(3, 3));
    write_results("h2-lists-quiet-change", LATENCY(10, 10));
    write_results("h2-lists-noisy-change", LATENCY(20, 20));
    write_results("h2-lists-elsewhere-change", LATENCY(11, 11));
    write_results("h2-lists-noisy-disable", LATENCY(20, 90) LATENCY(20, 30));
    write_results("h2-lists-noisy-operator", LATENCY(20, 30) LATENCY(20, 120));
    write_results("h2-lists-noisy-disk", LATENCY(1, 70) LATENCY(1, 2));
    write_results("h2-full-disk-disable", LATENCY(7, 8));
    write_results("h2-full-disk-disk", LATENCY(1, 1));
    write_results("h2-full-disk-operator", LATENCY(7, 9));
    assert_reports(rows, COUNT(rows));
    assert_int_equal(missed, 2);
    remove_results("h2-lists-elsewhere-check");
    assert_refuses(SP_ERR_NOT_FOUND, "/h2-lists-elsewhere-check.ndjson: no results");
}

static void engines_are_compared_round_by_round(void **state) {
    (void)state;
    static const char *const rows[] = {
        "`bench/engines --keys \"10 1000\" --rounds 3 --seconds 2`.",
        /* Ratios 0.4, 0.25 and 0.5 of the rounds: of the medians it would be 0.333. */
        "| CPU of a Check with --engine h2 / bare echo, fewer keys, uniform, 64 in flight | ≤ 0.45 | 0.400 | 0.889 | "
        "yes "
        "|\n",
        "| p99 of an open loop at half the C core's saturation, h2 / grpc | ≤ 0.5 | 0.750 | 1.500 | no |\n",
        "of 9000 (grpc: 40.0 KiB) | ≤ 20 KiB | 10.0 KiB | 0.500 | yes |\n",
        "| CPU a call, fewer keys, uniform, µs | 12.00 | 15.00 | 5.00 |\n",
    };
    static const char *const even[] = {"last-uniform", "last-zipf", "one", "stream"};
    char name[64];
    write_results("run", "{\"bench\":\"engines\",\"date\":\"2026-11-30\",\"processors\":2,\"model\":\"m\","
                         "\"first\":10,\"last\":1000,\"rounds\":3,\"seconds\":2,\"idle\":9000}\n");
    write_results("first-uniform-echo", LOAD(10) LOAD(20) LOAD(12));
    write_results("first-uniform-grpc", LOAD(15) LOAD(15) LOAD(15));
    write_results("first-uniform-h2", LOAD(4) LOAD(5) LOAD(6));
    for (size_t i = 0; i < COUNT(even); i++) {
        (void)snprintf(name, sizeof(name), "%s-echo", even[i]);
        write_results(name, LOAD(10) LOAD(10) LOAD(10));
        (void)snprintf(name, sizeof(name), "%s-grpc", even[i]);
        write_results(name, LOAD(12) LOAD(12) LOAD(12));
        (void)snprintf(name, sizeof(name), "%s-h2", even[i]);
        write_results(name, LOAD(4) LOAD(4) LOAD(4));
    }
    write_results("open-loop-echo", LATENCY(1, 1) LATENCY(1, 1) LATENCY(1, 1));
    write_results("open-loop-grpc", LATENCY(4, 4) LATENCY(4, 4) LATENCY(4, 4));
    write_results("open-loop-h2", LATENCY(3, 3) LATENCY(3, 3) LATENCY(3, 3));
    write_results("idle-grpc", "{\"connections\":9000,\"closed\":0,\"kib\":40.0}\n");
    write_results("idle-h2", "{\"connections\":9000,\"closed\":0,\"kib\":10.0}\n");
    assert_reports(rows, COUNT(rows));
    assert_int_equal(missed, 1);
    write_results("one-echo", LOAD(10));
    assert_refuses(SP_ERR_NOT_FOUND, "/one-h2.ndjson: must have a line for each round");
    write_results("one-echo", LOAD(10) LOAD(10) LOAD(10));
    write_results("idle-h2", "{\"connections\":9000,\"closed\":1,\"kib\":10.0}\n");
    assert_refuses(SP_ERR_INVALID, "idle connections: some were closed");
}

static void results_of_an_unknown_benchmark_are_refused(void **state) {
    (void)state;
    write_results("run", "{\"bench\":\"walk\"}\n");
    assert_refuses(SP_ERR_INVALID, "/run.ndjson: \"bench\" must be run, soak, observe, peers, etcd, noisy or engines");
    write_results("run", "{}\n");
    assert_refuses(SP_ERR_INVALID, "/run.ndjson: \"bench\" must be");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_goal_is_a_row_with_its_ratio, write_run, remove_run),
        cmocka_unit_test_setup_teardown(figures_and_plots_follow_the_goals, write_run, remove_run),
        cmocka_unit_test_setup_teardown(the_median_of_an_even_number_of_rounds_is_between_the_middle_two, write_run,
                                        remove_run),
        cmocka_unit_test_setup_teardown(one_size_has_no_growth_and_one_start, write_run, remove_run),
        cmocka_unit_test_setup_teardown(a_result_that_is_missing_is_named, write_run, remove_run),
        cmocka_unit_test_setup_teardown(a_number_that_is_missing_is_named, write_run, remove_run),
        cmocka_unit_test_setup_teardown(wrong_answers_and_damage_are_refused_with_their_line, write_run, remove_run),
        cmocka_unit_test(a_folder_that_is_not_there_is_named),
        cmocka_unit_test_setup_teardown(half_of_the_median_rate_is_a_whole_number, write_run, remove_run),
        cmocka_unit_test_setup_teardown(a_soak_compares_changing_with_quiet_and_the_end_with_a_third, make_folder,
                                        remove_run),
        cmocka_unit_test_setup_teardown(a_soak_whose_sizes_end_early_has_no_report, make_folder, remove_run),
        cmocka_unit_test_setup_teardown(observing_is_compared_round_by_round, make_folder, remove_run),
        cmocka_unit_test_setup_teardown(peers_are_compared_by_their_cpu_a_call, make_folder, remove_run),
        cmocka_unit_test_setup_teardown(etcd_has_a_row_for_each_number_of_pods_and_may_lack_a_bootstrap, make_folder,
                                        remove_run),
        cmocka_unit_test_setup_teardown(a_noisy_tenant_is_compared_with_quiet_and_elsewhere, make_folder, remove_run),
        cmocka_unit_test_setup_teardown(engines_are_compared_round_by_round, make_folder, remove_run),
        cmocka_unit_test_setup_teardown(results_of_an_unknown_benchmark_are_refused, make_folder, remove_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
