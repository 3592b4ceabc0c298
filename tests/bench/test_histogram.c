#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "histogram.h"
#include "world.h"

enum { VALUES = 20000 };

static int compare(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static uint64_t seed_of(const char *test) {
    const char *given = getenv("SP_TEST_SEED");
    uint64_t seed = given != NULL ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
    printf("%s: SP_TEST_SEED=%llu\n", test, (unsigned long long)seed);
    return seed;
}

static const double percentiles[] = {0.01, 1, 25, 50, 75, 90, 99, 99.9, 99.99, 100};

/* The value at the percentile, counted in the sorted values themselves. */
static uint64_t exact(const uint64_t *sorted, size_t count, double percentile) {
    double wanted = percentile / 100.0 * (double)count;
    size_t rank = (size_t)wanted;
    if ((double)rank < wanted)
        rank++;
    return sorted[rank > 0 ? rank - 1 : 0];
}

static void assert_close(uint64_t got, uint64_t wanted) {
    /* A bucket is 1/128 wide, and its top is reported. */
    if (got < wanted || got > wanted + wanted / 128 + 1)
        fail_msg("%llu for %llu", (unsigned long long)got, (unsigned long long)wanted);
}

static void percentiles_are_those_of_the_sorted_values_to_a_buckets_width(void **state) {
    (void)state;
    static struct histogram histogram;
    static uint64_t values[VALUES];
    uint64_t random = seed_of(__func__);
    memset(&histogram, 0, sizeof(histogram));
    for (size_t i = 0; i < VALUES; i++) {
        uint64_t bits = world_random(&random) % 39;
        values[i] = world_random(&random) & ((UINT64_C(2) << bits) - 1);
        histogram_add(&histogram, values[i]);
    }
    qsort(values, VALUES, sizeof(*values), compare);
    for (size_t i = 0; i < sizeof(percentiles) / sizeof(*percentiles); i++)
        assert_close(histogram_percentile(&histogram, percentiles[i]), exact(values, VALUES, percentiles[i]));
    assert_int_equal(histogram.min_ns, values[0]);
    assert_int_equal(histogram.max_ns, values[VALUES - 1]);
    assert_int_equal(histogram_percentile(&histogram, 100), values[VALUES - 1]);
}

static void merging_parts_gives_the_histogram_of_the_whole(void **state) {
    (void)state;
    static struct histogram whole, parts[3], merged;
    uint64_t random = seed_of(__func__);
    for (size_t i = 0; i < VALUES; i++) {
        uint64_t value = world_random(&random) % 100000000;
        histogram_add(&whole, value);
        histogram_add(&parts[i % 2], value); /* the third stays empty */
    }
    for (size_t i = 0; i < 3; i++)
        histogram_merge(&merged, &parts[i]);
    assert_int_equal(merged.count, whole.count);
    assert_int_equal(merged.min_ns, whole.min_ns);
    assert_int_equal(merged.max_ns, whole.max_ns);
    assert_memory_equal(merged.buckets, whole.buckets, sizeof(whole.buckets));
}

static void an_empty_histogram_answers_zero(void **state) {
    (void)state;
    static struct histogram empty;
    assert_int_equal(histogram_percentile(&empty, 50), 0);
    assert_int_equal(histogram_percentile(&empty, 100), 0);
}

static void a_value_beyond_the_last_bucket_is_counted_and_kept_as_the_maximum(void **state) {
    (void)state;
    static struct histogram histogram;
    histogram_add(&histogram, UINT64_MAX);
    histogram_add(&histogram, 5);
    assert_int_equal(histogram.count, 2);
    assert_int_equal(histogram.max_ns, UINT64_MAX);
    assert_int_equal(histogram_percentile(&histogram, 50), 5);
}

/* The counts in the plot's rows add up, and the longest bar has the asked width. */
static void the_plot_shows_every_value_once(void **state) {
    (void)state;
    static struct histogram histogram;
    char *text = NULL;
    size_t size = 0;
    for (uint64_t value = 1; value <= 5000; value++)
        histogram_add(&histogram, value * 977);
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    histogram_plot(&histogram, 20, out);
    assert_int_equal(fclose(out), 0);
    unsigned long long total = 0;
    size_t longest = 0;
    for (const char *line = text; *line != '\0'; line = strchr(line, '\n') + 1) {
        const char *count = strstr(line, "s ") + 2, *bar = strchr(line, '|') + 1;
        total += strtoull(count, NULL, 10);
        size_t width = (size_t)(strchr(bar, '\n') - bar) / strlen("█");
        longest = width > longest ? width : longest;
    }
    assert_int_equal(total, 5000);
    assert_int_equal(longest, 20);
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(percentiles_are_those_of_the_sorted_values_to_a_buckets_width),
        cmocka_unit_test(merging_parts_gives_the_histogram_of_the_whole),
        cmocka_unit_test(an_empty_histogram_answers_zero),
        cmocka_unit_test(a_value_beyond_the_last_bucket_is_counted_and_kept_as_the_maximum),
        cmocka_unit_test(the_plot_shows_every_value_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
