/* How many events one source may cause, by a clock that the test sets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "observe/event_limits.h"

static struct sp_event_limits limits;

static int set_up(void **state) {
    (void)state;
    memset(&limits, 0, sizeof(limits));
    return sp_event_limits_init(&limits) == SP_OK ? 0 : -1;
}

static uint64_t source_of(unsigned class_uid, const char *text) {
    return sp_event_limits_source(&limits, class_uid, sp_bytes_of_str(sp_str_from(text)), (struct sp_bytes){0});
}

/* How many of `tries` pass at one moment; *ret_suppressed is what the last that passed was told. */
static unsigned count_passing(uint64_t source, int64_t now_ms, unsigned tries, uint32_t *ret_suppressed) {
    unsigned passed = 0;
    for (unsigned i = 0; i < tries; i++)
        passed += sp_event_limits_admit(&limits, source, now_ms, ret_suppressed);
    return passed;
}

static void a_burst_passes_then_one_a_second(void **state) {
    uint32_t suppressed = 77;
    uint64_t source = source_of(3002, "a");
    (void)state;
    assert_int_equal(count_passing(source, 1000, 100, &suppressed), SP_EVENT_LIMITS_BURST);
    assert_int_equal(suppressed, 0);
    assert_int_equal(count_passing(source, 1999, 10, &suppressed), 0);
    assert_int_equal(count_passing(source, 2000, 10, &suppressed), 1);
    assert_int_equal(suppressed, 100 - SP_EVENT_LIMITS_BURST + 10);
    assert_int_equal(count_passing(source, 5000, 10, &suppressed), 3);
    assert_int_equal(suppressed, 0);
    assert_int_equal(count_passing(source, 10000000, 100, &suppressed), SP_EVENT_LIMITS_BURST);
}

static void sources_and_classes_do_not_share_a_limit(void **state) {
    uint32_t suppressed = 0;
    (void)state;
    assert_int_equal(count_passing(source_of(3002, "a"), 1000, 100, &suppressed), SP_EVENT_LIMITS_BURST);
    assert_int_equal(count_passing(source_of(6003, "a"), 1000, 100, &suppressed), SP_EVENT_LIMITS_BURST);
    assert_int_equal(count_passing(source_of(3002, "b"), 1000, 100, &suppressed), SP_EVENT_LIMITS_BURST);
}

/* A million addresses within a second: no more than the table's places times a burst. */
static void a_flood_of_sources_is_bounded_and_ends_with_time(void **state) {
    uint32_t suppressed = 0;
    unsigned passed = 0;
    (void)state;
    for (unsigned i = 0; i < 1000000; i++) {
        char text[16];
        snprintf(text, sizeof(text), "%u", i);
        passed += sp_event_limits_admit(&limits, source_of(3002, text), 1000, &suppressed);
    }
    assert_in_range(passed, SP_EVENT_LIMITS_PLACES / 2, SP_EVENT_LIMITS_PLACES);
    assert_false(sp_event_limits_admit(&limits, source_of(3002, "late"), 1000, &suppressed));
    assert_true(
        sp_event_limits_admit(&limits, source_of(3002, "late"), 1000 + 1000 * SP_EVENT_LIMITS_BURST, &suppressed));
}

/* A busy source keeps its place, and with it the count of what was suppressed. */
static void a_busy_source_is_not_pushed_out(void **state) {
    uint32_t suppressed = 0;
    uint64_t busy = source_of(3002, "busy");
    (void)state;
    assert_int_equal(count_passing(busy, 1000, 100, &suppressed), SP_EVENT_LIMITS_BURST);
    for (unsigned i = 0; i < 100000; i++) {
        char text[16];
        snprintf(text, sizeof(text), "%u", i);
        (void)sp_event_limits_admit(&limits, source_of(3002, text), 1500, &suppressed);
    }
    assert_true(sp_event_limits_admit(&limits, busy, 2500, &suppressed));
    assert_int_equal(suppressed, 100 - SP_EVENT_LIMITS_BURST);
}

static uint64_t owned_source_of(const char *text, const char *owner) {
    return sp_event_limits_source(&limits, 3002, sp_bytes_of_str(sp_str_from(text)),
                                  sp_bytes_of_str(sp_str_from(owner)));
}

/* Of 64 other owners hardly one is unlucky, whatever the seed. */
static void the_sources_of_one_owner_take_only_its_places(void **state) {
    uint32_t suppressed = 0;
    unsigned passed = 0, others = 0;
    (void)state;
    for (unsigned i = 0; i < 100000; i++) {
        char text[16];
        snprintf(text, sizeof(text), "%u", i);
        passed += sp_event_limits_admit(&limits, owned_source_of(text, "noisy"), 1000, &suppressed);
    }
    assert_int_equal(passed, SP_EVENT_LIMITS_OWNER_PLACES);
    for (unsigned i = 0; i < 64; i++) {
        char owner[16];
        snprintf(owner, sizeof(owner), "quiet%u", i);
        others += sp_event_limits_admit(&limits, owned_source_of("admin", owner), 1000, &suppressed);
    }
    assert_true(others >= 48);
}

static void the_same_name_of_two_owners_is_two_sources(void **state) {
    uint32_t suppressed = 0;
    (void)state;
    assert_int_equal(count_passing(owned_source_of("ann", "w1"), 1000, 100, &suppressed), SP_EVENT_LIMITS_BURST);
    assert_int_equal(count_passing(owned_source_of("ann", "w2"), 1000, 100, &suppressed), SP_EVENT_LIMITS_BURST);
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_burst_passes_then_one_a_second),
        TEST(sources_and_classes_do_not_share_a_limit),
        TEST(a_flood_of_sources_is_bounded_and_ends_with_time),
        TEST(the_sources_of_one_owner_take_only_its_places),
        TEST(the_same_name_of_two_owners_is_two_sources),
        TEST(a_busy_source_is_not_pushed_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
