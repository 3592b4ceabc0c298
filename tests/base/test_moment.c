/* Times of requests: bounds, and what a time in the wrong unit is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/moment.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))
#define NOW_S INT64_C(1800000000) /* 2027-01-15 */
#define HUNDRED_YEARS_S INT64_C(3155760000)

typedef enum sp_status check(const char *field, int64_t time_s, struct sp_error *error);

static enum sp_status check_end_now(const char *field, int64_t time_s, struct sp_error *error) {
    return sp_moment_check_end(field, time_s, NOW_S, error);
}

static enum sp_status check_past_now(const char *field, int64_t time_s, struct sp_error *error) {
    return sp_moment_check_past(field, time_s, NOW_S, error);
}

static void a_time_is_in_seconds_and_within_bounds(void **state) {
    static const struct {
        check *check;
        int64_t time_s;
        const char *says; /* NULL: accepted */
    } rows[] = {
        {sp_moment_check, 0, NULL},
        {sp_moment_check, -1, "at: must not be before 1970"},
        {sp_moment_check, INT64_MIN, "must not be before 1970"},
        {sp_moment_check, SP_MOMENT_LAST_S, NULL},
        {sp_moment_check, SP_MOMENT_LAST_S + 1, "at: 253402300800 is beyond the year 9999"},
        {sp_moment_check, INT64_C(1893456000000),
         "at: 1893456000000 looks like milliseconds: times are in seconds since 1970; for 2030-01-01T00:00:00Z write "
         "1893456000"},
        {sp_moment_check, INT64_C(1893456000999), "write 1893456000"},
        {sp_moment_check, INT64_C(1893456000000000), "looks like microseconds"},
        {sp_moment_check, INT64_C(1893456000000000000), "looks like nanoseconds"},
        {sp_moment_check, INT64_C(17000000000000), "beyond the year 9999"}, /* as milliseconds: the year 2508 */
        {sp_moment_check, INT64_MAX, "beyond the year 9999"},

        {check_end_now, 0, NULL},
        {check_end_now, NOW_S, "at: must be in the future, or 0 for never"},
        {check_end_now, -1, "must be in the future"},
        {check_end_now, NOW_S + 1, NULL},
        {check_end_now, NOW_S + HUNDRED_YEARS_S, NULL},
        {check_end_now, NOW_S + HUNDRED_YEARS_S + 1, "(2127-01-16T08:00:01Z) is more than 100 years ahead"},
        {check_end_now, SP_MOMENT_LAST_S, "more than 100 years ahead"},
        {check_end_now, INT64_C(1893456000000), "looks like milliseconds"},

        {check_past_now, 0, NULL},
        {check_past_now, 1, NULL},
        {check_past_now, NOW_S, NULL},
        {check_past_now, NOW_S + 86400, NULL}, /* clocks differ */
        {check_past_now, NOW_S + 86401, "is in the future"},
        {check_past_now, -1, "must not be before 1970"},
        {check_past_now, INT64_C(1600000000000), "looks like milliseconds"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct sp_error error = {0};
        enum sp_status status = rows[i].check("at", rows[i].time_s, &error);
        if ((status == SP_OK) != (rows[i].says == NULL) ||
            (rows[i].says != NULL && strstr(error.message, rows[i].says) == NULL))
            fail_msg("row %zu, %lld: %s", i, (long long)rows[i].time_s, error.message);
        assert_int_equal(status, rows[i].says == NULL ? SP_OK : SP_ERR_INVALID);
    }
}

static void a_time_is_written_in_utc_or_as_its_number(void **state) {
    static const struct {
        int64_t time_s;
        const char *text;
    } rows[] = {
        {0, "1970-01-01T00:00:00Z"},
        {INT64_C(1893456000), "2030-01-01T00:00:00Z"},
        {SP_MOMENT_LAST_S, "9999-12-31T23:59:59Z"},
        {SP_MOMENT_LAST_S + 1, "253402300800"},
        {-1, "-1"},
        {INT64_MIN, "-9223372036854775808"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char text[SP_MOMENT_TEXT_BYTES];
        sp_moment_format(rows[i].time_s, text);
        assert_string_equal(text, rows[i].text);
    }
}

static void a_time_is_read_from_rfc_3339(void **state) {
    static const struct {
        const char *text;
        int64_t time_s; /* -1: refused */
    } rows[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"2030-01-01T00:00:00Z", INT64_C(1893456000)},
        {"2030-01-01T01:00:00+01:00", INT64_C(1893456000)},
        {"2029-12-31T18:30:00-05:30", INT64_C(1893456000)},
        {"2030-01-01T00:00:00.999999Z", INT64_C(1893456000)},
        {"2028-02-29T00:00:00Z", INT64_C(1835395200)},
        {"2000-03-01T00:00:00Z", INT64_C(951868800)},
        {"9999-12-31T23:59:59Z", SP_MOMENT_LAST_S},
        {"9999-12-31T23:59:59-00:01", -1},
        {"1970-01-01T00:00:00+00:01", -1},
        {"1969-12-31T23:59:59Z", -1},
        {"2027-02-29T00:00:00Z", -1},
        {"2100-02-29T00:00:00Z", -1},
        {"2030-04-31T00:00:00Z", -1},
        {"2030-13-01T00:00:00Z", -1},
        {"2030-00-01T00:00:00Z", -1},
        {"2030-01-00T00:00:00Z", -1},
        {"2030-01-01T24:00:00Z", -1},
        {"2030-01-01T00:60:00Z", -1},
        {"2030-01-01T00:00:60Z", -1},
        {"2030-01-01T00:00:00", -1},
        {"2030-01-01T00:00:00.Z", -1},
        {"2030-01-01T00:00:00Zz", -1},
        {"2030-01-01T00:00:00+0100", -1},
        {"2030-01-01T00:00:00+24:00", -1},
        {"2030-01-01 00:00:00Z", -1},
        {"2030-1-1T0:0:0Z", -1},
        {"2030-01-01", -1},
        {"1893456000", -1},
        {"", -1},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        int64_t time_s = -1;
        bool read = sp_moment_parse(sp_str_from(rows[i].text), &time_s);
        if (read != (rows[i].time_s >= 0) || time_s != rows[i].time_s)
            fail_msg("%s: %lld", rows[i].text, (long long)time_s);
    }
}

/* Each day from 1970 on, and the last second of a day, as the C library writes them. */
static void what_is_written_is_read_back(void **state) {
    (void)state;
    for (int64_t time_s = 0; time_s <= SP_MOMENT_LAST_S;
         time_s += time_s < INT64_C(20000000000) ? 86399 : 86400 * 97 + 1) {
        char text[SP_MOMENT_TEXT_BYTES];
        int64_t read_s = -1;
        sp_moment_format(time_s, text);
        assert_true(sp_moment_parse(sp_str_from(text), &read_s));
        assert_true(read_s == time_s);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_time_is_in_seconds_and_within_bounds),
        cmocka_unit_test(a_time_is_written_in_utc_or_as_its_number),
        cmocka_unit_test(a_time_is_read_from_rfc_3339),
        cmocka_unit_test(what_is_written_is_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
