/* The decision log of sallyportd, against what was answered. */
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/metrics_page.h"
#include "support/programs.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct programs programs;
static char admin_key[PROGRAMS_KEY_BYTES];
static struct caller admin;
static char log_path[128];

/* ---- a scene ---- */

static void set(const char *name, const char *value) {
    assert_int_equal(value == NULL ? unsetenv(name) : setenv(name, value, 1), 0);
}

/* A log of `what` in this file, with this spill file, or none where it is NULL. */
static void start_server(const char *path, const char *what, const char *spill) {
    set("SALLYPORTD_DECISION_LOG", path);
    set("SALLYPORTD_DECISION_LOG_WHAT", what);
    set("SALLYPORTD_DECISION_LOG_SPILL", spill);
    programs_start_server(&programs);
    set("SALLYPORTD_DECISION_LOG", NULL);
    set("SALLYPORTD_DECISION_LOG_WHAT", NULL);
    set("SALLYPORTD_DECISION_LOG_SPILL", NULL);
}

static void make_acme(void) {
    programs_workspace(&programs, "acme", admin_key);
    assert_true(caller_open(&admin, programs.sync_target, admin_key));
    operator_ok(&programs, "Admin/RegisterResource",
                "{'workspace': 'acme', 'resource': {'type': 'voice', 'id': 'rachel'}}");
}

/* With a log of `what` in a file of the scene's folder. */
static void start(const char *what) {
    programs_make_store(&programs, NULL);
    programs_start_sync(&programs);
    snprintf(log_path, sizeof(log_path), "%s/decisions.log", programs.folder);
    start_server(log_path, what, NULL);
    make_acme();
}

static void stop(void) {
    caller_close(&admin);
    programs_stop(&programs);
}

static void assert_reason(const char *key, const char *resource, const char *action, const char *wanted) {
    assert_string_equal(check_reason(&programs.checker, key, "voice", resource, action), wanted);
}

/* ---- lines ---- */

static size_t count_lines(const char *text) {
    size_t lines = 0;
    for (; *text != '\0'; text++)
        lines += *text == '\n';
    return lines;
}

static size_t line_count(const char *path) {
    if (access(path, F_OK) != 0)
        return 0;
    char *text = process_read(path);
    size_t lines = count_lines(text);
    free(text);
    return lines;
}

static void wait_for_lines(const char *path, size_t lines) {
    for (int i = 0; i < 6000 && line_count(path) < lines; i++)
        nanosleep(&(struct timespec){.tv_nsec = 10 * 1000000}, NULL);
    assert_int_equal(line_count(path), lines);
}

