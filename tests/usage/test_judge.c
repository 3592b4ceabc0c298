/* When a key may be called unused: the rule as a table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "usage/judge.h"

/* Seconds before "now", which is 1,000,000; the window is 1,000, the grace 100. -1: never, or
 * none. */
enum { NOW = 1000000, WINDOW = 1000, GRACE = 100, NONE = -1 };

static int64_t ago(int64_t seconds) {
    return seconds == NONE ? 0 : NOW - seconds;
}

static const struct {
    const char *says;
    int64_t used, created, kept, up; /* seconds ago */
    int64_t first, second;           /* watermarks of two servers; NONE: there is no such server */
    int64_t lost;                    /* of the first */
    enum sp_key_safety safety;
    enum sp_key_safety_why why;
} cases[] = {
    {"never used, all known", NONE, 9000, 9000, 9000, 10, 20, NONE, SP_KEY_SAFE, SP_WHY_UNUSED},
    {"used long ago, all known", 5000, 9000, 9000, 9000, 10, 20, NONE, SP_KEY_SAFE, SP_WHY_UNUSED},
    {"used just now", 0, 9000, 9000, 9000, 10, 20, NONE, SP_KEY_IN_USE, SP_WHY_USED},
    {"used at the window's begin", 1000, 9000, 9000, 9000, 10, 20, NONE, SP_KEY_IN_USE, SP_WHY_USED},
    {"used at its begin as far as is known", 1020, 9000, 9000, 9000, 10, 20, NONE, SP_KEY_IN_USE, SP_WHY_USED},
    {"used a second before that", 1021, 9000, 9000, 9000, 10, 20, NONE, SP_KEY_SAFE, SP_WHY_UNUSED},
    {"in use, though nothing else is known", 10, 5, 5, 5, NONE, NONE, NONE, SP_KEY_IN_USE, SP_WHY_USED},
    {"in use, though a server is silent", 10, 9000, 9000, 9000, 5000, 10, NONE, SP_KEY_IN_USE, SP_WHY_USED},
    {"made within the window", NONE, 900, 9000, 9000, 10, 20, NONE, SP_KEY_UNKNOWN, SP_WHY_KEY_YOUNG},
    {"made in the future, says an import", NONE, -50, 9000, 9000, 10, 20, NONE, SP_KEY_UNKNOWN, SP_WHY_KEY_YOUNG},
    {"kept since within the window", NONE, 9000, 1000, 9000, 10, 20, NONE, SP_KEY_UNKNOWN, SP_WHY_KEPT_SINCE},
    {"kept since just before it", NONE, 9000, 1020, 9000, 10, 20, NONE, SP_KEY_SAFE, SP_WHY_UNUSED},
    {"not kept at all", NONE, 9000, NONE, 9000, 10, 20, NONE, SP_KEY_UNKNOWN, SP_WHY_NOT_KEPT},
    {"the admin instance just started", NONE, 9000, 9000, 99, 10, 20, NONE, SP_KEY_UNKNOWN, SP_WHY_JUST_STARTED},
    {"it started a grace ago", NONE, 9000, 9000, 100, 10, 20, NONE, SP_KEY_SAFE, SP_WHY_UNUSED},
    {"no server reports", NONE, 9000, 9000, 9000, NONE, NONE, NONE, SP_KEY_UNKNOWN, SP_WHY_NO_SERVER},
    {"one server is silent", NONE, 9000, 9000, 9000, 10, 101, NONE, SP_KEY_UNKNOWN, SP_WHY_SERVER_SILENT},
    {"one is silent since before the window", NONE, 9000, 9000, 9000, 5000, 10, NONE, SP_KEY_UNKNOWN,
     SP_WHY_SERVER_SILENT},
    {"one is as late as it may be", NONE, 9000, 9000, 9000, 10, 100, NONE, SP_KEY_SAFE, SP_WHY_UNUSED},
    {"one lost something within the window", NONE, 9000, 9000, 9000, 10, 20, 500, SP_KEY_UNKNOWN, SP_WHY_SERVER_LOST},
    {"at its begin", NONE, 9000, 9000, 9000, 10, 20, 1020, SP_KEY_UNKNOWN, SP_WHY_SERVER_LOST},
    {"before it", NONE, 9000, 9000, 9000, 10, 20, 1021, SP_KEY_SAFE, SP_WHY_UNUSED},
    {"a watermark in the future counts as now", NONE, 9000, 9000, 9000, -30, 20, NONE, SP_KEY_SAFE, SP_WHY_UNUSED},
};

static void add(struct sp_usage_coverage *coverage, const char *id, int64_t until, int64_t lost, bool ended) {
    struct sp_usage_source source = {.until_s = ago(until), .lost_until_s = ago(lost), .ended = ended};
    snprintf(source.id, sizeof(source.id), "%s", id);
    sp_usage_coverage_add(coverage, &source);
}

static enum sp_key_safety judge(size_t i, const struct sp_usage_coverage *coverage, enum sp_key_safety_why *ret_why) {
    const struct sp_usage_question question = {
        .now_s = NOW,
        .window_s = WINDOW,
        .grace_s = GRACE,
        .kept_since_s = ago(cases[i].kept),
        .up_since_s = ago(cases[i].up),
        .key_created_s = ago(cases[i].created),
        .last_used_s = ago(cases[i].used),
    };
    return sp_usage_judge(&question, coverage, ret_why);
}

static void says_safe_only_where_it_would_be_known(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct sp_usage_coverage coverage;
        enum sp_key_safety_why why;
        sp_usage_coverage_begin(&coverage);
        add(&coverage, SP_USAGE_ADMIN_ID, 1, NONE, false);
        if (cases[i].first != NONE)
            add(&coverage, "first", cases[i].first, cases[i].lost, false);
        if (cases[i].second != NONE)
            add(&coverage, "second", cases[i].second, NONE, false);
        enum sp_key_safety safety = judge(i, &coverage, &why);
        if (safety != cases[i].safety || why != cases[i].why)
            fail_msg("%s: %d because of %d", cases[i].says, (int)safety, (int)why);
    }
}

/* The same where the one that lost something has ended. */
static void what_an_ended_server_lost_counts_and_its_watermark_does_not(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct sp_usage_coverage coverage;
        enum sp_key_safety_why why;
        if (cases[i].lost == NONE)
            continue;
        sp_usage_coverage_begin(&coverage);
        add(&coverage, "first", 5000, cases[i].lost, true);
        add(&coverage, "second", cases[i].second, NONE, false);
        assert_int_equal(coverage.servers, 1);
        assert_int_equal(judge(i, &coverage, &why), cases[i].safety);
        assert_int_equal(why, cases[i].why);
    }
}

static void tells_who_is_behind_and_who_lost_something(void **state) {
    (void)state;
    struct sp_usage_coverage coverage;
    sp_usage_coverage_begin(&coverage);
    add(&coverage, "a", 10, 700, false);
    add(&coverage, "b", 30, 600, true);
    add(&coverage, "c", 20, NONE, false);
    assert_int_equal(coverage.servers, 2);
    assert_int_equal(coverage.until_s, NOW - 20);
    assert_string_equal(coverage.behind, "c");
    assert_int_equal(coverage.lost_until_s, NOW - 600);
    assert_string_equal(coverage.loser, "b");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_safe_only_where_it_would_be_known),
        cmocka_unit_test(what_an_ended_server_lost_counts_and_its_watermark_does_not),
        cmocka_unit_test(tells_who_is_behind_and_who_lost_something),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
