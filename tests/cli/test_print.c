/* What people see: tables that line up, words instead of enums, and nothing that deceives on a
 * terminal. */
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/json_times.h"
#include "cli/print.h"
#include "texts.h"

static char *print_parsed(void (*print)(const json_t *json, const char *columns, FILE *out), const char *json,
                          const char *columns) {
    struct printed printed;
    json_t *parsed = parse_json(json);
    begin_print(&printed);
    print(parsed, columns, printed.out);
    json_decref(parsed);
    return end_print(&printed);
}

static void print_plain_table(const json_t *json, const char *columns, FILE *out) {
    sp_cli_print_table(json, columns, &(struct cli_table_shape){0}, out);
}

static void assert_table(const char *json, const char *columns, const char *expected) {
    char *text = print_parsed(print_plain_table, json, columns);
    assert_string_equal(text, expected);
    free(text);
}

static void tables_line_up(void **state) {
    (void)state;
    assert_table("[{'id': 'a', 'n': 5, 'x': true}, {'id': 'longer', 'n': 12345, 'x': false}]", "ID=id,NUMBER=n,X=x",
                 "ID      NUMBER  X\n"
                 "a       5       yes\n"
                 "longer  12345   no\n");
    assert_table("[]", "ID=id,NAME=name", "ID  NAME\n");
    assert_table("[{'name': 'n'}]", "ID=id,NAME=name", "ID  NAME\n    n\n");
}

static void a_list_that_limits_nothing_says_so(void **state) {
    (void)state;
    assert_table("[{'scopes': []}, {'scopes': ['audit']}, {}]", "SCOPES=scopes:limit",
                 "SCOPES\n"
                 "any\n"
                 "audit\n"
                 "any\n");
}

static void keys_that_an_old_store_has_as_names_are_masked(void **state) {
    (void)state;
    assert_table("[{'id': 'sk_f00d0123456789abcdef0123456789abcdef0123456789ab', 'name': 'old'}, {'id': 'ann', "
                 "'name': 'key sk_f00d0123456789abcdef0123456789abcdef0123456789ab'}]",
                 "ID=id:raw,NAME=name:raw",
                 "ID          NAME\n"
                 "sk_***89ab  old\n"
                 "ann         key sk_***89ab\n");
    char *text = print_parsed(sp_cli_print_lines, "{'things': ['sk_f00d0123456789abcdef0123456789abcdef0123456789ab']}",
                              "things=things");
    assert_string_equal(text, "things  sk_***89ab\n");
    free(text);
}

static void wide_and_combining_characters_take_the_room_that_they_take(void **state) {
    (void)state;
    if (setlocale(LC_CTYPE, "C.UTF-8") == NULL)
        skip();
    assert_int_equal(sp_cli_width("Rachel"), 6);
    assert_int_equal(sp_cli_width("Närrator"), 8);
    assert_int_equal(sp_cli_width("日本"), 4);
    assert_int_equal(sp_cli_width("e\xcc\x81"), 1);
    assert_int_equal(sp_cli_width("😀"), 2);
    assert_int_equal(sp_cli_width(""), 0);
    assert_table("[{'id': '日本', 'n': 1}, {'id': 'Nä', 'n': 2}]", "ID=id,N=n", "ID    N\n日本  1\nNä    2\n");
}

static void assert_shaped(struct cli_table_shape shape, const char *columns, const char *expected) {
    json_t *rows =
        parse_json("[{'id': 'usr_tszTtLH55uxCeSetmUsy', 'name': 'Närrator 日本語', 'at': 1798761599, 'n': 1},"
                   " {'id': 'ann', 'name': 'Ann', 'at': 0, 'n': 22}]");
    struct printed printed;
    begin_print(&printed);
    sp_cli_print_table(rows, columns, &shape, printed.out);
    char *text = end_print(&printed);
    assert_string_equal(text, expected);
    free(text);
    json_decref(rows);
}