/* Line `n` of the log. */
static json_t *read_line(const char *path, size_t n) {
    char *text = process_read(path);
    const char *line = text;
    for (; n > 0; n--)
        line = strchr(line, '\n') + 1;
    json_t *json = json_loadb(line, strcspn(line, "\n"), JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(json);
    free(text);
    return json;
}

static const char *text_of(const json_t *line, const char *name) {
    const char *text = json_string_value(json_object_get(line, name));
    return text == NULL ? "" : text;
}

/* ---- what is logged ---- */

static void logs_a_line_for_each_decision_with_what_was_answered(void **state) {
    static const char trace[] = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    struct sp_error error;
    (void)state;
    start("all");
    assert_int_equal(sp_rpc_client_set_metadata(programs.checker.client, "traceparent", sp_str_from(trace), &error),
                     SP_OK);
    caller_ok(&programs.checker, "Authorization/Check",
              "{'apiKey': '%s', 'ip': '203.0.113.7', 'resource': {'type': 'voice', 'id': 'rachel'}, 'action': 'use', "
              "'workspace': 'acme'}",
              admin_key);
    wait_for_lines(log_path, 1);
    json_t *line = read_line(log_path, 0);
    assert_string_equal(text_of(line, "decision"), "allow");
    assert_string_equal(text_of(line, "reason"), "ALLOWED");
    assert_string_equal(text_of(line, "decision_id"), caller_text(&programs.checker, "decisionId"));
    assert_string_equal(text_of(line, "workspace"), "acme");
    assert_string_equal(text_of(line, "principal"), "acme-admin");
    assert_string_equal(text_of(line, "key_id"), caller_text(&programs.checker, "keyId"));
    assert_string_equal(text_of(line, "action"), "use");
    assert_string_equal(text_of(line, "resource_type"), "voice");
    assert_string_equal(text_of(line, "resource_id"), "rachel");
    assert_string_equal(text_of(line, "ip"), "203.0.113.7");
    assert_string_equal(text_of(line, "transport"), "check");
    assert_string_equal(text_of(line, "trace_id"), "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_string_equal(text_of(line, "span_id"), "00f067aa0ba902b7");
    assert_int_equal(json_integer_value(json_object_get(line, "revision")),
                     caller_number(&programs.checker, "revision.number"));
    assert_int_equal(json_integer_value(json_object_get(line, "epoch")), 1);
    assert_true(json_is_integer(json_object_get(line, "latency_us")));
    assert_int_equal(strlen(text_of(line, "time")), strlen("2026-01-31T12:00:00.123456Z"));
    assert_string_equal(text_of(line, "via"), "workspace_admin");
    assert_string_equal(text_of(line, "asserted_workspace"), "acme");
    assert_string_equal(text_of(line, "log_what"), "all");
    assert_int_equal(json_object_size(line), 20);
    json_decref(line);

    /* Without what is not known, and an invalid traceparent is not carried. */
    assert_int_equal(
        sp_rpc_client_set_metadata(programs.checker.client, "traceparent", sp_str_from("00-0-0-0"), &error), SP_OK);
    assert_reason("sp_wrong", "\\\"x\\\\", "use", "KEY_MALFORMED");
    wait_for_lines(log_path, 2);
    line = read_line(log_path, 1);
    assert_string_equal(text_of(line, "decision"), "deny");
    assert_string_equal(text_of(line, "reason"), "KEY_MALFORMED");
    assert_string_equal(text_of(line, "resource_id"), "\"x\\");
    assert_string_equal(text_of(line, "via"), "none");
    assert_null(json_object_get(line, "workspace"));
    assert_null(json_object_get(line, "key_id"));
    assert_null(json_object_get(line, "asserted_workspace"));
    assert_null(json_object_get(line, "ip"));
    assert_null(json_object_get(line, "trace_id"));
    json_decref(line);

    caller_ok(&programs.checker, "Authorization/CheckBatch",
              "{'apiKey': '%s', 'items': [{'resource': {'type': 'voice', 'id': 'rachel'}, 'action': 'use'}, "
              "{'resource': {'type': 'voice', 'id': 'rachel'}, 'action': 'fly'}]}",
              admin_key);
    wait_for_lines(log_path, 4);
    line = read_line(log_path, 3);
    assert_string_equal(text_of(line, "transport"), "batch");
    assert_string_equal(text_of(line, "decision_id"), caller_text(&programs.checker, "results.1.decisionId"));
    json_decref(line);
    char *page = scrape(&programs.server);
    assert_sample(page, "sallyport_decision_log_lines_total", 4);
    assert_sample(page, "sallyport_decision_log_dropped_total", 0);
    free(page);
    stop();
}

static void logs_denials_only_or_one_in_n_when_told(void **state) {
    (void)state;
    start("denials");
    for (int i = 0; i < 5; i++)
        assert_reason(admin_key, "rachel", "use", "ALLOWED");
    assert_reason(admin_key, "nobody", "use", "RESOURCE_UNKNOWN");
    wait_for_lines(log_path, 1);
    json_t *line = read_line(log_path, 0);
    assert_string_equal(text_of(line, "reason"), "RESOURCE_UNKNOWN");
    json_decref(line);
    stop();

    set("SALLYPORTD_WORKERS", "1");
    start("sample:10");
    set("SALLYPORTD_WORKERS", NULL);
    for (int i = 0; i < 25; i++)
        assert_reason(admin_key, "rachel", "use", "ALLOWED");
    wait_for_lines(log_path, 3);
    line = read_line(log_path, 0);
    assert_string_equal(text_of(line, "log_what"), "sample:10");
    json_decref(line);
    stop();
    assert_int_equal(access(log_path, F_OK), -1);
}

static void logs_what_is_allowed_or_of_some_workspaces_when_told(void **state) {
    char other_key[PROGRAMS_KEY_BYTES];
    (void)state;
    start("allows");
    assert_reason(admin_key, "nobody", "use", "RESOURCE_UNKNOWN");
    assert_reason(admin_key, "rachel", "use", "ALLOWED");
    assert_reason("sp_wrong", "rachel", "use", "KEY_MALFORMED");
    assert_reason(admin_key, "rachel", "use", "ALLOWED");
    wait_for_lines(log_path, 2);
    for (size_t i = 0; i < 2; i++) {
        json_t *line = read_line(log_path, i);
        assert_string_equal(text_of(line, "decision"), "allow");
        assert_string_equal(text_of(line, "log_what"), "allows");
        assert_null(json_object_get(line, "log_workspaces"));
        json_decref(line);
    }
    stop();

    set("SALLYPORTD_DECISION_LOG_WORKSPACES", "beta,gamma");
    start("all");
    set("SALLYPORTD_DECISION_LOG_WORKSPACES", NULL);
    programs_workspace(&programs, "beta", other_key);
    assert_reason(admin_key, "rachel", "use", "ALLOWED");
    assert_reason("sp_wrong", "rachel", "use", "KEY_MALFORMED"); /* nobody's */
    assert_reason(other_key, "rachel", "use", "RESOURCE_UNKNOWN");
    assert_reason(admin_key, "rachel", "fly", "ACTION_UNKNOWN");
    assert_reason(other_key, "rachel", "fly", "ACTION_UNKNOWN");
    wait_for_lines(log_path, 2);
    for (size_t i = 0; i < 2; i++) {
        json_t *line = read_line(log_path, i);
        assert_string_equal(text_of(line, "workspace"), "beta");
        assert_int_equal(json_integer_value(json_object_get(line, "log_workspaces")), 2);
        json_decref(line);
    }
    stop();
}

static void goes_on_in_a_new_file_after_sighup(void **state) {
    char old[160];
    (void)state;
    start("all");
    snprintf(old, sizeof(old), "%s.1.log", log_path);
    assert_reason(admin_key, "rachel", "use", "ALLOWED");
    wait_for_lines(log_path, 1);
    assert_int_equal(rename(log_path, old), 0);
    assert_int_equal(kill(programs.server.pid, SIGHUP), 0);
    for (int i = 0; i < 6000 && access(log_path, F_OK) != 0; i++)
        nanosleep(&(struct timespec){.tv_nsec = 10 * 1000000}, NULL);
    assert_reason(admin_key, "rachel", "use", "ALLOWED");
    wait_for_lines(log_path, 1);
    assert_int_equal(line_count(old), 1);
    stop();
}

/* ---- a log that nobody reads ---- */

/* A pipe of the scene's folder; returns its reader, which reads nothing by itself. */
static int make_pipe(char *ret_path, size_t room) {
    snprintf(ret_path, room, "%s/pipe", programs.folder);
    assert_int_equal(mkfifo(ret_path, 0600), 0);
    int reader = open(ret_path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    assert_true(reader >= 0);
    return reader;
}

enum { BATCH = 100 };

/* A batch of questions about a resource that there is not. */
static void ask_batch(void) {
    char items[8192] = "";
    for (int i = 0; i < BATCH; i++)
        strcat(items, i == 0 ? "{'resource': {'type': 'voice', 'id': 'x'}, 'action': 'use'}"
                             : ", {'resource': {'type': 'voice', 'id': 'x'}, 'action': 'use'}");
    caller_ok(&programs.checker, "Authorization/CheckBatch", "{'apiKey': '%s', 'items': [%s]}", admin_key, items);
}

static void answers_while_the_log_is_blocked_and_counts_what_it_drops(void **state) {
    char pipe_path[128];
    (void)state;
    programs_make_store(&programs, NULL);
    programs_start_sync(&programs);
    int reader = make_pipe(pipe_path, sizeof(pipe_path));
    start_server(pipe_path, "all", NULL);
    make_acme();
    double dropped = 0, asked = 0;
    for (int i = 0; i < 1000 && dropped < BATCH; i++) {
        ask_batch();
        asked += BATCH;
        char *page = scrape(&programs.server);
        dropped = sample(page, "sallyport_decision_log_dropped_total");
        assert_sample(page,
                      "sallyport_decisions_total{decision=\"deny\",reason=\"RESOURCE_UNKNOWN\",transport=\"batch\"}",
                      asked);
        free(page);
    }
    assert_true(dropped >= BATCH);
    stop(); /* it ends in order although nobody reads */
    close(reader);
}

/* What a pipe holds, to the end of its last whole line. */
static char *read_pipe(int reader) {
    enum { ROOM = 2 * 1024 * 1024 };
    char *text = malloc(ROOM);
    size_t size = 0;
    assert_non_null(text);
    for (ssize_t got; size < ROOM - 1 && (got = read(reader, text + size, ROOM - 1 - size)) > 0;)
        size += (size_t)got;
    text[size] = '\0';
    char *end = strrchr(text, '\n');
    if (end == NULL)
        end = text;
    *end = '\0';
    return text;
}

enum { ASKED = 20 * BATCH, ID_BYTES = 64 };

static void keep_ids(char ids[static BATCH][ID_BYTES]) {
    for (int i = 0; i < BATCH; i++) {
        char path[64];
        snprintf(path, sizeof(path), "results.%d.decisionId", i);
        snprintf(ids[i], ID_BYTES, "\"%s\"", caller_text(&programs.checker, path));
        assert_true(strlen(ids[i]) > 10);
    }
}

/* The server is killed while most decisions that it has answered wait for a reader of its pipe. The
 * next one logs them, to a file. */
static void a_spill_file_keeps_what_a_killed_server_has_not_written(void **state) {
    static char ids[ASKED][ID_BYTES];
    char pipe_path[128], spill[128];
    size_t in_pipe = 0, in_file = 0;
    (void)state;
    programs_make_store(&programs, NULL);
    programs_start_sync(&programs);
    snprintf(log_path, sizeof(log_path), "%s/decisions.log", programs.folder);
    snprintf(spill, sizeof(spill), "%s/spill", programs.folder);
    int reader = make_pipe(pipe_path, sizeof(pipe_path));
    start_server(pipe_path, "denials", spill);
    make_acme();
    for (int i = 0; i < ASKED; i += BATCH) {
        ask_batch();
        keep_ids(ids + i);
    }
    assert_int_equal(poll(&(struct pollfd){.fd = reader, .events = POLLIN}, 1, 60000), 1);
    char *page = scrape(&programs.server);
    assert_true(sample(page, "sallyport_decision_log_spill_bytes") > 100000);
    assert_true(sample(page, "sallyport_decision_log_spill_ratio") > 0);
    assert_true(sample(page, "sallyport_decision_log_spill_ratio") <= 1);
    assert_sample(page, "sallyport_decision_log_dropped_total", 0);
    free(page);
    assert_int_equal(process_end(&programs.server, SIGKILL), 128 + SIGKILL);
    char *read_before = read_pipe(reader);
    close(reader);

    set("SALLYPORTD_WORKERS", "3"); /* of another number of threads */
    start_server(log_path, "denials", spill);
    set("SALLYPORTD_WORKERS", NULL);
    assert_reason(admin_key, "last", "use", "RESOURCE_UNKNOWN");
    double waiting = 1;
    for (int i = 0; i < 6000 && waiting != 0; i++) {
        nanosleep(&(struct timespec){.tv_nsec = 10 * 1000000}, NULL);
        page = scrape(&programs.server);
        waiting = sample(page, "sallyport_decision_log_spill_bytes");
        assert_sample(page, "sallyport_decision_log_dropped_total", 0);
        free(page);
    }
    assert_true(waiting == 0);
    page = scrape(&programs.server);
    assert_sample(page, "sallyport_decision_log_spill_ratio", 0);
    free(page);
    char *written_after = process_read(log_path);
    for (int i = 0; i < ASKED; i++) {
        bool before = strstr(read_before, ids[i]) != NULL, after = strstr(written_after, ids[i]) != NULL;
        if (!before && !after)
            fail_msg("decision %d is nowhere", i);
        in_pipe += before;
        in_file += after;
    }
    if (in_pipe == 0 || in_file < ASKED / 2)
        fail_msg("%zu of the decisions are in the pipe, %zu in the file", in_pipe, in_file);
    assert_non_null(strstr(written_after, "\"resource_id\":\"last\""));
    for (size_t i = 0, lines = line_count(log_path); i < lines; i += 100)
        json_decref(read_line(log_path, i)); /* each is whole */
    free(read_before);
    free(written_after);
    stop();
}

/* ---- what cannot be ---- */

static void ends_at_once_where_the_log_cannot_be(void **state) {
    static const struct {
        const char *options[5];
        const char *says;
        int status;
    } rows[] = {
        {{"--decision-log", "/nonexistent/file"}, "/nonexistent/file", 1},
        {{"--decision-log-what", "sample:0"}, "all, allows, denials or sample:N", 2},
        {{"--decision-log-workspace", "a b"}, "--decision-log-workspace", 2},
        {{"--decision-log-spill", "/tmp/spill"}, "--decision-log-spill needs --decision-log", 2},
        {{"--decision-log", "-", "--decision-log-spill", "/nonexistent/spill"}, "/nonexistent/spill", 1},
        {{"--decision-log", "-", "--decision-log-spill", "/dev/null"}, "/dev/null", 1},
    };
    char folder[64], store[96];
    (void)state;
    folder_make(folder);
    snprintf(store, sizeof(store), "%s/store", folder);
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct process server;
        const char *arguments[10] = {"sallyportd", "--store", store, "--listen", "127.0.0.1:0"};
        memcpy(arguments + 5, rows[i].options, sizeof(rows[i].options));
        int status = process_run(&server, folder, "server", arguments);
        char *said = process_read(server.err);
        if (status != rows[i].status || strstr(said, rows[i].says) == NULL)
            fail_msg("%s: status %d, %s", rows[i].says, status, said);
        free(said);
    }
    folder_remove(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(logs_a_line_for_each_decision_with_what_was_answered),
        cmocka_unit_test(logs_denials_only_or_one_in_n_when_told),
        cmocka_unit_test(logs_what_is_allowed_or_of_some_workspaces_when_told),
        cmocka_unit_test(goes_on_in_a_new_file_after_sighup),
        cmocka_unit_test(answers_while_the_log_is_blocked_and_counts_what_it_drops),
        cmocka_unit_test(a_spill_file_keeps_what_a_killed_server_has_not_written),
        cmocka_unit_test(ends_at_once_where_the_log_cannot_be),
    };
    sp_rpc_global_init();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    sp_rpc_global_fini();
    return failed == 0 ? 0 : 1;
}
