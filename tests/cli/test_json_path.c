/* Values at dotted paths of JSON objects. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/json_path.h"

static void values_go_to_their_path_and_are_found_there(void **state) {
    (void)state;
    json_t *request = json_object();
    assert_int_equal(sp_cli_put(request, "name", json_string("n"), false), SP_OK);
    assert_int_equal(sp_cli_put(request, "a.b.c", json_integer(1), false), SP_OK);
    assert_int_equal(sp_cli_put(request, "a.b.d", json_string("x"), true), SP_OK);
    assert_int_equal(sp_cli_put(request, "a.b.d", json_string("y"), true), SP_OK);
    assert_int_equal(sp_cli_put(request, "name", json_string("m"), false), SP_OK);
    char *text = json_dumps(request, JSON_COMPACT | JSON_SORT_KEYS);
    assert_string_equal(text, "{\"a\":{\"b\":{\"c\":1,\"d\":[\"x\",\"y\"]}},\"name\":\"m\"}");
    free(text);
    assert_int_equal(json_integer_value(sp_cli_at(request, "a.b.c")), 1);
    assert_null(sp_cli_at(request, "a.x.c"));
    assert_null(sp_cli_at(request, "a.b.c.e"));
    assert_null(sp_cli_at(request, ""));
    assert_null(sp_cli_at(NULL, "a"));
    json_decref(request);
}

static void a_value_has_no_place_below_one_that_is_no_object(void **state) {
    (void)state;
    json_t *request = json_pack("{s:s}", "a", "text");
    assert_int_not_equal(sp_cli_put(request, "a.b", json_string("x"), false), SP_OK);
    assert_int_not_equal(sp_cli_put(request, "a", json_string("x"), true), SP_OK);
    char *text = json_dumps(request, JSON_COMPACT);
    assert_string_equal(text, "{\"a\":\"text\"}");
    free(text);
    json_decref(request);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_go_to_their_path_and_are_found_there),
        cmocka_unit_test(a_value_has_no_place_below_one_that_is_no_object),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
