/* What the programs tell about themselves, against what was asked of them. */
#include <fcntl.h>
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

#include "support/http_client.h"
#include "support/metrics_page.h"
#include "support/programs.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct programs programs;
static char admin_key[PROGRAMS_KEY_BYTES];
static struct caller admin;

/* ---- pages ---- */

static bool is_name(const char *text, size_t size) {
    for (size_t i = 0; i < size; i++)
        if (strchr("abcdefghijklmnopqrstuvwxyz_", text[i]) == NULL && (i == 0 || strchr("0123456789", text[i]) == NULL))
            return false;
    return size > 0;
}

/* A line that is no comment: name, labels, number. Returns the size of the name. */
static size_t check_sample_line(const char *line, size_t size) {
    char copy[512];
    assert_true(size < sizeof(copy));
    memcpy(copy, line, size);
    copy[size] = '\0';
    size_t name = strcspn(copy, "{ ");
    const char *at = copy + name;
    assert_true(is_name(copy, name));
    for (char before = '{'; *at == before; before = ',') {
        size_t label = strcspn(at + 1, "=");
        assert_true(is_name(at + 1, label));
        at += 1 + label;
        assert_int_equal(strncmp(at, "=\"", 2), 0);
        at += 2;
        while (*at != '"' && *at != '\0')
            at += *at == '\\' ? 2 : 1;
        assert_int_equal(*at, '"');
        at++;
    }
    at += *at == '}';
    assert_int_equal(*at, ' ');
    char *end;
    (void)strtod(at + 1, &end);
    assert_true(end > at + 1 && *end == '\0');
    return name;
}

/* By the rules of the text format: each sample follows its HELP and TYPE, no family comes twice. */
static void check_page(const char *page) {
    char family[128] = "", seen[16 * 1024] = " ";
    for (const char *line = page; *line != '\0';) {
        size_t size = strcspn(line, "\n");
        if (strncmp(line, "# HELP ", 7) == 0) {
            size_t name = strcspn(line + 7, " ");
            char word[130];
            snprintf(family, sizeof(family), "%.*s", (int)name, line + 7);
            snprintf(word, sizeof(word), " %s ", family);
            assert_true(is_name(family, name));
            assert_null(strstr(seen, word));
            assert_true(strlen(seen) + strlen(word) < sizeof(seen));
            strncat(seen, word + 1, sizeof(seen) - strlen(seen) - 1);
        } else if (strncmp(line, "# TYPE ", 7) == 0) {
            assert_int_equal(strncmp(line + 7, family, strlen(family)), 0);
        } else {
            size_t name = check_sample_line(line, size);
            size_t of = strlen(family);
            assert_true(name >= of && strncmp(line, family, of) == 0);
            assert_true(name == of || line[of] == '_');
        }
        assert_int_equal(line[size], '\n');
        line += size + 1;
    }
}

static size_t count_lines(const char *text) {
    size_t lines = 0;
    for (; *text != '\0'; text++)
        lines += *text == '\n';
    return lines;
}

/* ---- a scene ---- */

static void set(const char *name, const char *value) {
    assert_int_equal(value == NULL ? unsetenv(name) : setenv(name, value, 1), 0);
}

static void start(void) {
    programs_make_store(&programs, NULL);
    programs_start_sync(&programs);
    programs_start_server(&programs);
    programs_workspace(&programs, "acme", admin_key);
    assert_true(caller_open(&admin, programs.sync_target, admin_key));
    operator_ok(&programs, "Admin/RegisterResource",
                "{'workspace': 'acme', 'resource': {'type': 'voice', 'id': 'rachel'}}");
}

static void stop(void) {
    caller_close(&admin);
    programs_stop(&programs);
}

static void assert_reason(const char *key, const char *resource, const char *action, const char *wanted) {
    assert_string_equal(check_reason(&programs.checker, key, "voice", resource, action), wanted);
}

