/* Line ends that a reviewer does not see, and byte order marks, as every YAML file is read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "config/yaml.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

struct gathered {
    struct sp_yaml_scalar keys[8], values[8];
    size_t count;
};

static enum sp_status gather_key(struct sp_yaml *yaml, const struct sp_yaml_scalar *key, void *context) {
    struct gathered *gathered = yaml->user;
    struct sp_yaml_scalar value;
    (void)context;
    enum sp_status status = sp_yaml_read_scalar(yaml, &value);
    if (status != SP_OK)
        return status;
    assert_true(gathered->count < COUNT(gathered->keys));
    gathered->values[gathered->count] = value;
    gathered->keys[gathered->count++] = *key;
    return SP_OK;
}

static enum sp_status read_text(struct sp_arena *arena, struct sp_str text, bool stored, struct gathered *ret_gathered,
                                struct sp_error *error) {
    *ret_gathered = (struct gathered){0};
    struct sp_yaml yaml = {.arena = arena, .error = error, .user = ret_gathered, .stored = stored};
    return sp_yaml_read(&yaml, text, "empty", "no mapping", gather_key);
}

#define TEXT(text)                                                                                                     \
    { (text), sizeof(text) - 1 }

static void a_line_end_that_other_readers_do_not_see_is_refused_with_its_place(void **state) {
    static const struct {
        struct sp_str text;
        const char *says;
    } rows[] = {
        {TEXT("a: b # harmless\xc2\x85uid_0: admin\n"), "line 1, column 16: U+0085 ends a line here"},
        {TEXT("a: b\n# harmless\xe2\x80\xa8uid_0: admin\n"), "line 2, column 11: U+2028 ends a line here"},
        {TEXT("a: b\n\nc: d # \xc3\xa9\xe2\x80\xa9uid_0: admin\n"), "line 3, column 9: U+2029 ends a line here"},
        {TEXT("a: b # harmless\ruid_0: admin\n"), "line 1, column 16: a carriage return without a line feed"},
        {TEXT("a: b\r"), "line 1, column 5: a carriage return without a line feed"},
        {TEXT("a: 'b\xe2\x80\xa8 c'\n"), "line 1, column 6: U+2028"},
        {TEXT("a: \"b\xc2\x85 c\"\n"), "line 1, column 6: U+0085"},
        {TEXT("a: \"b\xe2\x80\xa9\"\n"), "line 1, column 6: U+2029"},
        {TEXT("a: b\n\xc2\x85"), "line 2, column 1: U+0085"},
        {TEXT("\xef\xbb\xbf"
              "a: b\xc2\x85"),
         "line 1, column 5: U+0085"},
        {TEXT("\xff\xfe"
              "a\0:\0 \0b\0"),
         "line 1, column 1: the file is in UTF-16; save it as UTF-8"},
        {TEXT("\xfe\xff"
              "\0a\0:\0 \0b"),
         "line 1, column 1: the file is in UTF-16; save it as UTF-8"},
    };
    struct sp_arena *arena = *state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct gathered gathered;
        struct sp_error error = {0};
        assert_int_equal(read_text(arena, rows[i].text, false, &gathered, &error), SP_ERR_INVALID);
        if (strncmp(error.message, rows[i].says, strlen(rows[i].says)) != 0)
            fail_msg("row %zu: %s", i, error.message);
        assert_int_equal(gathered.count, 0);
    }
}

static void what_every_reader_sees_alike_is_read(void **state) {
    static const struct {
        struct sp_str text;
        size_t keys;
    } rows[] = {
        {TEXT("a: b\r\nc: d\r\n"), 2},
        {TEXT("a: \"\\N\\L\\P\"\n"), 1},               /* as escapes */
        {TEXT("a: \xc2\x86\xe2\x80\xa7 \xc3\xa9"), 1}, /* their neighbours: U+0086 is libyaml's to refuse */
        {TEXT("a: \xe2\x80\xaf\xe2\x80\xa6\n"), 1},
    };
    struct sp_arena *arena = *state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct gathered gathered;
        struct sp_error error = {0};
        enum sp_status status = read_text(arena, rows[i].text, false, &gathered, &error);
        if (i == 2) {
            assert_int_equal(status, SP_ERR_INVALID);
            assert_null(strstr(error.message, "ends a line"));
            continue;
        }
        if (status != SP_OK || gathered.count != rows[i].keys)
            fail_msg("row %zu: %s", i, error.message);
    }
}

