/* Who is refused new connections, and for how long. */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rpc/offenders.h"

enum { LISTENER, OTHER_LISTENER };

static const struct sp_peer bad = {.host = {[15] = 1}, .port = 1000}, good = {.host = {[15] = 2}, .port = 1000};

static void offend(struct offenders *offenders, int times, int64_t now_ms) {
    for (int i = 0; i < times; i++) {
        const struct sp_peer other_port = {.host = {[15] = 1}, .port = (uint16_t)(2000 + i)};
        sp_rpc_offenders_note(offenders, LISTENER, &other_port, now_ms);
    }
}

static void an_address_is_refused_after_four_offences_and_only_at_that_listener(void **state) {
    struct offenders offenders = {0};
    (void)state;
    offend(&offenders, 3, 10000);
    assert_int_equal(sp_rpc_offenders_most(&offenders, LISTENER, &bad, 10000), UINT_MAX);
    offend(&offenders, 1, 10000);
    assert_int_equal(sp_rpc_offenders_most(&offenders, LISTENER, &bad, 10000), 0);
    assert_int_equal(sp_rpc_offenders_most(&offenders, OTHER_LISTENER, &bad, 10000), UINT_MAX);
    assert_int_equal(sp_rpc_offenders_most(&offenders, LISTENER, &good, 10000), UINT_MAX);
}

static void penalties_grow_to_eight_seconds_and_end_in_a_probation(void **state) {
    static const int64_t penalties_ms[] = {1000, 2000, 4000, 8000, 8000};
    struct offenders offenders = {0};
    int64_t now_ms = 10000;
    (void)state;
    for (size_t i = 0; i < sizeof(penalties_ms) / sizeof(*penalties_ms); i++) {
        offend(&offenders, 4, now_ms);
        assert_int_equal(sp_rpc_offenders_most(&offenders, LISTENER, &bad, now_ms + penalties_ms[i] - 1), 0);
        now_ms += penalties_ms[i];
        assert_int_equal(sp_rpc_offenders_most(&offenders, LISTENER, &bad, now_ms), 2);
    }
    assert_int_equal(sp_rpc_offenders_most(&offenders, LISTENER, &bad, now_ms + 60000), UINT_MAX);
    offend(&offenders, 3, now_ms + 60000); /* all is forgiven */
    assert_int_equal(sp_rpc_offenders_most(&offenders, LISTENER, &bad, now_ms + 60000), UINT_MAX);
}

static void the_oldest_of_many_offenders_is_forgotten(void **state) {
    struct offenders offenders = {0};
    (void)state;
    offend(&offenders, 4, 1);
    for (int i = 0; i < OFFENDERS_MAX; i++) {
        const struct sp_peer peer = {.host = {[14] = 1, [15] = (uint8_t)i}};
        assert_int_equal(sp_rpc_offenders_most(&offenders, LISTENER, &bad, 2), 0);
        sp_rpc_offenders_note(&offenders, LISTENER, &peer, 2 + i);
    }
    assert_int_equal(sp_rpc_offenders_most(&offenders, LISTENER, &bad, 2), UINT_MAX);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_is_refused_after_four_offences_and_only_at_that_listener),
        cmocka_unit_test(penalties_grow_to_eight_seconds_and_end_in_a_probation),
        cmocka_unit_test(the_oldest_of_many_offenders_is_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) == 0 ? 0 : 1;
}