/* ---- metrics ---- */

static void counts_each_decision_by_reason_and_by_how_it_was_asked(void **state) {
    (void)state;
    start();
    char *page = scrape(&programs.server);
    check_page(page);
    assert_sample(page, "sallyport_decisions_total{decision=\"allow\",reason=\"ALLOWED\",transport=\"check\"}", 0);
    free(page);
    for (int i = 0; i < 3; i++)
        assert_reason(admin_key, "rachel", "use", "ALLOWED");
    assert_reason(admin_key, "nobody", "use", "RESOURCE_UNKNOWN");
    assert_reason(admin_key, "rachel", "fly", "ACTION_UNKNOWN");
    assert_reason("sp_wrong", "rachel", "use", "KEY_MALFORMED");
    assert_reason(admin_key, "rachel", "", "INVALID_ARGUMENT");
    caller_ok(&programs.checker, "Authorization/CheckBatch",
              "{'apiKey': '%s', 'items': [{'resource': {'type': 'voice', 'id': 'rachel'}, 'action': 'use'}, "
              "{'resource': {'type': 'voice', 'id': 'rachel'}, 'action': 'fly'}]}",
              admin_key);
    assert_int_equal(caller_callf(&programs.checker, "Authorization/Check",
                                  "{'apiKey': '%s', 'resource': {'type': 'voice', 'id': 'rachel'}, 'action': 'use', "
                                  "'minRevision': {'epoch': '1', 'number': '1000'}}",
                                  admin_key),
                     SP_ERR_UNAVAILABLE);
    caller_ok(&programs.operator_caller, "Admin/WhoAmI", "{}");

    page = scrape(&programs.server);
    check_page(page);
#define DECISIONS(decision, reason, transport)                                                                         \
    "sallyport_decisions_total{decision=\"" decision "\",reason=\"" reason "\",transport=\"" transport "\"}"
    assert_sample(page, DECISIONS("allow", "ALLOWED", "check"), 3);
    assert_sample(page, DECISIONS("deny", "RESOURCE_UNKNOWN", "check"), 1);
    assert_sample(page, DECISIONS("deny", "ACTION_UNKNOWN", "check"), 1);
    assert_sample(page, DECISIONS("deny", "KEY_MALFORMED", "check"), 1);
    assert_sample(page, DECISIONS("deny", "NOT_SHARED", "check"), 0);
    assert_sample(page, DECISIONS("allow", "ALLOWED", "batch"), 1);
    assert_sample(page, DECISIONS("deny", "ACTION_UNKNOWN", "batch"), 1);
    assert_sample(page, "sallyport_call_seconds_count{transport=\"check\"}", 6);
    assert_sample(page, "sallyport_call_seconds_bucket{transport=\"check\",le=\"+Inf\"}", 6);
    assert_sample(page, "sallyport_call_seconds_count{transport=\"batch\"}", 1);
    assert_true(sample(page, "sallyport_call_seconds_sum{transport=\"check\"}") > 0);
    assert_sample(page, "sallyport_call_errors_total{code=\"INVALID_ARGUMENT\",transport=\"check\"}", 1);
    assert_sample(page, "sallyport_call_errors_total{code=\"UNAVAILABLE\",transport=\"check\"}", 1);
    assert_sample(page, "sallyport_min_revision_waits_total", 1);
    assert_sample(page, "sallyport_ready", 1);
    assert_sample(page, "sallyport_http_connections", 1);
    assert_sample(page, "sallyport_grpc_connections", 1);
    assert_sample(page, "sallyport_store_epoch", 1);
    assert_sample(page, "sallyport_store_revision",
                  (double)caller_number(&programs.operator_caller, "revision.number"));
    assert_true(sample(page, "sallyport_store_readers") >= 1);
    assert_sample(page, "sallyport_store_readers_max", 512);
    assert_true(sample(page, "sallyport_store_used_bytes") > 0);
    assert_sample(page, "sallyport_store_map_bytes", 64.0 * 1024 * 1024 * 1024);
    assert_sample(page, "sallyport_sync_age_seconds", -1); /* the store is the source itself */
    assert_sample(page, "sallyport_decision_log_lines_total", -1);
    assert_true(sample(page, "sallyport_build_info{program=\"sallyportd\",version=\"0.1.0\"}") == 1);
    assert_true(sample(page, "process_cpu_seconds_total") > 0);
    free(page);
    stop();
}