static void a_table_is_cut_where_it_may_be_to_fit_the_screen(void **state) {
    (void)state;
    static const char columns[] = "~ID=id,+N=n,~NAME=name,AT=at:time";
    if (setlocale(LC_CTYPE, "C.UTF-8") == NULL)
        skip();
    assert_shaped((struct cli_table_shape){0}, columns,
                  "ID                        NAME             AT\n"
                  "usr_tszTtLH55uxCeSetmUsy  Närrator 日本語  2026-12-31 23:59Z\n"
                  "ann                       Ann              -\n");
    assert_shaped((struct cli_table_shape){.wide = true}, columns,
                  "ID                        N   NAME             AT\n"
                  "usr_tszTtLH55uxCeSetmUsy  1   Närrator 日本語  2026-12-31 23:59:59Z\n"
                  "ann                       22  Ann              -\n");
    assert_shaped((struct cli_table_shape){.width = 50}, columns,
                  "ID              NAME             AT\n"
                  "usr_tszTtLH55…  Närrator 日本語  2026-12-31 23:59Z\n"
                  "ann             Ann              -\n");
    /* a wide character that would be cut in half is left out */
    assert_shaped((struct cli_table_shape){.width = 44}, columns,
                  "ID           NAME          AT\n"
                  "usr_tszTtL…  Närrator 日…  2026-12-31 23:59Z\n"
                  "ann          Ann           -\n");
    /* what may not be cut stays, and the rest keeps eight columns */
    assert_shaped((struct cli_table_shape){.width = 10}, columns,
                  "ID        NAME      AT\n"
                  "usr_tsz…  Närrato…  2026-12-31 23:59Z\n"
                  "ann       Ann       -\n");
}

