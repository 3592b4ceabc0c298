/* gzip of bounded size. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "connect/gzip.h"

enum { BUDGET_BYTES = 64 * 1024 * 1024, MOST_BYTES = 4 * 1024 * 1024 };

static int set_up(void **state) {
    static struct sp_arena arena;
    assert_int_equal(sp_arena_init(&arena, 4096, BUDGET_BYTES), SP_OK);
    *state = &arena;
    return 0;
}

static int tear_down(void **state) {
    sp_arena_fini(*state);
    return 0;
}

static struct sp_bytes compress_zeros(struct sp_arena *arena, size_t size) {
    struct sp_bytes compressed = {NULL, 0};
    uint8_t *zeros = sp_arena_calloc(arena, size, 1);
    assert_non_null(zeros);
    assert_true(sp_connect_gzip((struct sp_bytes){zeros, size}, arena, &compressed));
    return compressed;
}

static void gives_back_what_was_compressed(void **state) {
    struct sp_arena *arena = *state;
    const char *given = getenv("SP_TEST_SEED");
    unsigned seed = given != NULL ? (unsigned)strtoul(given, NULL, 10) : (unsigned)time(NULL);
    print_message("seed %u\n", seed);
    for (unsigned round = 0; round < 200; round++) {
        struct sp_bytes compressed, again;
        struct sp_error error = {0};
        size_t size = (size_t)rand_r(&seed) % 20000 + 1;
        uint8_t *bytes = sp_arena_alloc(arena, size);
        assert_non_null(bytes);
        for (size_t i = 0; i < size; i++)
            bytes[i] = (uint8_t)(rand_r(&seed) % 7);
        if (sp_connect_gzip((struct sp_bytes){bytes, size}, arena, &compressed)) {
            assert_true(compressed.size < size);
            assert_int_equal(sp_connect_gunzip(compressed, size, arena, &again, &error), SP_OK);
            assert_int_equal(again.size, size);
            assert_memory_equal(again.data, bytes, size);
            assert_int_equal(sp_connect_gunzip(compressed, size - 1, arena, &again, &error), SP_ERR_EXHAUSTED);
        }
        sp_arena_reset(arena);
    }
}

static void refuses_what_becomes_larger_than_it_may(void **state) {
    struct sp_arena *arena = *state;
    struct sp_error error = {0};
    struct sp_bytes bytes, bomb = compress_zeros(arena, 16 * 1024 * 1024);
    size_t before = arena->used_bytes;
    assert_true(bomb.size < 64 * 1024);
    assert_int_equal(sp_connect_gunzip(bomb, MOST_BYTES, arena, &bytes, &error), SP_ERR_EXHAUSTED);
    assert_non_null(strstr(error.message, "larger than this method accepts"));
    /* Trying grows by four: all tries together take little more than the last. */
    assert_in_range(arena->used_bytes - before, 1, 2 * MOST_BYTES);
}

static void refuses_what_is_not_exactly_one_gzip_file(void **state) {
    struct sp_arena *arena = *state;
    struct sp_error error = {0};
    struct sp_bytes bytes, compressed = compress_zeros(arena, 10000);
    uint8_t *twice = sp_arena_alloc(arena, 2 * compressed.size);
    assert_non_null(twice);
    memcpy(twice, compressed.data, compressed.size);
    memcpy(twice + compressed.size, compressed.data, compressed.size);
    for (size_t size = 0; size < compressed.size; size++) {
        struct sp_bytes cut = {compressed.data, size};
        assert_int_equal(sp_connect_gunzip(cut, MOST_BYTES, arena, &bytes, &error), SP_ERR_INVALID);
    }
    struct sp_bytes members = {twice, 2 * compressed.size};
    assert_int_equal(sp_connect_gunzip(members, MOST_BYTES, arena, &bytes, &error), SP_ERR_INVALID);
    twice[compressed.size - 5] ^= 1; /* the checksum */
    members.size = compressed.size;
    assert_int_equal(sp_connect_gunzip(members, MOST_BYTES, arena, &bytes, &error), SP_ERR_INVALID);
    assert_int_equal(sp_connect_gunzip((struct sp_bytes){(const uint8_t *)"{}", 2}, MOST_BYTES, arena, &bytes, &error),
                     SP_ERR_INVALID);
}

static void leaves_what_does_not_become_smaller(void **state) {
    struct sp_bytes compressed;
    assert_false(sp_connect_gzip((struct sp_bytes){(const uint8_t *)"abc", 3}, *state, &compressed));
    assert_false(sp_connect_gzip((struct sp_bytes){NULL, 0}, *state, &compressed));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(gives_back_what_was_compressed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refuses_what_becomes_larger_than_it_may, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refuses_what_is_not_exactly_one_gzip_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(leaves_what_does_not_become_smaller, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
