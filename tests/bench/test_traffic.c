#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "traffic.h"

enum { DRAWS = 400000 };

/* Draws, counts how often each key came, and sorts the counts, most frequent first. */
static int descending(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x < y) - (x > y);
}

static void draw(uint64_t keys, double exponent, uint64_t *ret_counts) {
    struct traffic traffic;
    traffic_init(&traffic, 42, keys, exponent);
    for (size_t i = 0; i < DRAWS; i++) {
        uint64_t key = traffic_next_key(&traffic);
        assert_true(key < keys);
        ret_counts[key]++;
    }
}

/* Ranks are spread over the keys by a hash, so two ranks may fall on one key; the key that rank 1
 * falls on is known by being the most frequent one, and few ranks matter. */
static void zipf_keys_come_as_often_as_their_ranks_weights_say(void **state) {
    (void)state;
    static const double exponents[] = {0.5, 0.99, 1, 1.5, 2.5};
    enum { KEYS = 100000 };
    for (size_t e = 0; e < sizeof(exponents) / sizeof(*exponents); e++) {
        uint64_t *counts = calloc(KEYS, sizeof(*counts));
        double *weight = calloc(KEYS, sizeof(*weight)), total = 0;
        assert_non_null(counts);
        assert_non_null(weight);
        for (uint64_t rank = 1; rank <= KEYS; rank++) {
            uint64_t spread = rank;
            weight[world_random(&spread) % KEYS] += pow((double)rank, -exponents[e]);
            total += pow((double)rank, -exponents[e]);
        }
        draw(KEYS, exponents[e], counts);
        for (uint64_t key = 0; key < KEYS; key++) {
            double wanted = weight[key] / total * DRAWS;
            /* Six standard deviations of a Poisson count. */
            if (fabs((double)counts[key] - wanted) > 6 * sqrt(wanted) + 6)
                fail_msg("exponent %g, key %llu: %llu times, expected %.1f", exponents[e], (unsigned long long)key,
                         (unsigned long long)counts[key], wanted);
        }
        free(counts);
        free(weight);
    }
}

static void uniform_keys_come_equally_often(void **state) {
    (void)state;
    enum { KEYS = 100 };
    uint64_t counts[KEYS] = {0};
    draw(KEYS, 0, counts);
    qsort(counts, KEYS, sizeof(*counts), descending);
    double mean = (double)DRAWS / KEYS;
    assert_true((double)counts[0] < mean + 6 * sqrt(mean));
    assert_true((double)counts[KEYS - 1] > mean - 6 * sqrt(mean));
}

static void the_same_seed_gives_the_same_keys(void **state) {
    (void)state;
    struct traffic one, other;
    traffic_init(&one, 7, 1000000, 0.99);
    traffic_init(&other, 7, 1000000, 0.99);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(traffic_next_key(&one), traffic_next_key(&other));
}

static void a_world_of_one_key_is_asked_about_that_key(void **state) {
    (void)state;
    static const double exponents[] = {0, 0.99, 5};
    for (size_t e = 0; e < 3; e++) {
        struct traffic traffic;
        traffic_init(&traffic, 1, 1, exponents[e]);
        for (int i = 0; i < 100; i++)
            assert_int_equal(traffic_next_key(&traffic), 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(zipf_keys_come_as_often_as_their_ranks_weights_say),
        cmocka_unit_test(uniform_keys_come_equally_often),
        cmocka_unit_test(the_same_seed_gives_the_same_keys),
        cmocka_unit_test(a_world_of_one_key_is_asked_about_that_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