static void times_in_json_are_texts(void **state) {
    (void)state;
    static const struct {
        const char *json, *expected;
    } rows[] = {
        {"{'createdAt': '1798761599', 'notAfter': 0, 'name': '5'}",
         "{'createdAt':'2026-12-31T23:59:59Z','name':'5','notAfter':null}"},
        {"[{'usage': {'lastUsedAt': 1, 'knownSince': '2', 'windowS': '3'}}]",
         "[{'usage':{'knownSince':'1970-01-01T00:00:02Z','lastUsedAt':'1970-01-01T00:00:01Z','windowS':'3'}}]"},
        {"{'time': 'noon', 'at': 5, 'expiresAt': {'time': 60}}",
         "{'at':5,'expiresAt':{'time':'1970-01-01T00:01:00Z'},'time':'noon'}"},
        {"{'expiresAt': '253402300799'}", "{'expiresAt':'9999-12-31T23:59:59Z'}"},
        {"'text'", "'text'"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        json_t *json = parse_json(rows[i].json);
        sp_cli_times_to_text(json);
        char *text = write_json(json);
        assert_string_equal(text, rows[i].expected);
        free(text);
        json_decref(json);
    }
}

static void one_thing_has_a_line_for_each_value(void **state) {
    (void)state;
    char *text =
        print_parsed(sp_cli_print_lines, "{'id': 'a', 'from': {'id': 'b'}, 'empty': '', 'none': null, 'list': []}",
                     "id=id,rotated from=from.id,empty=empty,none=none,list=list,missing=missing.there");
    assert_string_equal(text, "id            a\n"
                              "rotated from  b\n");
    free(text);
}

static void values_are_said_in_words(void **state) {
    (void)state;
    static const struct {
        const char *json, *path, *expected;
    } rows[] = {
        {"{'a': 'PLAN_ENTERPRISE'}", "a", "enterprise"},
        {"{'a': 'ROLE_VIEWER'}", "a", "viewer"},
        {"{'a': 'WORKSPACE_ROLE_ADMIN'}", "a", "admin"},
        {"{'a': 'ROLE_UNSPECIFIED'}", "a", "-"},
        {"{'a': 'SERVICE_ACCOUNT'}", "a", "service-account"},
        {"{'a': 'USER'}", "a", "user"},
        {"{'a': 'ENTITY_API_KEY'}", "a", "api-key"},
        {"{'a': ['FEATURE_IP_ALLOWLIST']}", "a", "ip-allowlist"},
        {"{'a': 'NOT_SHARED'}", "a", "NOT_SHARED"},
        {"{'a': 'USER'}", "a:raw", "USER"},
        {"{'a': 'ROLE_X'}", "a:raw", "ROLE_X"},
        {"{'a': 42}", "a", "42"},
        {"{'a': 1798761599}", "a:time", "2026-12-31 23:59:59Z"},
        {"{'a': '1798761599'}", "a:time", "2026-12-31 23:59:59Z"},
        {"{'a': '0'}", "a:time", "-"},
        {"{'a': 0}", "a:quota", "default"},
        {"{'b': 0}", "a:quota", "default"},
        {"{'a': 7}", "a:quota", "7"},
        {"{'a': {'type': 'voice', 'id': 'rachel'}}", "a", "voice/rachel"},
        {"{'a': {'group': 'studio'}}", "a", "group studio"},
        {"{'a': {'principal': 'ann'}}", "a", "ann"},
        {"{'a': {'all': true, 'names': []}}", "a", "all"},
        {"{'a': {'all': false, 'names': ['x', 'y']}}", "a", "x, y"},
        {"{'a': {'epoch': '1', 'number': '42'}}", "a", "1:42"},
        {"{'a': {}}", "a", "-"},
        {"{'a': ['10', '11', '12']}", "a", "10, 11, 12"},
        {"{'a': {'b': {'c': 'deep'}}}", "a.b.c", "deep"},
        {"{'a': 1}", "b", ""},
        {"{'a': null}", "a", ""},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        json_t *json = parse_json(rows[i].json);
        char *text = sp_cli_text_of(json, rows[i].path);
        assert_non_null(text);
        if (strcmp(text, rows[i].expected) != 0)
            fail_msg("%s at %s is '%s'", rows[i].json, rows[i].path, text);
        free(text);
        json_decref(json);
    }
}

static void a_long_list_is_shown_whole(void **state) {
    (void)state;
    json_t *object = json_object(), *list = json_array();
    char expected[4096] = "";
    size_t used = 0;
    for (unsigned i = 0; i < 100; i++) {
        char range[32];
        snprintf(range, sizeof(range), "203.0.113.%u/32", i);
        json_array_append_new(list, json_string(range));
        used += (size_t)snprintf(expected + used, sizeof(expected) - used, "%s%s", i > 0 ? ", " : "", range);
    }
    json_object_set_new(object, "allowedIps", list);
    char *text = sp_cli_text_of(object, "allowedIps");
    assert_string_equal(text, expected);
    free(text);
    json_decref(object);
}

#define GONE "\xef\xbf\xbd"

static void no_text_moves_the_cursor_or_turns_the_line(void **state) {
    (void)state;
    static const struct {
        const char *text, *shown;
    } rows[] = {
        {"plain", "plain"},
        {"Närrator 日本 😀", "Närrator 日本 😀"},
        {"a\x1b[31mb", "a" GONE "[31mb"},
        {"a\rb\nc\td\x7f", "a" GONE "b" GONE "c" GONE "d" GONE},
        {"a\xc2\x9b"
         "31m",
         "a" GONE "31m"},
        {"a\xe2\x80\xae"
         "b",
         "a" GONE "b"},
        {"a\xe2\x81\xa6"
         "b\xe2\x81\xa9",
         "a" GONE "b" GONE},
        {"a\xe2\x80\xa8"
         "b",
         "a" GONE "b"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        json_t *object = json_pack("{s:s}", "a", rows[i].text);
        char *plain = sp_cli_text_of(object, "a"), *raw = sp_cli_text_of(object, "a:raw");
        assert_string_equal(plain, rows[i].shown);
        assert_string_equal(raw, rows[i].shown);
        free(plain);
        free(raw);
        json_decref(object);
    }
}

static void rows_and_replies_follow_the_format(void **state) {
    (void)state;
    static const struct {
        const char *output, *rows, *reply;
    } formats[] = {
        {"table", "ID\na\nb\n", "[{\"id\":\"a\"},{\"id\":\"b\"}]\n"},
        {"ndjson", "{\"id\":\"a\"}\n{\"id\":\"b\"}\n", "[{\"id\":\"a\"},{\"id\":\"b\"}]\n"},
        {"json", "[\n  {\n    \"id\": \"a\"\n  },\n  {\n    \"id\": \"b\"\n  }\n]\n",
         "[\n  {\n    \"id\": \"a\"\n  },\n  {\n    \"id\": \"b\"\n  }\n]\n"},
    };
    json_t *rows = parse_json("[{'id': 'a'}, {'id': 'b'}]");
    for (size_t i = 0; i < COUNT(formats); i++) {
        struct printed printed;
        begin_print(&printed);
        sp_cli_print_rows(formats[i].output, false, rows, "ID=id", printed.out);
        char *text = end_print(&printed);
        assert_string_equal(text, formats[i].rows);
        free(text);
        begin_print(&printed);
        sp_cli_print_reply(formats[i].output, rows, printed.out);
        text = end_print(&printed);
        assert_string_equal(text, formats[i].reply);
        free(text);
    }
    json_decref(rows);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_and_replies_follow_the_format),
        cmocka_unit_test(tables_line_up),
        cmocka_unit_test(keys_that_an_old_store_has_as_names_are_masked),
        cmocka_unit_test(a_list_that_limits_nothing_says_so),
        cmocka_unit_test(a_table_is_cut_where_it_may_be_to_fit_the_screen),
        cmocka_unit_test(times_in_json_are_texts),
        cmocka_unit_test(wide_and_combining_characters_take_the_room_that_they_take),
        cmocka_unit_test(one_thing_has_a_line_for_each_value),
        cmocka_unit_test(values_are_said_in_words),
        cmocka_unit_test(a_long_list_is_shown_whole),
        cmocka_unit_test(no_text_moves_the_cursor_or_turns_the_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
