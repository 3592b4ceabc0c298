#include "wire/json_peek.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "sallyport/v1/authorization.pb-c.h"

enum { CORRELATION_ID = 1, BATCH = 2 };

static bool peek(struct sp_str text, uint32_t field, uint64_t *ret_value) {
    struct sp_arena arena;
    assert_int_equal(sp_arena_init(&arena, 1024, 1024 * 1024), SP_OK);
    bool reads = sp_json_peek_number(&sallyport__v1__check_stream_request__descriptor, text, field, &arena, ret_value);
    sp_arena_fini(&arena);
    return reads;
}

#define TEXT(literal) literal, sizeof(literal) - 1

/* Texts whose number can be told, whatever else is wrong with them. */
static const struct {
    const char *text;
    size_t size;
    uint64_t number;
} good[] = {
    {TEXT("{\"correlationId\": 7}"), 7},
    {TEXT("{\"correlation_id\": \"7\"}"), 7},
    {TEXT("{\"correlationId\": \"18446744073709551615\"}"), UINT64_MAX},
    {TEXT("{}"), 0},
    {TEXT("{\"correlationId\": null}"), 0},
    {TEXT("{\"no\": [1, {\"such\": \"field\"}], \"correlationId\": 7}"), 7},
    {TEXT("{\"correlationId\": 7, \"batch\": 5}"), 7},
    {TEXT("{\"correlationId\": 7, \"batch\": {\"items\": [{\"action\": \"\\u0000\"}]}}"), 7},
    {TEXT("{\"batch\": {\"items\": [{\"action\": \"\xff\xfe\"}]}, \"correlationId\": 7}"), 7},
    {TEXT("{\"batch\": {\"correlationId\": 8}, \"correlationId\": 7}"), 7},
};

static const struct {
    const char *text;
    size_t size;
} bad[] = {
    {TEXT("")},
    {TEXT("7")},
    {TEXT("[{\"correlationId\": 7}]")},
    {TEXT("{\"correlationId\": 7")},
    {TEXT("{\"correlationId\": 7} {}")},
    {TEXT("{\"correlationId\": 7, \"batch\": \xff}")},
    {TEXT("{\"correlationId\": 7, \"correlationId\": 8}")},
    {TEXT("{\"correlationId\": 7, \"correlation_id\": 7}")},
    {TEXT("{\"correlationId\": 7, \"batch\": {\"a\": 1, \"a\": 1}}")},
    {TEXT("{\"correlationId\": \"seven\"}")},
    {TEXT("{\"correlationId\": \"7\\u0000\"}")},
    {TEXT("{\"correlationId\": -1}")},
    {TEXT("{\"correlationId\": 1.5}")},
    {TEXT("{\"correlationId\": \"18446744073709551616\"}")},
    {TEXT("{\"correlationId\": {}}")},
    {TEXT("{\"correlationId\": [7]}")},
};

static void the_number_is_told_whatever_else_is_wrong(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
        uint64_t number = 99;
        if (!peek((struct sp_str){good[i].text, good[i].size}, CORRELATION_ID, &number) || number != good[i].number)
            fail_msg("%s", good[i].text);
    }
}

static void a_number_that_is_not_clear_is_not_told(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        uint64_t number = 99;
        if (peek((struct sp_str){bad[i].text, bad[i].size}, CORRELATION_ID, &number) || number != 99)
            fail_msg("%s", bad[i].text);
    }
}

static void only_numbers_are_told(void **state) {
    uint64_t number = 99;
    (void)state;
    assert_false(peek(SP_STR_LITERAL("{\"batch\": 7}"), BATCH, &number));
    assert_false(peek(SP_STR_LITERAL("{\"correlationId\": 7}"), 77, &number));
    assert_int_equal(number, 99);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_number_is_told_whatever_else_is_wrong),
        cmocka_unit_test(a_number_that_is_not_clear_is_not_told),
        cmocka_unit_test(only_numbers_are_told),
    };
    return cmocka_run_group_tests_name("json_peek", tests, NULL, NULL);
}