static void counts_what_the_writer_does(void **state) {
    (void)state;
    start();
    caller_ok(&admin, "Admin/CreateUser", "{'id': 'ada', 'name': 'Ada'}");
    assert_int_equal(caller_callf(&admin, "Admin/CreateUser", "{'id': 'ada', 'name': 'Ada'}"), SP_ERR_EXISTS);
    caller_ok(&admin, "Admin/WhoAmI", "{}");
    char *page = scrape(&programs.sync);
    check_page(page);
    assert_sample(page, "sallyport_admin_calls_total{method=\"CreateUser\",outcome=\"ok\"}", 1);
    assert_sample(page, "sallyport_admin_calls_total{method=\"CreateUser\",outcome=\"refused\"}", 1);
    assert_sample(page, "sallyport_admin_calls_total{method=\"CreateUser\",outcome=\"failed\"}", 0);
    assert_sample(page, "sallyport_admin_calls_total{method=\"WhoAmI\",outcome=\"ok\"}", 1);
    assert_sample(page, "sallyport_admin_calls_total{method=\"CreateWorkspace\",outcome=\"ok\"}", 1);
    assert_sample(page, "sallyport_commit_seconds_count", 3); /* the workspace, the resource, the user */
    assert_sample(page, "sallyport_commit_changes_sum", 3);
    assert_sample(page, "sallyport_change_queue", 0);
    assert_sample(page, "sallyport_watches", 0);
    assert_sample(page, "sallyport_ready", 1);
    assert_sample(page, "sallyport_last_backup_timestamp_seconds", -1);
    assert_sample(page, "sallyport_store_revision", (double)caller_number(&admin, "revision.number"));
    free(page);
    stop();
}

static void tells_how_many_keys_expire_soon_without_a_successor(void **state) {
    static const struct {
        const char *id;
        int days;
        bool disabled;
    } keys[] = {{"soon", 3, false}, {"edge", 6, false}, {"later", 30, false}, {"off", 3, true}, {"never", 0, false}};
    (void)state;
    start();
    for (size_t i = 0; i < COUNT(keys); i++) {
        long long expires = keys[i].days == 0 ? 0 : (long long)time(NULL) + keys[i].days * 86400LL;
        caller_ok(&admin, "Admin/CreateApiKey",
                  "{'id': '%s', 'principal': 'acme-admin', 'name': 'k', 'permissions': {'all': true}, "
                  "'expiresAt': '%lld'}",
                  keys[i].id, expires);
        if (keys[i].disabled)
            caller_ok(&admin, "Admin/DisableApiKey", "{'id': '%s'}", keys[i].id);
    }
    /* The grace of a rotated key is not counted, also if it was rotated twice, unless its successor
     * is disabled. */
    static const char *const rotated[] = {"graced", "lost"};
    for (size_t i = 0; i < COUNT(rotated); i++) {
        caller_ok(&admin, "Admin/CreateApiKey",
                  "{'id': '%s', 'principal': 'acme-admin', 'name': 'k', 'permissions': {'all': true}}", rotated[i]);
        caller_ok(&admin, "Admin/RotateApiKey", "{'id': '%s', 'newId': '%s-2', 'graceS': 86400}", rotated[i],
                  rotated[i]);
    }
    caller_ok(&admin, "Admin/RotateApiKey",
              "{'id': 'graced', 'newId': 'graced-3', 'graceS': 86400, 'expiresAt': '%lld'}",
              (long long)time(NULL) + 30 * 86400LL);
    caller_ok(&admin, "Admin/DisableApiKey", "{'id': 'lost-2'}");
    /* The look at all keys that comes first after a start. */
    caller_close(&admin);
    assert_int_equal(process_end(&programs.sync, SIGTERM), 0);
    programs_start_sync(&programs);
    double soon = -1;
    for (int i = 0; i < 6000 && soon < 0; i++) {
        char *page = scrape(&programs.sync);
        soon = sample(page, "sallyport_keys_expiring_soon");
        free(page);
    }
    assert_int_equal((int)soon, 3);
    assert_true(caller_open(&admin, programs.sync_target, admin_key));
    stop();
}

