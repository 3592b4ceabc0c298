/* Counting from threads, and the page against the rules of Prometheus' text format. */
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "observe/metrics.h"
#include "observe/process.h"
#include "support/process.h"

enum { SHARDS = 4, PAGE = 64 * 1024 };
enum row { CALLS, SECONDS, LEVEL, TAKEN, ROWS };

static size_t name_series(unsigned series, struct sp_metric_label ret_labels[static SP_METRIC_MAX_LABELS]) {
    static const char *const values[] = {"plain", "a\\b\"c\nd", "\xc3\xa4"};
    ret_labels[0] = (struct sp_metric_label){"kind", values[series]};
    ret_labels[1] = (struct sp_metric_label){"other", "x"};
    return 2;
}

static const uint64_t buckets[] = {1000, 2000, 5000000};

static const struct sp_metric table[ROWS] = {
    [CALLS] = {.name = "test_calls_total",
               .help = "One line\\two\nlines.",
               .kind = SP_METRIC_COUNTER,
               .series = 3,
               .labels = name_series},
    [SECONDS] = {.name = "test_seconds",
                 .help = "Time.",
                 .kind = SP_METRIC_HISTOGRAM,
                 .buckets = buckets,
                 .bucket_count = 3,
                 .scale = 1e-9},
    [LEVEL] = {.name = "test_level", .help = "A level.", .kind = SP_METRIC_GAUGE},
    [TAKEN] = {.name = "test_taken_total", .help = "Gathered.", .kind = SP_METRIC_GATHERED_COUNTER},
};

static char page[PAGE];

static const char *write_page(const struct sp_metrics *metrics) {
    struct sp_text_out out;
    sp_text_out_init(&out, page, sizeof(page) - 1);
    sp_metrics_write(metrics, &out);
    assert_false(out.full);
    page[out.used] = '\0';
    return page;
}

static struct sp_metrics *create(void) {
    struct sp_metrics *metrics = NULL;
    assert_int_equal(sp_metrics_create(table, ROWS, SHARDS, &metrics), SP_OK);
    return metrics;
}

static void a_page_of_nothing_shows_every_counter_at_zero_and_no_unknown_gauge(void **state) {
    struct sp_metrics *metrics = create();
    (void)state;
    assert_string_equal(write_page(metrics), "# HELP test_calls_total One line\\\\two\\nlines.\n"
                                             "# TYPE test_calls_total counter\n"
                                             "test_calls_total{kind=\"plain\",other=\"x\"} 0\n"
                                             "test_calls_total{kind=\"a\\\\b\\\"c\\nd\",other=\"x\"} 0\n"
                                             "test_calls_total{kind=\"\xc3\xa4\",other=\"x\"} 0\n"
                                             "# HELP test_seconds Time.\n"
                                             "# TYPE test_seconds histogram\n"
                                             "test_seconds_bucket{le=\"1e-06\"} 0\n"
                                             "test_seconds_bucket{le=\"2e-06\"} 0\n"
                                             "test_seconds_bucket{le=\"0.005\"} 0\n"
                                             "test_seconds_bucket{le=\"+Inf\"} 0\n"
                                             "test_seconds_sum 0\n"
                                             "test_seconds_count 0\n"
                                             "# HELP test_level A level.\n"
                                             "# TYPE test_level gauge\n"
                                             "# HELP test_taken_total Gathered.\n"
                                             "# TYPE test_taken_total counter\n");
    sp_metrics_free(metrics);
}

static void a_histogram_counts_up_to_each_bound_and_the_bound_itself(void **state) {
    struct sp_metrics *metrics = create();
    (void)state;
    const uint64_t values[] = {0, 1000, 1001, 2000, 2001, 5000000, 5000001};
    for (unsigned i = 0; i < 7; i++)
        sp_metrics_observe(metrics, i % SHARDS, SECONDS, 0, values[i]);
    const char *text = write_page(metrics);
    assert_non_null(strstr(text, "test_seconds_bucket{le=\"1e-06\"} 2\n"
                                 "test_seconds_bucket{le=\"2e-06\"} 4\n"
                                 "test_seconds_bucket{le=\"0.005\"} 6\n"
                                 "test_seconds_bucket{le=\"+Inf\"} 7\n"
                                 "test_seconds_sum 0.010006003\n"
                                 "test_seconds_count 7\n"));
    sp_metrics_free(metrics);
}

static void a_gathered_number_shows_until_it_is_not_known_again(void **state) {
    struct sp_metrics *metrics = create();
    (void)state;
    sp_metrics_set(metrics, LEVEL, 0, -1.5);
    sp_metrics_set(metrics, TAKEN, 0, 1795434783);
    const char *text = write_page(metrics);
    assert_non_null(strstr(text, "\ntest_level -1.5\n"));
    assert_non_null(strstr(text, "\ntest_taken_total 1795434783\n"));
    sp_metrics_set(metrics, LEVEL, 0, NAN);
    assert_null(strstr(write_page(metrics), "\ntest_level "));
    sp_metrics_free(metrics);
}

struct counting {
    struct sp_metrics *metrics;
    unsigned shard;
};

enum { TIMES = 200000 };

