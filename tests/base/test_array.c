#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/array.h"

enum { MANY = 10000 };

struct item {
    uint64_t number;
    char letter;
};

static void keeps_all_items_while_it_grows(void **state) {
    (void)state;
    struct item *items = NULL;
    size_t count = 0, capacity = 0, moves = 0;
    while (count < MANY) {
        size_t before = capacity;
        struct item *grown = sp_array_reserve(items, count, &capacity, sizeof(*grown));
        assert_non_null(grown);
        assert_true(capacity > count);
        moves += capacity != before;
        items = grown;
        items[count] = (struct item){count * 3, (char)('a' + count % 26)};
        count++;
    }
    for (size_t i = 0; i < MANY; i++) {
        assert_int_equal(items[i].number, i * 3);
        assert_int_equal(items[i].letter, 'a' + i % 26);
    }
    assert_in_range(moves, 2, 20);
    free(items);
}

static void keeps_all_items_while_it_grows_in_an_arena(void **state) {
    (void)state;
    struct sp_arena arena;
    struct item *items = NULL;
    size_t count = 0, capacity = 0;
    assert_int_equal(sp_arena_init(&arena, 64, 1024 * 1024), SP_OK);
    for (; count < MANY; count++) {
        struct item *grown = sp_array_reserve_in(&arena, items, count, &capacity, sizeof(*grown));
        assert_non_null(grown);
        assert_true(capacity > count);
        items = grown;
        items[count] = (struct item){count * 3, 'x'};
    }
    for (size_t i = 0; i < MANY; i++)
        assert_int_equal(items[i].number, i * 3);
    assert_true(arena.used_bytes <= 4 * MANY * sizeof(struct item));
    sp_arena_fini(&arena);
}

static void stays_where_it_is_while_there_is_room(void **state) {
    (void)state;
    struct item held[4];
    size_t capacity = 4;
    assert_ptr_equal(sp_array_reserve(held, 3, &capacity, sizeof(*held)), held);
    assert_ptr_equal(sp_array_reserve_in(NULL, held, 3, &capacity, sizeof(*held)), held);
    assert_int_equal(capacity, 4);
}

static void leaves_the_array_alone_when_memory_is_short(void **state) {
    (void)state;
    struct sp_arena arena;
    struct item *items = NULL;
    size_t count = 0, capacity = 0;
    assert_int_equal(sp_arena_init(&arena, 64, 1024), SP_OK);
    for (;; count++) {
        size_t before = capacity;
        struct item *grown = sp_array_reserve_in(&arena, items, count, &capacity, sizeof(*grown));
        if (grown == NULL) {
            assert_int_equal(capacity, before);
            break;
        }
        items = grown;
        items[count].number = count;
    }
    assert_in_range(count, 16, 1024 / sizeof(struct item));
    for (size_t i = 0; i < count; i++)
        assert_int_equal(items[i].number, i);
    sp_arena_fini(&arena);
}

/* Sizes that wrap around must not become small ones. */
static void refuses_sizes_that_overflow(void **state) {
    (void)state;
    static const struct {
        size_t capacity, item_size;
    } rows[] = {
        {SIZE_MAX / 2 + 1, 1}, {SIZE_MAX / 8, 8}, {SIZE_MAX / 16 + 1, 16}, {0, SIZE_MAX / 8}, {0, SIZE_MAX},
    };
    struct sp_arena arena;
    char held = 'x';
    assert_int_equal(sp_arena_init(&arena, 64, SIZE_MAX), SP_OK);
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        size_t capacity = rows[i].capacity;
        assert_null(sp_array_reserve(rows[i].capacity == 0 ? NULL : &held, capacity, &capacity, rows[i].item_size));
        assert_int_equal(capacity, rows[i].capacity);
        assert_null(sp_array_reserve_in(&arena, &held, capacity, &capacity, rows[i].item_size));
        assert_int_equal(capacity, rows[i].capacity);
    }
    sp_arena_fini(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_all_items_while_it_grows),
        cmocka_unit_test(keeps_all_items_while_it_grows_in_an_arena),
        cmocka_unit_test(stays_where_it_is_while_there_is_room),
        cmocka_unit_test(leaves_the_array_alone_when_memory_is_short),
        cmocka_unit_test(refuses_sizes_that_overflow),
    };
    return cmocka_run_group_tests_name("base/array", tests, NULL, NULL);
}
