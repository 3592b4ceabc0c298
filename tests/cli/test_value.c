/* Values that people type: durations, times, choices, resources, revisions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/value.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

enum { REFUSED = -1 };

static void durations_are_a_number_and_a_unit(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int64_t seconds;
    } rows[] = {
        {"1s", 1},
        {"30s", 30},
        {"15m", 900},
        {"2h", 7200},
        {"90d", 7776000},
        {"0s", 0},
        {"0", 0},
        {"00", REFUSED},
        {"007m", 420},
        {"2147483647d", INT64_C(185542587100800)},
        {"2147483648s", REFUSED},
        {"99999999999999999999s", REFUSED},
        {"", REFUSED},
        {"s", REFUSED},
        {"5", REFUSED},
        {"-5s", REFUSED},
        {"+5s", REFUSED},
        {" 5s", REFUSED},
        {"5s ", REFUSED},
        {"5 s", REFUSED},
        {"5S", REFUSED},
        {"5w", REFUSED},
        {"1h30m", REFUSED},
        {"0x5s", REFUSED},
        {"1.5h", REFUSED},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct sp_error error = {0};
        int64_t seconds = REFUSED;
        enum sp_status status = sp_cli_read_duration(rows[i].text, &seconds, &error);
        if (seconds != rows[i].seconds || (status == SP_OK) != (rows[i].seconds != REFUSED))
            fail_msg("'%s' is %lld", rows[i].text, (long long)seconds);
        if (status != SP_OK)
            assert_non_null(strstr(error.message,
                                   rows[i].text[0] != '\0' && rows[i].text[strspn(rows[i].text, "0123456789")] == '\0'
                                       ? "has no unit; write "
                                       : "15m"));
    }
}

static void times_are_dates_moments_distances_or_never(void **state) {
    (void)state;
    enum { NOW = 1000000 };
    static const struct {
        const char *text;
        int64_t at_s;
    } rows[] = {
        {"never", 0},
        {"+1s", NOW + 1},
        {"+90d", NOW + 7776000},
        {"+36525d", NOW + INT64_C(3155760000)}, /* a hundred years */
        {"+36526d", REFUSED},
        {"+2147483647d", REFUSED},
        {"+0s", NOW},
        {"1970-01-02", 86400},
        {"2026-12-31", 1798675200},
        {"2026-12-31T23:59:59Z", 1798761599},
        {"2024-02-29", 1709164800},
        {"9999-12-31T23:59:59Z", INT64_C(253402300799)},
        {"2026-02-29", REFUSED},
        {"2026-02-31", REFUSED},
        {"2026-13-01", REFUSED},
        {"2026-1-1", REFUSED},
        {" 2026-01-01", REFUSED},
        {"2026-01-01 ", REFUSED},
        {"2026-01-01T00:00:00", REFUSED},
        {"2026-01-01T00:00:00+01:00", 1767222000},
        {"2026-01-01T24:00:00Z", REFUSED},
        {"2026-01-01T00:00:60Z", REFUSED},
        {"2026-01-01t00:00:00Z", REFUSED},
        {"1970-01-01", REFUSED}, /* 0 would be "never" */
        {"1969-12-31", REFUSED},
        {"-1s", REFUSED},
        {"+", REFUSED},
        {"+never", REFUSED},
        {"++1s", REFUSED},
        {"Never", REFUSED},
        {"", REFUSED},
        {"tomorrow", REFUSED},
        {"1893456000", REFUSED},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct sp_error error = {0};
        int64_t at_s = REFUSED;
        enum sp_status status = sp_cli_read_time(rows[i].text, NOW, &at_s, &error);
        if (at_s != rows[i].at_s || (status == SP_OK) != (rows[i].at_s != REFUSED))
            fail_msg("'%s' is %lld: %s", rows[i].text, (long long)at_s, error.message);
    }
}

static void a_number_is_refused_as_a_time_with_what_it_looks_like(void **state) {
    (void)state;
    static const struct {
        const char *text, *message;
    } rows[] = {
        {"1893456000", "'1893456000' looks like seconds since 1970; write 2030-01-01T00:00:00Z"},
        {"1893456000000", "'1893456000000' looks like milliseconds since 1970; write 2030-01-01T00:00:00Z"},
        {"1893456000000000", "'1893456000000000' looks like microseconds since 1970; write 2030-01-01T00:00:00Z"},
        {"1893456000000000000", "'1893456000000000000' looks like nanoseconds since 1970; write 2030-01-01T00:00:00Z"},
        {"5", "'5' is not a time; write 2026-12-31, "},
        {"99999999999999999999", "'99999999999999999999' is not a time; write 2026-12-31, "},
        {"1893456000s", "'1893456000s' is not a time; write 2026-12-31, "},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct sp_error error = {0};
        int64_t at_s = 0;
        assert_int_equal(sp_cli_read_time(rows[i].text, 0, &at_s, &error), SP_ERR_INVALID);
        assert_int_equal(strncmp(error.message, rows[i].message, strlen(rows[i].message)), 0);
    }
}