static void *count(void *user) {
    const struct counting *counting = user;
    for (unsigned i = 0; i < TIMES; i++) {
        sp_metrics_add(counting->metrics, counting->shard, CALLS, i % 3, 1);
        sp_metrics_observe(counting->metrics, counting->shard, SECONDS, 0, i);
    }
    return NULL;
}

static void threads_lose_no_count_while_the_page_is_read(void **state) {
    struct sp_metrics *metrics = create();
    struct counting countings[SHARDS];
    pthread_t threads[SHARDS];
    (void)state;
    for (unsigned i = 0; i < SHARDS; i++) {
        countings[i] = (struct counting){metrics, i};
        assert_int_equal(pthread_create(&threads[i], NULL, count, &countings[i]), 0);
    }
    uint64_t last = 0;
    while (last < 1000) { /* it only grows */
        uint64_t now = sp_metrics_total(metrics, CALLS, 0);
        assert_true(now >= last);
        last = now;
        (void)write_page(metrics);
    }
    for (unsigned i = 0; i < SHARDS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(sp_metrics_total(metrics, CALLS, 0) + sp_metrics_total(metrics, CALLS, 1) +
                         sp_metrics_total(metrics, CALLS, 2),
                     (uint64_t)SHARDS * TIMES);
    assert_non_null(strstr(write_page(metrics), "test_seconds_count 800000\n"));
    sp_metrics_free(metrics);
}

static void a_page_that_does_not_fit_says_so(void **state) {
    struct sp_metrics *metrics = create();
    struct sp_text_out out;
    char *memory = malloc(100);
    (void)state;
    sp_text_out_init(&out, memory, 100);
    sp_metrics_write(metrics, &out);
    assert_true(out.full);
    free(memory);
    sp_metrics_free(metrics);
}

static double number_of(const char *text, const char *name) {
    char line[128];
    snprintf(line, sizeof(line), "\n%s ", name);
    const char *at = strstr(text, line);
    return at == NULL ? (double)NAN : strtod(at + strlen(line), NULL);
}

static void tells_about_this_process_and_the_store(void **state) {
    struct sp_process_metrics *process = NULL;
    struct sp_observed_store store = {0};
    const struct sp_observed_process itself = {.log_lines = 11,
                                               .log_dropped = 12,
                                               .stuck_threads = 1,
                                               .has_events = true,
                                               .events_written = 13,
                                               .events_dropped = 14,
                                               .events_suppressed = 15};
    struct sp_text_out out;
    (void)state;
    assert_int_equal(sp_process_metrics_create("test", &process), SP_OK);
    sp_text_out_init(&out, page, sizeof(page) - 1);
    sp_process_metrics_write(process, &store, &itself, &out);
    page[out.used] = '\0';
    assert_non_null(strstr(page, "\nsallyport_build_info{program=\"test\",version=\""));
    assert_true(number_of(page, "process_cpu_seconds_total") >= 0);
    assert_true(number_of(page, "process_resident_memory_bytes") > 100000);
    assert_true(number_of(page, "process_virtual_memory_bytes") > number_of(page, "process_resident_memory_bytes"));
    assert_int_equal((int)number_of(page, "process_open_fds"), (int)folder_count("/proc/self/fd", "") - 1);
    assert_true(number_of(page, "process_start_time_seconds") > 1.7e9);
    assert_true(isnan(number_of(page, "sallyport_store_revision")));
    store = (struct sp_observed_store){true, 2, 7, 1000, 500, 3, 512};
    sp_text_out_init(&out, page, sizeof(page) - 1);
    sp_process_metrics_write(process, &store, &itself, &out);
    page[out.used] = '\0';
    assert_int_equal((int)number_of(page, "sallyport_store_epoch"), 2);
    assert_int_equal((int)number_of(page, "sallyport_store_revision"), 7);
    assert_int_equal((int)number_of(page, "sallyport_store_map_bytes"), 1000);
    assert_int_equal((int)number_of(page, "sallyport_store_used_bytes"), 500);
    assert_int_equal((int)number_of(page, "sallyport_store_readers"), 3);
    assert_int_equal((int)number_of(page, "sallyport_store_readers_max"), 512);
    assert_int_equal((int)number_of(page, "sallyport_log_lines_total"), 11);
    assert_int_equal((int)number_of(page, "sallyport_log_dropped_total"), 12);
    assert_int_equal((int)number_of(page, "sallyport_stuck_threads"), 1);
    assert_int_equal((int)number_of(page, "sallyport_events_total"), 13);
    assert_int_equal((int)number_of(page, "sallyport_events_dropped_total"), 14);
    assert_int_equal((int)number_of(page, "sallyport_events_suppressed_total"), 15);
    sp_process_metrics_free(process);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_page_of_nothing_shows_every_counter_at_zero_and_no_unknown_gauge),
        cmocka_unit_test(a_histogram_counts_up_to_each_bound_and_the_bound_itself),
        cmocka_unit_test(a_gathered_number_shows_until_it_is_not_known_again),
        cmocka_unit_test(threads_lose_no_count_while_the_page_is_read),
        cmocka_unit_test(a_page_that_does_not_fit_says_so),
        cmocka_unit_test(tells_about_this_process_and_the_store),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