static void no_number_grows_with_tenants(void **state) {
    (void)state;
    start();
    assert_reason(admin_key, "rachel", "use", "ALLOWED");
    char *before = scrape(&programs.server), *before_sync = scrape(&programs.sync);
    for (int i = 0; i < 20; i++) {
        char id[32], key[PROGRAMS_KEY_BYTES];
        snprintf(id, sizeof(id), "tenant-%d", i);
        programs_workspace(&programs, id, key);
        assert_reason(key, "rachel", "use", "RESOURCE_UNKNOWN");
    }
    char *after = scrape(&programs.server), *after_sync = scrape(&programs.sync);
    assert_int_equal(count_lines(before), count_lines(after));
    /* The first look for keys that expire soon may have come between. */
    assert_in_range(count_lines(after_sync), count_lines(before_sync), count_lines(before_sync) + 1);
    assert_null(strstr(after, "tenant"));
    assert_null(strstr(after, "acme"));
    assert_null(strstr(after_sync, "tenant"));
    assert_true(strlen(after) < 128UL * 1024); /* half of what a page may be */
    free(before);
    free(before_sync);
    free(after);
    free(after_sync);
    stop();
}

/* ---- health ---- */

static int status_of(struct process *process, const char *path) {
    struct http_reply reply;
    http_get(http_port(process), path, &reply);
    int status = reply.status;
    http_reply_fini(&reply);
    return status;
}

static void is_ready_when_grpc_says_so_and_alive_before(void **state) {
    char folder[64], store[96], target[64];
    struct process server, init;
    (void)state;
    folder_make(folder);
    snprintf(store, sizeof(store), "%s/store", folder);
    const char *arguments[] = {"sallyportd", "--store", store, "--listen", "127.0.0.1:0", NULL};
    process_start(&server, folder, "server", arguments);
    snprintf(target, sizeof(target), "127.0.0.1:%d", process_port(&server));
    programs_wait_for_health(target, false);
    assert_int_equal(status_of(&server, "/healthz"), 200);
    assert_int_equal(status_of(&server, "/readyz"), 503);
    char *page = scrape(&server);
    check_page(page);
    assert_sample(page, "sallyport_ready", 0);
    assert_sample(page, "sallyport_store_revision", -1);
    free(page);
    const char *make[] = {"sallyport-sync", "init", "--store", store, NULL};
    assert_int_equal(process_run(&init, folder, "init", make), 0);
    char *key = process_read(init.out);
    free(key);
    programs_wait_for_health(target, true);
    assert_int_equal(status_of(&server, "/readyz"), 200);
    assert_int_equal(status_of(&server, "/metrics/"), 404);
    assert_int_equal(process_end(&server, SIGTERM), 0);
    folder_remove(folder);
}