static void a_byte_order_mark_before_the_text_is_skipped(void **state) {
    struct sp_arena *arena = *state;
    struct gathered gathered;
    struct sp_error error = {0};
    assert_int_equal(read_text(arena,
                               SP_STR_LITERAL("\xef\xbb\xbf"
                                              "a: b\nc: d\n"),
                               false, &gathered, &error),
                     SP_OK);
    assert_int_equal(gathered.count, 2);
    assert_string_equal(gathered.keys[0].text.data, "a");
    assert_int_equal(gathered.keys[0].column, 1);
    assert_int_equal(read_text(arena, SP_STR_LITERAL("\xef\xbb\xbf"), false, &gathered, &error), SP_ERR_INVALID);
    assert_string_equal(error.message, "line 1, column 1: empty");
}

static void a_text_that_was_accepted_once_is_read_as_it_was(void **state) {
    struct sp_arena *arena = *state;
    struct gathered gathered;
    struct sp_error error = {0};
    const struct sp_str text = SP_STR_LITERAL("a: b # comment\xc2\x85"
                                              "c: d\n");
    assert_int_equal(read_text(arena, text, true, &gathered, &error), SP_OK);
    assert_int_equal(gathered.count, 2);
    assert_string_equal(gathered.keys[1].text.data, "c");
}

/* Why they are refused within quotes too: readers of YAML 1.2 leave these values as they are. */
static void libyaml_changes_quoted_texts_at_line_ends_that_others_do_not_see(void **state) {
    static const struct {
        struct sp_str text;
        const char *value;
    } rows[] = {
        {TEXT("a: \"b\xc2\x85 c\"\n"), "b c"},
        {TEXT("a: 'b \xc2\x85\xc2\x85 c'\n"), "b\nc"},
        {TEXT("a: \"b \xe2\x80\xa8 c\"\n"), "b\xe2\x80\xa8"
                                            "c"},
        {TEXT("a: 'b \xe2\x80\xa9 c'\n"), "b\xe2\x80\xa9"
                                          "c"},
        {TEXT("a: \"b\rc\"\n"), "b c"},
    };
    struct sp_arena *arena = *state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct gathered gathered;
        struct sp_error error = {0};
        assert_int_equal(read_text(arena, rows[i].text, true, &gathered, &error), SP_OK);
        assert_int_equal(gathered.count, 1);
        if (strcmp(gathered.values[0].text.data, rows[i].value) != 0)
            fail_msg("row %zu: \"%s\"", i, gathered.values[0].text.data);
        assert_int_equal(read_text(arena, rows[i].text, false, &gathered, &error), SP_ERR_INVALID);
    }
}

static int set_up(void **state) {
    static struct sp_arena arena;
    assert_int_equal(sp_arena_init(&arena, 4096, 1 << 20), SP_OK);
    *state = &arena;
    return 0;
}

static int tear_down(void **state) {
    sp_arena_fini(*state);
    return 0;
}

