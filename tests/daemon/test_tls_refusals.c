/* How many log lines refused clients can cause. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/log.h"
#include "daemon/tls_refusals.h"

static unsigned lines;
static char last_line[SP_LOG_LINE_BYTES];

static void count_line(void *user, const char *line, size_t size) {
    (void)user;
    snprintf(last_line, sizeof(last_line), "%.*s", (int)size, line);
    lines++;
}

static void refuse(uint8_t third, uint8_t fourth) {
    const struct sp_tls_refusal refusal = {
        .peer = {.host = {[10] = 0xff, [11] = 0xff, [12] = 192, [13] = 0, [14] = third, [15] = fourth}, .port = 5000},
        .reason = "it shows no certificate",
        .names = "URI:spiffe://a/b",
    };
    sp_daemon_log_tls_refusal(NULL, &refusal);
}

static void a_peer_is_logged_once_a_minute_and_all_together_sixty_times(void **state) {
    (void)state;
    sp_log_init("test", SP_LOG_INFO);
    sp_log_set_format(SP_LOG_JSON);
    sp_log_set_sink(count_line, NULL);
    for (int i = 0; i < 100; i++)
        refuse(2, 1);
    assert_int_equal(lines, 1);
    assert_non_null(strstr(last_line, "\"peer\":\"192.0.2.1:5000\""));
    assert_non_null(strstr(last_line, "\"reason\":\"it shows no certificate\""));
    assert_non_null(strstr(last_line, "\"names\":\"URI:spiffe://a/b\""));
    refuse(2, 2);
    assert_int_equal(lines, 2);
    for (int i = 0; i < 200; i++)
        refuse(3, (uint8_t)i);
    assert_int_equal(lines, 60);
    sp_log_set_sink(NULL, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_peer_is_logged_once_a_minute_and_all_together_sixty_times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) == 0 ? 0 : 1;
}
