#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <stdalign.h>

#include "base/arena.h"

enum { FIRST = 256, BUDGET = 4096 };

static struct sp_arena arena;

static int set_up(void **state) {
    (void)state;
    return sp_arena_init(&arena, FIRST, BUDGET) == SP_OK ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    sp_arena_fini(&arena);
    return 0;
}

static void pieces_are_aligned_and_apart(void **state) {
    (void)state;
    uint8_t *pieces[20];
    for (size_t i = 0; i < 20; i++) {
        pieces[i] = sp_arena_alloc(&arena, i + 1);
        assert_non_null(pieces[i]);
        assert_int_equal((uintptr_t)pieces[i] % alignof(max_align_t), 0);
        memset(pieces[i], (int)i, i + 1);
    }
    for (size_t i = 0; i < 20; i++) {
        for (size_t j = 0; j <= i; j++)
            assert_int_equal(pieces[i][j], i);
    }
}

static void the_budget_is_never_exceeded(void **state) {
    (void)state;
    size_t got = 0;
    while (sp_arena_alloc(&arena, 48) != NULL)
        got += 48;
    assert_int_equal(got, BUDGET / 48 * 48);
    assert_true(arena.used_bytes <= BUDGET);
    assert_non_null(sp_arena_alloc(&arena, 16));
    assert_null(sp_arena_alloc(&arena, 1));
    sp_arena_reset(&arena);
    assert_non_null(sp_arena_alloc(&arena, BUDGET));
    sp_arena_reset(&arena);
    assert_null(sp_arena_alloc(&arena, BUDGET + 1));
    assert_non_null(sp_arena_alloc(&arena, 1));
}

static void sizes_that_overflow_are_refused(void **state) {
    (void)state;
    static const struct {
        size_t count;
        size_t size;
    } cases[] = {{SIZE_MAX, 1}, {1, SIZE_MAX}, {SIZE_MAX, SIZE_MAX}, {SIZE_MAX / 2 + 1, 2}, {SIZE_MAX / 16 + 2, 16}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        assert_null(sp_arena_calloc(&arena, cases[i].count, cases[i].size));
    for (size_t below = 0; below < 40; below++)
        assert_null(sp_arena_alloc(&arena, SIZE_MAX - below));
    assert_null(sp_arena_strdup(&arena, (struct sp_str){"", SIZE_MAX}));
    assert_int_equal(arena.used_bytes, 0);
}

static void reset_keeps_the_first_block(void **state) {
    (void)state;
    void *first = sp_arena_alloc(&arena, 16);
    struct sp_arena_block *block = arena.first;
    for (unsigned round = 0; round < 3; round++) {
        assert_non_null(sp_arena_alloc(&arena, 1000));
        assert_ptr_not_equal(arena.current, block);
        sp_arena_reset(&arena);
        assert_ptr_equal(arena.first, block);
        assert_ptr_equal(arena.current, block);
        assert_int_equal(arena.used_bytes, 0);
        assert_ptr_equal(sp_arena_alloc(&arena, 16), first);
    }
}

static void wipe_leaves_zeros(void **state) {
    (void)state;
    static const uint8_t zeros[64];
    uint8_t *secret = sp_arena_alloc(&arena, 64);
    memset(secret, 0x55, 64);
    sp_arena_reset(&arena);
    assert_int_equal(secret[0], 0x55);
    assert_ptr_equal(sp_arena_alloc(&arena, 64), secret);
    sp_arena_wipe(&arena);
    assert_memory_equal(secret, zeros, 64);
    assert_int_equal(arena.used_bytes, 0);
}

static void calloc_clears_what_was_used_before(void **state) {
    (void)state;
    memset(sp_arena_alloc(&arena, 64), 0xff, 64);
    sp_arena_reset(&arena);
    uint8_t *cleared = sp_arena_calloc(&arena, 8, 8);
    for (size_t i = 0; i < 64; i++)
        assert_int_equal(cleared[i], 0);
    assert_non_null(sp_arena_calloc(&arena, 0, 8));
    assert_non_null(sp_arena_calloc(&arena, 8, 0));
}

static void texts_are_copied_and_formatted(void **state) {
    (void)state;
    assert_string_equal(sp_arena_strdup(&arena, SP_STR_LITERAL("voice")), "voice");
    assert_string_equal(sp_arena_strdup(&arena, (struct sp_str){"voice", 3}), "voi");
    assert_string_equal(sp_arena_strdup(&arena, (struct sp_str){NULL, 0}), "");
    assert_string_equal(sp_arena_printf(&arena, "%s/%d", "voice", 7), "voice/7");
    assert_null(sp_arena_printf(&arena, "%*s", BUDGET, "x"));
}

static void large_blocks_are_counted_while_they_live(void **state) {
    (void)state;
    struct sp_arena large;
    size_t before = sp_arena_large_bytes();
    assert_int_equal(sp_arena_init(&large, 1024, 1 << 20), SP_OK);
    assert_int_equal(sp_arena_large_bytes(), before);
    assert_non_null(sp_arena_alloc(&large, 100000));
    assert_in_range(sp_arena_large_bytes() - before, 100000, 1 << 20);
    sp_arena_reset(&large);
    assert_int_equal(sp_arena_large_bytes(), before);
    sp_arena_fini(&large);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(pieces_are_aligned_and_apart, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_budget_is_never_exceeded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(sizes_that_overflow_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(reset_keeps_the_first_block, set_up, tear_down),
        cmocka_unit_test_setup_teardown(wipe_leaves_zeros, set_up, tear_down),
        cmocka_unit_test_setup_teardown(calloc_clears_what_was_used_before, set_up, tear_down),
        cmocka_unit_test(large_blocks_are_counted_while_they_live),
        cmocka_unit_test_setup_teardown(texts_are_copied_and_formatted, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) == 0 ? 0 : 1;
}
