/* What a workspace may still write. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "sync/allowance.h"

static struct sp_allowance *make(uint64_t bytes_per_s, uint64_t burst_bytes) {
    const struct sp_allowance_limits limits = {.bytes_per_s = bytes_per_s, .burst_bytes = burst_bytes};
    struct sp_allowance *allowance = NULL;
    assert_int_equal(sp_allowance_create(&limits, &allowance), SP_OK);
    return allowance;
}

static void a_workspace_waits_for_what_it_wrote_beyond_its_allowance(void **state) {
    (void)state;
    struct sp_allowance *allowance = make(1000, 5000);
    sp_allowance_charge(allowance, "w", 5000, 100);
    assert_int_equal(sp_allowance_wait_ms(allowance, "w", 100), 0);
    sp_allowance_charge(allowance, "w", 2500, 100);
    assert_in_range(sp_allowance_wait_ms(allowance, "w", 100), 2500, 2501);
    assert_in_range(sp_allowance_wait_ms(allowance, "w", 1100), 1500, 1501);
    assert_int_equal(sp_allowance_wait_ms(allowance, "w", 2700), 0);
    sp_allowance_free(allowance);
}

static void other_workspaces_do_not_wait(void **state) {
    (void)state;
    struct sp_allowance *allowance = make(1000, 5000);
    sp_allowance_charge(allowance, "noisy", 1000000, 0);
    assert_true(sp_allowance_wait_ms(allowance, "noisy", 0) > 900000);
    assert_int_equal(sp_allowance_wait_ms(allowance, "quiet", 0), 0);
    sp_allowance_free(allowance);
}

static void a_bucket_holds_no_more_than_the_burst(void **state) {
    (void)state;
    struct sp_allowance *allowance = make(1000, 5000);
    sp_allowance_charge(allowance, "w", 1, 0);
    sp_allowance_charge(allowance, "w", 5000, INT64_MAX / 4);
    assert_int_equal(sp_allowance_wait_ms(allowance, "w", INT64_MAX / 4), 0);
    sp_allowance_charge(allowance, "w", 1, INT64_MAX / 4);
    assert_true(sp_allowance_wait_ms(allowance, "w", INT64_MAX / 4) > 0);
    sp_allowance_free(allowance);
}

static void no_rate_is_no_limit(void **state) {
    (void)state;
    struct sp_allowance *allowance = make(0, 0);
    sp_allowance_charge(allowance, "w", UINT64_C(1) << 40, 0);
    assert_int_equal(sp_allowance_wait_ms(allowance, "w", 0), 0);
    assert_int_equal(sp_allowance_count(allowance), 0);
    sp_allowance_free(allowance);
}

static void full_buckets_are_forgotten(void **state) {
    (void)state;
    struct sp_allowance *allowance = make(1000, 5000);
    char workspace[16];
    for (int i = 0; i < 5000; i++) {
        snprintf(workspace, sizeof(workspace), "w%d", i);
        sp_allowance_charge(allowance, workspace, 1000, (int64_t)i * 100);
    }
    assert_in_range(sp_allowance_count(allowance), 1, 600);
    sp_allowance_free(allowance);
}

static void a_share_comes_back_only_when_it_is_renewed(void **state) {
    (void)state;
    const struct sp_allowance_limits limits = {.bytes_per_s = 1000, .burst_bytes = 5000, .share_bytes = 6000};
    struct sp_allowance *allowance = NULL;
    char workspace[16];
    assert_int_equal(sp_allowance_create(&limits, &allowance), SP_OK);
    sp_allowance_charge(allowance, "w", 4000, 0);
    assert_int_equal(sp_allowance_wait_ms(allowance, "w", 0), 0);
    sp_allowance_charge(allowance, "w", 2000, 10000);
    assert_true(sp_allowance_wait_ms(allowance, "w", 10000) == INT64_MAX);
    /* Not even when buckets are swept, and it has been full for long. */
    for (int i = 0; i < 1000; i++) {
        snprintf(workspace, sizeof(workspace), "w%d", i);
        sp_allowance_charge(allowance, workspace, 1, INT64_MAX / 4);
    }
    assert_true(sp_allowance_wait_ms(allowance, "w", INT64_MAX / 4) == INT64_MAX);
    sp_allowance_renew_shares(allowance);
    assert_int_equal(sp_allowance_wait_ms(allowance, "w", INT64_MAX / 4), 0);
    sp_allowance_free(allowance);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_workspace_waits_for_what_it_wrote_beyond_its_allowance),
        cmocka_unit_test(other_workspaces_do_not_wait),
        cmocka_unit_test(a_bucket_holds_no_more_than_the_burst),
        cmocka_unit_test(no_rate_is_no_limit),
        cmocka_unit_test(a_share_comes_back_only_when_it_is_renewed),
        cmocka_unit_test(full_buckets_are_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
