#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/bytes.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define BYTES(text)                                                                                                    \
    { (const uint8_t *)(text), sizeof(text) - 1 }

/* Rising: each text stands before all below it. */
static const struct sp_bytes rising[] = {
    {NULL, 0},
    BYTES("\0"),
    BYTES("\0\0"),
    BYTES("\0a"),
    BYTES("A"),
    BYTES("a"),
    BYTES("a\0"),
    BYTES("a\0b"),
    BYTES("aa"),
    BYTES("ab"),
    BYTES("b"),
    BYTES("\x7f"),
    BYTES("\x80"),
    BYTES("\xc3"
          "a"),
    BYTES("\xc3\xa4"
          "b"),
    BYTES("\xff"),
    BYTES("\xff\0"),
};

static int sign_of(int order) {
    return (order > 0) - (order < 0);
}

static struct sp_str text_of(struct sp_bytes bytes) {
    return (struct sp_str){(const char *)bytes.data, bytes.size};
}

static void orders_bytes_unsigned_and_beginnings_first(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(rising); i++)
        for (size_t j = 0; j < COUNT(rising); j++) {
            int expected = (i > j) - (i < j);
            assert_int_equal(sign_of(sp_bytes_compare(rising[i], rising[j])), expected);
            assert_int_equal(sign_of(sp_str_compare(text_of(rising[i]), text_of(rising[j]))), expected);
        }
}

static void finds_equal_only_what_is_equal(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(rising); i++)
        for (size_t j = 0; j < COUNT(rising); j++) {
            assert_int_equal(sp_bytes_equal(rising[i], rising[j]), i == j);
            assert_int_equal(sp_str_equal(text_of(rising[i]), text_of(rising[j])), i == j);
        }
    const struct sp_bytes empty = BYTES("");
    assert_true(sp_bytes_equal((struct sp_bytes){NULL, 0}, empty));
    assert_int_equal(sp_bytes_compare((struct sp_bytes){NULL, 0}, empty), 0);
}

static void finds_a_beginning_byte_by_byte(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(rising); i++)
        for (size_t j = 0; j < COUNT(rising); j++) {
            bool expected = rising[j].size <= rising[i].size;
            for (size_t at = 0; expected && at < rising[j].size; at++)
                expected = rising[i].data[at] == rising[j].data[at];
            assert_int_equal(sp_bytes_begin_with(rising[i], rising[j]), expected);
            assert_int_equal(sp_str_begins_with(text_of(rising[i]), text_of(rising[j])), expected);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(orders_bytes_unsigned_and_beginnings_first),
        cmocka_unit_test(finds_equal_only_what_is_equal),
        cmocka_unit_test(finds_a_beginning_byte_by_byte),
    };
    return cmocka_run_group_tests_name("base/bytes", tests, NULL, NULL);
}