/* Python and JavaScript write characters beyond U+FFFF as two escapes, which YAML does not have. */
static void json_is_read_however_its_characters_are_escaped(void **state) {
    static const struct {
        struct sp_str text;
        const char *key; /* NULL: refused */
    } rows[] = {
        {TEXT("{\"\\ud83d\\ude00\": \"a\"}"), "\xf0\x9f\x98\x80"},
        {TEXT("{\"a\\uD83D\\uDE00\\ud83d\\ude01b\": \"a\"}"), "a\xf0\x9f\x98\x80\xf0\x9f\x98\x81"
                                                              "b"},
        {TEXT("{\"\\u00e4\\ud83d\\ude00\\n\": \"a\"}"), "\xc3\xa4\xf0\x9f\x98\x80\n"},
        {TEXT("{\"\\udbff\\udfff\": \"a\"}"), "\xf4\x8f\xbf\xbf"},
        {TEXT("\xef\xbb\xbf{\"\\ud83d\\ude00\": \"a\"}"), "\xf0\x9f\x98\x80"},
        {TEXT("{\"\\\\ud83d\\\\ude00\": \"a\"}"), "\\ud83d\\ude00"}, /* a backslash, and letters */
        {TEXT("{\"\\\\\\ud83d\\ude00\": \"a\"}"), "\\\xf0\x9f\x98\x80"},
        {TEXT("{\"\\ud83d\": \"a\"}"), NULL},        /* half a pair */
        {TEXT("{\"\\ude00\\ud83d\": \"a\"}"), NULL}, /* the wrong way round */
        {TEXT("{\"\\ud83d\\u0041\": \"a\"}"), NULL},
        {TEXT("\"\\ud83d\\ude00\": a\n"), NULL},           /* YAML, not JSON */
        {TEXT("{'\\ud83d\\ude00': a}"), "\\ud83d\\ude00"}, /* there they are letters */
        {TEXT("{'\"\\ud83d\\ude00\"': a}"), "\"\\ud83d\\ude00\""},
        {TEXT("{a \"\\ud83d\\ude00\": a}"), "a \"\\ud83d\\ude00\""},
        {TEXT("{a:\"\\ud83d\\ude00\" : a}"), "a:\"\\ud83d\\ude00\""},
        {TEXT("{b: c} # \"\\ud83d\\ude00\""), "b"},
    };
    struct sp_arena *arena = *state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct gathered gathered;
        struct sp_error error = {0};
        enum sp_status status = read_text(arena, rows[i].text, false, &gathered, &error);
        if ((status == SP_OK) != (rows[i].key != NULL))
            fail_msg("row %zu: %s", i, status == SP_OK ? "taken" : error.message);
        if (status == SP_OK && !sp_str_equal(gathered.keys[0].text, sp_str_from(rows[i].key)))
            fail_msg("row %zu: %.*s", i, SP_STR_ARG(gathered.keys[0].text));
    }
}

static void places_are_those_in_the_file_also_behind_joined_escapes(void **state) {
    static const struct {
        struct sp_str text;
        const char *place;
    } rows[] = {
        {TEXT("{\"\\ud83d\\ude00\": \"a\", \"b\": [1]}"), "line 1, column 28: "},
        {TEXT("{\"\\ud83d\\ude00\\ud83d\\ude00\xc3\xa4\": \"a\",\n \"\\ud83d\\ude00\": [1]}"), "line 2, column 18: "},
        {TEXT("{\"\\ud83d\\ude00\\ud83d\\ude00\xc3\xa4\": \"\\\\U\", \"b\": [1]}"), "line 1, column 43: "},
    };
    struct sp_arena *arena = *state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct gathered gathered;
        struct sp_error error = {0};
        assert_int_equal(read_text(arena, rows[i].text, false, &gathered, &error), SP_ERR_INVALID);
        if (strncmp(error.message, rows[i].place, strlen(rows[i].place)) != 0)
            fail_msg("row %zu: %s", i, error.message);
    }
}

int main(void) {
#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(a_line_end_that_other_readers_do_not_see_is_refused_with_its_place),
        CASE(what_every_reader_sees_alike_is_read),
        CASE(a_byte_order_mark_before_the_text_is_skipped),
        CASE(json_is_read_however_its_characters_are_escaped),
        CASE(places_are_those_in_the_file_also_behind_joined_escapes),
        CASE(a_text_that_was_accepted_once_is_read_as_it_was),
        CASE(libyaml_changes_quoted_texts_at_line_ends_that_others_do_not_see),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
