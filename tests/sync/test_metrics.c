/* The page of sallyport-sync's metrics: what is counted, and what is missing while it is not
 * known. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "admin/admin.h"
#include "sync/metrics.h"
#include "sync/worker_slots.h"

enum { PAGE_BYTES = 256 * 1024 };

static char page[PAGE_BYTES];
static struct sp_sync_metrics *metrics;

static int open_metrics(void **state) {
    (void)state;
    return sp_sync_metrics_create(&metrics) == SP_OK ? 0 : -1;
}

static int close_metrics(void **state) {
    (void)state;
    sp_sync_metrics_free(metrics);
    return 0;
}

static void write_page(const struct sp_sync_gauges *gauges) {
    struct sp_text_out out;
    sp_text_out_init(&out, page, sizeof(page));
    sp_sync_metrics_write(metrics, gauges, &out);
    assert_false(out.full);
    assert_in_range(out.used, 1, PAGE_BYTES - 1);
    page[out.used] = '\0';
}

static bool has_line(const char *line) {
    char text[256];
    snprintf(text, sizeof(text), "\n%s\n", line);
    return strstr(page, text) != NULL;
}

static bool has_sample(const char *name) {
    char text[256];
    snprintf(text, sizeof(text), "\n%s ", name);
    return strstr(page, text) != NULL;
}

static void what_is_not_known_is_missing(void **state) {
    const struct sp_sync_gauges gauges = {.writer = {.waiting = 3, .refused = {[SP_WRITER_QUEUE_FULL] = 5}},
                                          .watches = 2};
    (void)state;
    write_page(&gauges);
    assert_true(has_line("sallyport_change_queue 3"));
    assert_true(has_line("sallyport_changes_refused_total{limit=\"queue\"} 5"));
    assert_true(has_line("sallyport_watches 2"));
    assert_true(has_line("sallyport_ready 0"));
    assert_false(has_sample("sallyport_keys_expiring_soon"));
    assert_false(has_sample("sallyport_last_backup_timestamp_seconds"));
    assert_false(has_sample("sallyport_source_following"));
    assert_false(has_sample("sallyport_source_unreadable_entities"));
    sp_sync_metrics_set_expiring(metrics, 0);
    sp_sync_metrics_count_backup(metrics, 1700000000);
    write_page(&gauges);
    assert_true(has_line("sallyport_keys_expiring_soon 0"));
    assert_true(has_line("sallyport_last_backup_timestamp_seconds 1700000000"));
}

static void a_source_shows_its_state_and_its_age_once_that_is_known(void **state) {
    struct sp_source_state source = {.following = true, .age_ms = -1, .unreadable = 4, .lists = 5, .differences = 6};
    const struct sp_sync_gauges gauges = {.ready = true, .source = &source};
    (void)state;
    write_page(&gauges);
    assert_true(has_line("sallyport_ready 1"));
    assert_true(has_line("sallyport_source_following 1"));
    assert_true(has_line("sallyport_source_unreadable_entities 4"));
    assert_true(has_line("sallyport_source_listings 5"));
    assert_true(has_line("sallyport_source_differences 6"));
    assert_true(has_line("sallyport_source_lost_races 0"));
    assert_false(has_sample("sallyport_source_age_seconds"));
    source.age_ms = 1500;
    write_page(&gauges);
    assert_true(has_line("sallyport_source_age_seconds 1.5"));
}

static void calls_are_counted_by_method_and_outcome_on_every_shard(void **state) {
    static const enum sp_status statuses[] = {SP_OK,     SP_ERR_PERMISSION, SP_ERR_DEADLINE,
                                              SP_ERR_IO, SP_ERR_CORRUPT,    SP_ERR_UNAVAILABLE};
    static const struct {
        const char *outcome;
        int calls;
    } sums[] = {{"ok", 2}, {"refused", 4}, {"failed", 6}};
    const struct sp_sync_gauges gauges = {.ready = true};
    char line[128];
    (void)state;
    for (size_t i = 0; i < sizeof(statuses) / sizeof(*statuses); i++) {
        sp_sync_metrics_count_call(metrics, 1, 0, statuses[i]);
        sp_sync_metrics_count_call(metrics, 1, SP_SYNC_WRITER_SHARD, statuses[i]);
    }
    write_page(&gauges);
    for (size_t i = 0; i < 3; i++) {
        snprintf(line, sizeof(line), "sallyport_admin_calls_total{method=\"%s\",outcome=\"%s\"} %d",
                 sp_admin_method_name(sp_admin_method_at(1)), sums[i].outcome, sums[i].calls);
        assert_true(has_line(line));
    }
}

static void commits_are_counted_with_their_changes(void **state) {
    const struct sp_sync_gauges gauges = {.ready = true};
    (void)state;
    sp_sync_metrics_count_commit(NULL, 1, 1);
    sp_sync_metrics_count_commit(metrics, 3000000, 7);
    sp_sync_metrics_count_commit(metrics, 1000000, 1);
    write_page(&gauges);
    assert_true(has_line("sallyport_commit_changes_sum 8"));
    assert_true(has_line("sallyport_commit_changes_count 2"));
    assert_true(has_line("sallyport_commit_seconds_bucket{le=\"0.001\"} 1"));
    assert_true(has_line("sallyport_commit_seconds_bucket{le=\"0.005\"} 2"));
}

int main(void) {
#define CASE(name) cmocka_unit_test_setup_teardown(name, open_metrics, close_metrics)
    const struct CMUnitTest tests[] = {
        CASE(what_is_not_known_is_missing),
        CASE(a_source_shows_its_state_and_its_age_once_that_is_known),
        CASE(calls_are_counted_by_method_and_outcome_on_every_shard),
        CASE(commits_are_counted_with_their_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) == 0 ? 0 : 1;
}
