#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/random.h"
#include "base/status.h"
#include "base/text.h"

static void statuses_have_their_grpc_codes(void **state) {
    (void)state;
    static const struct {
        enum sp_status status;
        int grpc;
        const char *name;
        enum sp_status back;
    } cases[] = {
        {SP_OK, 0, "OK", SP_OK},
        {SP_ERR_CANCELLED, 1, "CANCELLED", SP_ERR_CANCELLED},
        {SP_ERR_INVALID, 3, "INVALID_ARGUMENT", SP_ERR_INVALID},
        {SP_ERR_DEADLINE, 4, "DEADLINE_EXCEEDED", SP_ERR_DEADLINE},
        {SP_ERR_NOT_FOUND, 5, "NOT_FOUND", SP_ERR_NOT_FOUND},
        {SP_ERR_EXISTS, 6, "ALREADY_EXISTS", SP_ERR_EXISTS},
        {SP_ERR_PERMISSION, 7, "PERMISSION_DENIED", SP_ERR_PERMISSION},
        {SP_ERR_EXHAUSTED, 8, "RESOURCE_EXHAUSTED", SP_ERR_EXHAUSTED},
        {SP_ERR_MEMORY, 8, "RESOURCE_EXHAUSTED", SP_ERR_EXHAUSTED},
        {SP_ERR_PRECONDITION, 9, "FAILED_PRECONDITION", SP_ERR_PRECONDITION},
        {SP_ERR_ABORTED, 10, "ABORTED", SP_ERR_ABORTED},
        {SP_ERR_OUT_OF_RANGE, 11, "OUT_OF_RANGE", SP_ERR_OUT_OF_RANGE},
        {SP_ERR_FUTURE, 11, "OUT_OF_RANGE", SP_ERR_OUT_OF_RANGE},
        {SP_ERR_UNIMPLEMENTED, 12, "UNIMPLEMENTED", SP_ERR_UNIMPLEMENTED},
        {SP_ERR_IO, 13, "INTERNAL", SP_ERR_INTERNAL},
        {SP_ERR_INTERNAL, 13, "INTERNAL", SP_ERR_INTERNAL},
        {SP_WALK_END, 13, "INTERNAL", SP_ERR_INTERNAL},
        {SP_STREAM_END, 13, "INTERNAL", SP_ERR_INTERNAL},
        {SP_ERR_UNAVAILABLE, 14, "UNAVAILABLE", SP_ERR_UNAVAILABLE},
        {SP_ERR_CORRUPT, 15, "DATA_LOSS", SP_ERR_CORRUPT},
        {SP_ERR_UNAUTHENTICATED, 16, "UNAUTHENTICATED", SP_ERR_UNAUTHENTICATED},
        {(enum sp_status)99, 13, "INTERNAL", SP_ERR_INTERNAL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        assert_int_equal(sp_status_to_grpc(cases[i].status), cases[i].grpc);
        assert_string_equal(sp_status_name(cases[i].status), cases[i].name);
        assert_int_equal(sp_status_from_grpc(cases[i].grpc), cases[i].back);
    }
    assert_int_equal(sp_status_from_grpc(2), SP_ERR_INTERNAL);
    assert_int_equal(sp_status_from_grpc(-1), SP_ERR_INTERNAL);
    assert_int_equal(sp_status_from_grpc(17), SP_ERR_INTERNAL);
}

static void an_error_carries_status_and_message(void **state) {
    (void)state;
    struct sp_error error;
    assert_int_equal(sp_error_set(&error, SP_ERR_EXISTS, "%s %d", "voice", 7), SP_ERR_EXISTS);
    assert_int_equal(error.status, SP_ERR_EXISTS);
    assert_string_equal(error.message, "voice 7");
    assert_int_equal(sp_error_set(NULL, SP_ERR_IO, "nobody reads this"), SP_ERR_IO);
}

static void a_message_is_cut_between_characters(void **state) {
    (void)state;
    static const char *const fillers[] = {"a", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80"};
    char text[3000];
    for (size_t f = 0; f < 4; f++) {
        for (size_t shift = 0; shift < 4; shift++) {
            size_t used = shift;
            memset(text, 'x', shift);
            for (size_t size = strlen(fillers[f]); used + size < sizeof(text); used += size)
                memcpy(text + used, fillers[f], size);
            text[used] = '\0';
            struct sp_error error;
            sp_error_set(&error, SP_ERR_INVALID, "%s", text);
            assert_true(sp_text_is_utf8(sp_str_from(error.message)));
            assert_in_range(strlen(error.message), sizeof(error.message) - 4, sizeof(error.message) - 1);
        }
    }
}

static void ids_are_as_long_as_promised_and_differ(void **state) {
    (void)state;
    char ids[100][SP_RANDOM_ID_BYTES];
    for (size_t i = 0; i < 100; i++) {
        struct sp_error error;
        assert_int_equal(sp_random_id("key_", ids[i]), SP_OK);
        assert_int_equal(strlen(ids[i]), 24);
        assert_memory_equal(ids[i], "key_", 4);
        assert_int_equal(strspn(ids[i] + 4, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"), 20);
        assert_int_equal(sp_text_check_id(sp_str_from(ids[i]), "id", &error), SP_OK);
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(ids[i], ids[j]);
    }
    assert_int_equal(sp_random_id("12345678", ids[0]), SP_OK);
    assert_int_equal(sp_random_id("123456789012", ids[0]), SP_ERR_INTERNAL);
}

static const struct sp_log_field fields[] = {{"file", "a \"b\"\n", 0}, {"tries", NULL, 18446744073709551615U}};

/* What one call of sp_log writes to stderr, or with `with_fields` one of sp_log_fields. */
static void capture_line(enum sp_log_level level, const char *message, bool with_fields, char *ret_line, size_t size) {
    int ends[2];
    int kept = dup(STDERR_FILENO);
    assert_int_equal(pipe(ends), 0);
    assert_int_not_equal(dup2(ends[1], STDERR_FILENO), -1);
    if (with_fields)
        sp_log_fields(level, message, fields, sizeof(fields) / sizeof(*fields));
    else
        sp_log(level, "%s", message);
    assert_int_not_equal(dup2(kept, STDERR_FILENO), -1);
    close(kept);
    close(ends[1]);
    ssize_t got = read(ends[0], ret_line, size - 1);
    close(ends[0]);
    ret_line[got > 0 ? got : 0] = '\0';
}

static void capture(enum sp_log_level level, const char *message, char *ret_line, size_t size) {
    capture_line(level, message, false, ret_line, size);
}

static void log_lines_are_json_whatever_the_message(void **state) {
    (void)state;
    static const struct {
        const char *message;
        const char *written;
    } cases[] = {
        {"started", "started"},
        {"a \"b\" \\ c", "a \\\"b\\\" \\\\ c"},
        {"line\nbreak\t\x01", "line\\u000abreak\\u0009\\u0001"},
        {"caf\xc3\xa9", "caf\xc3\xa9"},
        {"not \xff text", "not ? text"},
        {"", ""},
    };
    sp_log_init("sallyport-test", SP_LOG_WARNING);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char line[4096];
        char wanted[512];
        capture(SP_LOG_ERROR, cases[i].message, line, sizeof(line));
        snprintf(wanted, sizeof(wanted), "Z\",\"level\":\"error\",\"program\":\"sallyport-test\",\"message\":\"%s\"}\n",
                 cases[i].written);
        assert_memory_equal(line, "{\"time\":\"2", 10);
        assert_string_equal(line + strlen("{\"time\":\"2026-01-31T12:00:00.123456"), wanted);
        capture(SP_LOG_INFO, cases[i].message, line, sizeof(line));
        assert_string_equal(line, "");
    }
}

static void log_lines_carry_fields_and_can_be_text(void **state) {
    (void)state;
    char line[4096];
    enum sp_log_format format = SP_LOG_TEXT;
    sp_log_init("sallyport-test", SP_LOG_INFO);
    capture_line(SP_LOG_INFO, "done", true, line, sizeof(line));
    assert_non_null(
        strstr(line, ",\"message\":\"done\",\"file\":\"a \\\"b\\\"\\u000a\",\"tries\":18446744073709551615}\n"));
    sp_log_set_format(SP_LOG_TEXT);
    capture_line(SP_LOG_WARNING, "two\nlines \"said\" \xff", true, line, sizeof(line));
    assert_string_equal(line + strlen("2026-01-31T12:00:00"),
                        "Z warning two\\u000alines \"said\" ? file=a \"b\"\\u000a tries=18446744073709551615\n");
    sp_log_set_format(SP_LOG_AUTO); /* the pipe is no terminal */
    capture(SP_LOG_ERROR, "json", line, sizeof(line));
    assert_int_equal(line[0], '{');
    assert_int_equal(sp_log_format_parse("json", &format), SP_OK);
    assert_int_equal(format, SP_LOG_JSON);
    assert_int_equal(sp_log_format_parse("xml", &format), SP_ERR_INVALID);
}

/* However long a message is, the line is whole JSON. */
static void a_long_message_is_cut(void **state) {
    (void)state;
    char line[8192], message[8000];
    memset(message, '"', sizeof(message));
    message[sizeof(message) - 1] = '\0';
    capture_line(SP_LOG_ERROR, message, true, line, sizeof(line));
    size_t size = strlen(line);
    assert_true(size > 3900 && size <= 4096);
    assert_string_equal(line + size - 2, "}\n");
}

/* Nobody reads stderr. The first line waits for a second, the next ones not at all, until somebody
 * reads again. */
static void lines_wait_a_second_at_most_for_whoever_reads_stderr(void **state) {
    (void)state;
    int ends[2];
    char bytes[4096];
    struct timespec began, ended;
    int kept = dup(STDERR_FILENO);
    assert_int_equal(pipe(ends), 0);
    int flags = fcntl(ends[1], F_GETFL);
    while (fcntl(ends[1], F_SETFL, flags | O_NONBLOCK) == 0 && write(ends[1], bytes, sizeof(bytes)) > 0)
        ;
    assert_int_equal(fcntl(ends[1], F_SETFL, flags), 0);
    assert_int_not_equal(dup2(ends[1], STDERR_FILENO), -1);
    clock_gettime(CLOCK_MONOTONIC, &began);
    for (int i = 0; i < 1000; i++)
        sp_log(SP_LOG_ERROR, "line %d", i);
    clock_gettime(CLOCK_MONOTONIC, &ended);
    bool flags_are_kept = fcntl(ends[1], F_GETFL) == flags;
    while (read(ends[0], bytes, sizeof(bytes)) == (ssize_t)sizeof(bytes) && fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0)
        ;
    sp_log(SP_LOG_ERROR, "read again");
    assert_int_not_equal(dup2(kept, STDERR_FILENO), -1);
    ssize_t got = read(ends[0], bytes, sizeof(bytes) - 1);
    close(kept);
    close(ends[0]);
    close(ends[1]);
    assert_true(ended.tv_sec - began.tv_sec < 30); /* without the limit it would never end */
    assert_true(flags_are_kept);
    bytes[got > 0 ? got : 0] = '\0';
    assert_non_null(strstr(bytes, "read again"));
}

static void keep_line(void *user, const char *line, size_t size) {
    char *kept = user;
    memcpy(kept, line, size);
    kept[size] = '\0';
}

static void lines_go_to_the_sink_while_there_is_one(void **state) {
    (void)state;
    char kept[SP_LOG_LINE_BYTES + 1] = "", line[4096];
    sp_log_set_sink(keep_line, kept);
    capture(SP_LOG_ERROR, "for the sink", line, sizeof(line));
    assert_string_equal(line, "");
    assert_non_null(strstr(kept, "\"message\":\"for the sink\"}\n"));
    sp_log_set_sink(NULL, NULL);
    capture(SP_LOG_ERROR, "for stderr", line, sizeof(line));
    assert_non_null(strstr(line, "for stderr"));
}

static void log_levels_read_by_name(void **state) {
    (void)state;
    enum sp_log_level level = SP_LOG_ERROR;
    assert_int_equal(sp_log_level_parse("debug", &level), SP_OK);
    assert_int_equal(level, SP_LOG_DEBUG);
    assert_int_equal(sp_log_level_parse("warning", &level), SP_OK);
    assert_int_equal(level, SP_LOG_WARNING);
    assert_int_equal(sp_log_level_parse("loud", &level), SP_ERR_INVALID);
    assert_int_equal(level, SP_LOG_WARNING);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(statuses_have_their_grpc_codes),
        cmocka_unit_test(an_error_carries_status_and_message),
        cmocka_unit_test(a_message_is_cut_between_characters),
        cmocka_unit_test(ids_are_as_long_as_promised_and_differ),
        cmocka_unit_test(log_lines_are_json_whatever_the_message),
        cmocka_unit_test(log_lines_carry_fields_and_can_be_text),
        cmocka_unit_test(a_long_message_is_cut),
        cmocka_unit_test(lines_wait_a_second_at_most_for_whoever_reads_stderr),
        cmocka_unit_test(lines_go_to_the_sink_while_there_is_one),
        cmocka_unit_test(log_levels_read_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) == 0 ? 0 : 1;
}