static void serves_no_http_where_none_is_wanted(void **state) {
    (void)state;
    programs_make_store(&programs, NULL);
    set("SALLYPORTD_HTTP_LISTEN", "none");
    set("SALLYPORT_SYNC_HTTP_LISTEN", "none");
    set("SALLYPORTD_METRICS_LISTEN", "none");
    set("SALLYPORT_SYNC_METRICS_LISTEN", "none");
    programs_start_sync(&programs);
    programs_start_server(&programs);
    set("SALLYPORTD_HTTP_LISTEN", NULL);
    set("SALLYPORT_SYNC_HTTP_LISTEN", NULL);
    set("SALLYPORTD_METRICS_LISTEN", NULL);
    set("SALLYPORT_SYNC_METRICS_LISTEN", NULL);
    char *server = process_read(programs.server.err), *sync = process_read(programs.sync.err);
    assert_null(strstr(server, "listening for"));
    assert_null(strstr(sync, "listening for"));
    free(server);
    free(sync);
    programs_stop(&programs);
}

/* ---- where metrics are, and for whom ---- */

static void assert_not_found(int port, const char *path, const char *message) {
    struct http_reply reply;
    http_get(port, path, &reply);
    assert_int_equal(reply.status, 404);
    assert_non_null(strstr(reply.body, message));
    http_reply_fini(&reply);
}

static void metrics_are_served_at_their_own_address_only(void **state) {
    struct process *const both[] = {&programs.server, &programs.sync};
    (void)state;
    start();
    for (size_t i = 0; i < 2; i++) {
        free(scrape(both[i]));
        assert_not_found(http_port(both[i]), "/metrics", "--metrics-listen");
        assert_not_found(metrics_port(both[i]), "/healthz", "nothing at this path");
        assert_not_found(metrics_port(both[i]), "/access/v1/evaluation", "nothing at this path");
    }
    stop();
}

static void metrics_take_a_role_of_their_own(void **state) {
    static const struct {
        const char *roles;
        int status;
    } rows[] = {{"check, explain, list, subjects, report", 401}, {"metrics", 200}, {"all", 200}};
    (void)state;
    programs_make_store(&programs, NULL);
    for (size_t i = 0; i < 2 * sizeof(rows) / sizeof(*rows); i++) {
        const char *roles = rows[i / 2].roles;
        char callers[96];
        struct process process;
        struct http_reply reply;
        snprintf(callers, sizeof(callers), "%s/callers.yaml", programs.folder);
        FILE *file = fopen(callers, "we");
        assert_non_null(file);
        assert_true(fprintf(file, "plaintext: %s\n", roles) > 0);
        assert_int_equal(fclose(file), 0);
        const char *server[] = {"sallyportd",  "--store",   programs.store, "--listen",
                                "127.0.0.1:0", "--callers", callers,        NULL};
        const char *sync[] = {"sallyport-sync", "serve", "--store", programs.store, "--listen", "127.0.0.1:0",
                              "--callers",      callers, NULL};
        process_start(&process, programs.folder, "roles", i % 2 == 0 ? server : sync);
        process_wait_for(&process, "serving the store");
        http_get(metrics_port(&process), "/metrics", &reply);
        assert_int_equal(reply.status, rows[i / 2].status);
        if (reply.status == 401)
            assert_non_null(strstr(reply.body, "the role \\\"metrics\\\""));
        http_reply_fini(&reply);
        assert_int_equal(process_end(&process, SIGTERM), 0);
    }
    programs_stop(&programs);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_each_decision_by_reason_and_by_how_it_was_asked),
        cmocka_unit_test(counts_what_the_writer_does),
        cmocka_unit_test(tells_how_many_keys_expire_soon_without_a_successor),
        cmocka_unit_test(no_number_grows_with_tenants),
        cmocka_unit_test(is_ready_when_grpc_says_so_and_alive_before),
        cmocka_unit_test(serves_no_http_where_none_is_wanted),
        cmocka_unit_test(metrics_are_served_at_their_own_address_only),
        cmocka_unit_test(metrics_take_a_role_of_their_own),
    };
    sp_rpc_global_init();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    sp_rpc_global_fini();
    return failed == 0 ? 0 : 1;
}