static void values_become_what_the_request_wants(void **state) {
    (void)state;
    static const struct {
        struct cli_argument argument;
        const char *text, *json; /* NULL: refused */
    } rows[] = {
        {{.name = "x", .kind = CLI_TEXT}, "a b", "\"a b\""},
        {{.name = "x", .kind = CLI_TEXT}, "", "\"\""},
        {{.name = "x", .kind = CLI_TEXT}, "\xff", NULL},
        {{.name = "x", .kind = CLI_FLAG}, "", "true"},
        {{.name = "x", .kind = CLI_NUMBER}, "0", "0"},
        {{.name = "x", .kind = CLI_NUMBER}, "9223372036854775807", "9223372036854775807"},
        {{.name = "x", .kind = CLI_NUMBER}, "9223372036854775808", NULL},
        {{.name = "x", .kind = CLI_NUMBER}, "-1", NULL},
        {{.name = "x", .kind = CLI_NUMBER}, "1x", NULL},
        {{.name = "x", .kind = CLI_NUMBER}, "", NULL},
        {{.name = "x", .kind = CLI_DURATION}, "2m", "120"},
        {{.name = "x", .kind = CLI_TIME}, "never", "0"},
        {{.name = "x", .kind = CLI_ENUM, .prefix = "ROLE_", .choices = "viewer|admin"}, "viewer", "\"ROLE_VIEWER\""},
        {{.name = "x", .kind = CLI_ENUM, .prefix = "ROLE_", .choices = "viewer|admin"}, "admin", "\"ROLE_ADMIN\""},
        {{.name = "x", .kind = CLI_ENUM, .prefix = "ROLE_", .choices = "viewer|admin"}, "view", NULL},
        {{.name = "x", .kind = CLI_ENUM, .prefix = "ROLE_", .choices = "viewer|admin"}, "viewer|admin", NULL},
        {{.name = "x", .kind = CLI_ENUM, .prefix = "ROLE_", .choices = "viewer|admin"}, "", NULL},
        {{.name = "x", .kind = CLI_ENUM, .prefix = "ROLE_", .choices = "viewer|admin"}, "unspecified", NULL},
        {{.name = "x", .kind = CLI_ENUMS, .prefix = "FEATURE_", .choices = "ip-allowlist"},
         "ip-allowlist",
         "\"FEATURE_IP_ALLOWLIST\""},
        {{.name = "x", .kind = CLI_ENUMS, .prefix = "FEATURE_", .choices = "ip-allowlist"},
         "ip_allowlist",
         "\"FEATURE_IP_ALLOWLIST\""},
        {{.name = "x", .kind = CLI_LOCAL, .choices = "bash|zsh"}, "zsh", "\"zsh\""},
        {{.name = "x", .kind = CLI_LOCAL, .choices = "bash|zsh"}, "sh", NULL},
        {{.name = "x", .kind = CLI_RESOURCE}, "voice/rachel", "{\"type\":\"voice\",\"id\":\"rachel\"}"},
        {{.name = "x", .kind = CLI_RESOURCE}, "voice/a/b", "{\"type\":\"voice\",\"id\":\"a/b\"}"},
        {{.name = "x", .kind = CLI_RESOURCE}, "voice", "{\"type\":\"voice\"}"},
        {{.name = "x", .kind = CLI_RESOURCE}, "voice/", "{\"type\":\"voice\",\"id\":\"\"}"},
        {{.name = "x", .kind = CLI_REVISION}, "1:42", "{\"epoch\":1,\"number\":42}"},
        {{.name = "x", .kind = CLI_REVISION}, "42", NULL},
        {{.name = "x", .kind = CLI_REVISION}, "1:", NULL},
        {{.name = "x", .kind = CLI_REVISION}, ":1", NULL},
        {{.name = "x", .kind = CLI_REVISION}, "1:2:3", NULL},
        {{.name = "x", .kind = CLI_REVISION}, "1:-2", NULL},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct sp_error error = {0};
        json_t *value = NULL;
        enum sp_status status = sp_cli_read_value(&rows[i].argument, rows[i].text, &value, &error);
        char *json = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
        if ((status == SP_OK) != (rows[i].json != NULL) || (json != NULL && strcmp(json, rows[i].json) != 0))
            fail_msg("row %zu: '%s' is %s: %s", i, rows[i].text, json, error.message);
        if (status != SP_OK)
            assert_string_not_equal(error.message, "");
        free(json);
        json_decref(value);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations_are_a_number_and_a_unit),
        cmocka_unit_test(times_are_dates_moments_distances_or_never),
        cmocka_unit_test(a_number_is_refused_as_a_time_with_what_it_looks_like),
        cmocka_unit_test(values_become_what_the_request_wants),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
