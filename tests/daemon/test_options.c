/* The options that both programs share: where their values come from, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/options.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

enum { ARGUMENTS_MAX = 8 };

static const struct sp_daemon_defaults defaults = {
    .environment = "SP_TEST",
    .listen = "127.0.0.1:1",
    .http_listen = "127.0.0.1:2",
    .max_connections = "7",
    .http_listen_help = "HTTP",
    .callers_help = "callers",
};

static size_t make_table(struct sp_daemon_options *options, struct sp_option table[static SP_DAEMON_ROWS]) {
    size_t count = 0;
    sp_daemon_options_init(options, &defaults);
    count += sp_daemon_listener_rows(options, table + count);
    count += sp_daemon_bound_rows(options, table + count);
    count += sp_daemon_stop_rows(options, table + count);
    table[count++] = sp_daemon_stuck_after_row(options);
    count += sp_daemon_log_rows(options, table + count);
    count += sp_daemon_settings_rows(options, table + count);
    count += sp_daemon_address_rows(options, table + count);
    return count;
}

static enum sp_status read_options(struct sp_daemon_options *options, int argc, const char *const *given,
                                   struct sp_error *error) {
    static char texts[ARGUMENTS_MAX][32]; /* the options borrow from them */
    char *argv[ARGUMENTS_MAX + 1] = {NULL};
    struct sp_option table[SP_DAEMON_ROWS];
    int rest = argc;
    for (int i = 0; i < argc; i++) {
        snprintf(texts[i], sizeof(texts[i]), "%s", given[i]);
        argv[i] = texts[i];
    }
    size_t count = make_table(options, table);
    enum sp_status status = sp_options_parse(table, count, argc, argv, &rest, error);
    if (status != SP_OK)
        return status;
    return sp_daemon_options_check(options, error);
}

static void each_row_has_the_environment_variable_of_its_name(void **state) {
    static const char *const variables[] = {
        "SP_TEST_LISTEN",
        "SP_TEST_HTTP_LISTEN",
        "SP_TEST_METRICS_LISTEN",
        "SP_TEST_HTTP_HOST",
        "SP_TEST_INSECURE",
        "SP_TEST_TLS_CERT",
        "SP_TEST_TLS_KEY",
        "SP_TEST_TLS_CLIENT_CA",
        "SP_TEST_TLS_CLIENT_CRL",
        "SP_TEST_CALLERS",
        "SP_TEST_HEALTH_LISTEN",
        "SP_TEST_ENGINE",
        "SP_TEST_MAX_CONNECTIONS",
        "SP_TEST_MAX_CONNECTIONS_PER_PEER",
        "SP_TEST_MAX_HEALTH_CONNECTIONS",
        "SP_TEST_MAX_HTTP_CONNECTIONS",
        "SP_TEST_MAX_STREAMS",
        "SP_TEST_REQUEST_TIMEOUT",
        "SP_TEST_REQUEST_MEMORY",
        "SP_TEST_ANSWER_TIMEOUT",
        "SP_TEST_MAX_METADATA",
        "SP_TEST_MAX_RESETS",
        "SP_TEST_MAX_CONTROL_FRAMES",
        "SP_TEST_MAX_EMPTY_FRAMES",
        "SP_TEST_MAX_CONNECTION_AGE",
        "SP_TEST_MAX_STREAM_AGE",
        "SP_TEST_QUIET_MS",
        "SP_TEST_DRAIN_MS",
        "SP_TEST_STUCK_AFTER",
        "SP_TEST_LOG_FORMAT",
        "SP_TEST_LOG_LEVEL",
        "SP_TEST_EVENT_LOG",
        "SP_TEST_ALLOW_CORE",
        "SP_TEST_CONFIG",
        NULL /* print-config */,
        "SP_TEST_TRUSTED_PEERS",
        "SP_TEST_TRUSTED_PROXIES",
        "SP_TEST_TRUSTED_HOPS",
        "SP_TEST_ADDRESS_HEADER",
    };
    struct sp_daemon_options options;
    struct sp_option table[SP_DAEMON_ROWS];
    (void)state;
    assert_int_equal(make_table(&options, table), SP_DAEMON_ROWS);
    assert_int_equal(COUNT(variables), SP_DAEMON_ROWS);
    for (size_t i = 0; i < SP_DAEMON_ROWS; i++) {
        if (variables[i] == NULL)
            assert_null(table[i].environment);
        else
            assert_string_equal(table[i].environment, variables[i]);
    }
}

static void the_defaults_are_the_programs_own(void **state) {
    const char *const argv[] = {"test"};
    struct sp_daemon_options options;
    struct sp_error error = {0};
    (void)state;
    assert_int_equal(read_options(&options, 1, argv, &error), SP_OK);
    assert_int_equal(options.listen.count, 1);
    assert_string_equal(options.listen.values[0], "127.0.0.1:1");
    assert_string_equal(options.http_listen.values[0], "127.0.0.1:2");
    assert_int_equal(options.metrics_listen.count, 0);
    assert_int_equal(options.health_listen.count, 0);
    assert_int_equal(options.max_connections, 7);
    assert_int_equal(options.drain_ms, 5000);
    assert_int_equal(options.log_level, SP_LOG_INFO);
    assert_false(options.insecure);
    assert_false(options.allow_core);
    assert_null(options.callers);
    assert_null(options.tls.certificate);
}

static void an_argument_overrides_the_environment(void **state) {
    const char *const argv[] = {"test", "--drain-ms", "3", "--http-listen", "none"};
    struct sp_daemon_options options;
    struct sp_error error = {0};
    (void)state;
    assert_int_equal(setenv("SP_TEST_DRAIN_MS", "2", 1), 0);
    assert_int_equal(setenv("SP_TEST_LOG_LEVEL", "debug", 1), 0);
    enum sp_status status = read_options(&options, 5, argv, &error);
    assert_int_equal(unsetenv("SP_TEST_DRAIN_MS"), 0);
    assert_int_equal(unsetenv("SP_TEST_LOG_LEVEL"), 0);
    assert_int_equal(status, SP_OK);
    assert_int_equal(options.drain_ms, 3);
    assert_int_equal(options.log_level, SP_LOG_DEBUG);
    assert_int_equal(options.http_listen.count, 0);
}

static void a_value_that_is_not_known_is_refused_by_name(void **state) {
    static const struct {
        const char *option, *value;
        const char *message;
    } rows[] = {
        {"--log-level", "loud", "--log-level: \"loud\" is not debug, info, warning or error"},
        {"--log-format", "xml", "--log-format: \"xml\" is not json, text or auto"},
        {"--max-connections", "0", "--max-connections"},
        {"--drain-ms", "600001", "--drain-ms"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const char *const argv[] = {"test", rows[i].option, rows[i].value};
        struct sp_daemon_options options;
        struct sp_error error = {0};
        assert_int_equal(read_options(&options, 3, argv, &error), SP_ERR_INVALID);
        if (strstr(error.message, rows[i].message) == NULL)
            fail_msg("row %zu: %s", i, error.message);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_row_has_the_environment_variable_of_its_name),
        cmocka_unit_test(the_defaults_are_the_programs_own),
        cmocka_unit_test(an_argument_overrides_the_environment),
        cmocka_unit_test(a_value_that_is_not_known_is_refused_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) == 0 ? 0 : 1;
}
