/* Which log lines refused clients cause, and how many. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/tls_refusals.h"

static unsigned lines;
static unsigned long counted; /* by lines that tell how often */
static char last_line[SP_LOG_LINE_BYTES];

static void count_line(void *user, const char *line, size_t size) {
    (void)user;
    unsigned long times = 0;
    snprintf(last_line, sizeof(last_line), "%.*s", (int)size, line);
    const char *told = strstr(last_line, "\"times\":");
    if (told != NULL && sscanf(told, "\"times\":%lu", &times) == 1)
        counted += times;
    lines++;
}

static void refuse_because(uint8_t third, uint8_t fourth, const char *reason, const char *names) {
    const struct sp_tls_refusal refusal = {
        .peer = {.host = {[10] = 0xff, [11] = 0xff, [12] = 192, [13] = 0, [14] = third, [15] = fourth}, .port = 5000},
        .reason = reason,
        .names = names,
    };
    sp_daemon_log_tls_refusal(NULL, &refusal);
}

static void refuse(uint8_t third, uint8_t fourth) {
    refuse_because(third, fourth, "it presented no certificate", "URI:spiffe://a/b");
}

static void expect_line(unsigned count, const char *first, const char *second) {
    assert_int_equal(lines, count);
    if (strstr(last_line, first) == NULL || strstr(last_line, second) == NULL)
        fail_msg("%s", last_line);
}

/* As if nothing had been refused for minutes. */
static int begin(void **state) {
    (void)state;
    sp_log_init("test", SP_LOG_INFO);
    sp_log_set_format(SP_LOG_JSON);
    sp_log_set_sink(count_line, NULL);
    sp_daemon_tell_tls_refusals(INT64_MAX);
    sp_daemon_tell_tls_refusals(sp_clock_monotonic_ms());
    lines = 0;
    counted = 0;
    last_line[0] = '\0';
    return 0;
}

static int end(void **state) {
    (void)state;
    sp_log_set_sink(NULL, NULL);
    return 0;
}

static void the_same_again_is_counted_and_told_at_the_end_of_the_minute(void **state) {
    (void)state;
    for (int i = 0; i < 100; i++)
        refuse(2, 1);
    expect_line(1, "\"peer\":\"192.0.2.1:5000\"", "\"reason\":\"it presented no certificate\"");
    assert_non_null(strstr(last_line, "\"names\":\"URI:spiffe://a/b\""));
    sp_daemon_tell_tls_refusals(sp_clock_monotonic_ms() + 30 * 1000);
    assert_int_equal(lines, 1);
    sp_daemon_tell_tls_refusals(sp_clock_monotonic_ms() + 60 * 1000);
    expect_line(2, "\"message\":\"TLS refused a client again\"", "\"times\":99");
    assert_non_null(strstr(last_line, "\"reason\":\"it presented no certificate\""));
    sp_daemon_tell_tls_refusals(sp_clock_monotonic_ms() + 120 * 1000);
    assert_int_equal(lines, 2);
    refuse(2, 1);
    expect_line(3, "\"message\":\"TLS refused a client\"", "192.0.2.1");
}

static void another_reason_and_other_names_of_a_peer_are_logged_at_once(void **state) {
    (void)state;
    refuse(2, 1);
    refuse_because(2, 1, "its certificate is not accepted: certificate has expired", "URI:spiffe://a/b");
    expect_line(2, "certificate has expired", "spiffe://a/b");
    refuse_because(2, 1, "its certificate is not accepted: certificate has expired", "URI:spiffe://a/c");
    expect_line(3, "certificate has expired", "spiffe://a/c");
    refuse(2, 2);
    expect_line(4, "it presented no certificate", "192.0.2.2");
    refuse(2, 1);
    assert_int_equal(lines, 4);
}

static void one_peer_cannot_use_up_the_lines_of_all(void **state) {
    char names[32];
    (void)state;
    for (int i = 0; i < 100; i++) {
        snprintf(names, sizeof(names), "DNS:%d.example.org", i);
        refuse_because(2, 1, "its certificate is not accepted", names);
    }
    expect_line(8, "DNS:7.example.org", "192.0.2.1");
    refuse(2, 2);
    expect_line(9, "192.0.2.2", "it presented no certificate");
    sp_daemon_tell_tls_refusals(sp_clock_monotonic_ms() + 60 * 1000);
    expect_line(10, "\"reason\":\"other reasons, or other names\"", "\"times\":92");
}

static void all_together_get_sixty_lines_a_minute_and_none_is_lost(void **state) {
    (void)state;
    for (int i = 0; i < 200; i++)
        refuse(3, (uint8_t)i);
    expect_line(60, "192.0.3.59", "");
    for (int i = 100; i < 110; i++)
        refuse(3, (uint8_t)i);
    assert_int_equal(lines, 60);
    sp_daemon_tell_tls_refusals(INT64_MAX);
    assert_non_null(strstr(last_line, "\"message\":\"TLS refused more clients than are logged\""));
    assert_int_equal(counted, 150);
}

int main(void) {
#define CASE(test) cmocka_unit_test_setup_teardown(test, begin, end)
    const struct CMUnitTest tests[] = {
        CASE(the_same_again_is_counted_and_told_at_the_end_of_the_minute),
        CASE(another_reason_and_other_names_of_a_peer_are_logged_at_once),
        CASE(one_peer_cannot_use_up_the_lines_of_all),
        CASE(all_together_get_sixty_lines_a_minute_and_none_is_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) == 0 ? 0 : 1;
}
