/* The report of a bench/run, from raw results that are written down here: rows, goals, medians, and
 * what it refuses. */
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

/* A run of everything with round numbers. Of three rounds the first is the median, and the others
 * are far off. */
static int write_run(void **state) {
    (void)state;
    (void)snprintf(folder, sizeof(folder), "/tmp/sp-report-test-XXXXXX");
    if (mkdtemp(folder) == NULL)
        return -1;
    write_results("run", "{\"date\":\"2026-11-29\",\"processors\":2,\"model\":\"Some Processor\","
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
    enum sp_status status = report_write(folder, out, error);
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
        "| store, bytes a key (entity and indexes; its principal and workspace with it; audit apart) | ≤ 600 | 660 | "
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
    write_results("run", "{\"date\":\"2026-11-29\",\"processors\":2,\"model\":\"m\",\"keys\":[1000],\"seconds\":0.5,"
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
    assert_int_equal(report_write("/nowhere/results", stdout, &error), SP_ERR_NOT_FOUND);
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
    };
    return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
