#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/text.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static void utf8_and_control_characters(void **state) {
    (void)state;
    static const struct {
        const char *text;
        size_t size;
        bool utf8;
        bool printable;
    } cases[] = {
#define ROW(text, utf8, printable) {text, sizeof(text) - 1, utf8, printable}
        ROW("", true, true),
        ROW("plain", true, true),
        ROW("longer than eight bytes of plain text", true, true),
        ROW("tilde ~ and space", true, true),
        ROW("\0", true, false),
        ROW("a\0b", true, false),
        ROW("tab\t", true, false),
        ROW("\x1f", true, false),
        ROW("\x20", true, true),
        ROW("\x7e", true, true),
        ROW("\x7f", true, false),
        ROW("\xc2\x80", true, false),        /* U+0080 */
        ROW("\xc2\x9f", true, false),        /* U+009F */
        ROW("\xc2\xa0", true, true),         /* U+00A0 */
        ROW("\xdf\xbf", true, true),         /* U+07FF */
        ROW("\xe0\xa0\x80", true, true),     /* U+0800 */
        ROW("\xed\x9f\xbf", true, true),     /* U+D7FF */
        ROW("\xee\x80\x80", true, true),     /* U+E000 */
        ROW("\xef\xbf\xbf", true, true),     /* U+FFFF */
        ROW("\xf0\x90\x80\x80", true, true), /* U+10000 */
        ROW("\xf4\x8f\xbf\xbf", true, true), /* U+10FFFF */
        ROW("twelve ASCII \xe2\x82\xac", true, true),
        ROW("\x80", false, false), /* continues nothing */
        ROW("\xbf", false, false),
        ROW("\xc0\x80", false, false), /* overlong NUL */
        ROW("\xc1\xbf", false, false), /* overlong U+007F */
        ROW("\xc2", false, false),     /* cut short */
        ROW("\xc2\x41", false, false),
        ROW("\xe0\x9f\xbf", false, false), /* overlong U+07FF */
        ROW("\xe2\x82", false, false),
        ROW("\xe2\x82\x41", false, false),
        ROW("\xed\xa0\x80", false, false),     /* U+D800 */
        ROW("\xed\xbf\xbf", false, false),     /* U+DFFF */
        ROW("\xf0\x8f\xbf\xbf", false, false), /* overlong U+FFFF */
        ROW("\xf0\x90\x80", false, false),
        ROW("\xf4\x90\x80\x80", false, false), /* U+110000 */
        ROW("\xf5\x80\x80\x80", false, false),
        ROW("\xfe", false, false),
        ROW("\xff", false, false),
        ROW("twelve ASCII\xff", false, false),
        ROW("seven..\xff", false, false),
        ROW("eight...\xc3\x28", false, false),
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct sp_str text = {cases[i].text, cases[i].size};
        assert_int_equal(sp_text_is_utf8(text), cases[i].utf8);
        assert_int_equal(sp_text_is_printable(text), cases[i].printable);
    }
    assert_true(sp_text_is_utf8((struct sp_str){NULL, 0}));
}

static void every_code_point_is_told_apart(void **state) {
    (void)state;
    for (uint32_t code = 0; code < 0x120000; code++) {
        uint8_t bytes[4];
        size_t size = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
        static const uint8_t leads[] = {0, 0, 0xc0, 0xe0, 0xf0};
        uint32_t rest = code;
        for (size_t i = size; i-- > 1; rest >>= 6)
            bytes[i] = (uint8_t)(0x80 | (rest & 0x3f));
        bytes[0] = (uint8_t)(leads[size] | rest);
        struct sp_str text = {(const char *)bytes, size};
        bool valid = code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
        bool control = code < 0x20 || (code >= 0x7f && code < 0xa0);
        assert_int_equal(sp_text_is_utf8(text), valid);
        assert_int_equal(sp_text_is_printable(text), valid && !control);
    }
}

typedef enum sp_status checker(struct sp_str text, const char *field, struct sp_error *error);

static void names_and_ids_keep_their_limits(void **state) {
    (void)state;
    static const struct {
        checker *check;
        size_t most;
    } checks[] = {
        {sp_text_check_id, 64}, {sp_text_check_word, 64}, {sp_text_check_name, 128}, {sp_text_check_resource_id, 256}};
    static char text[300];
    memset(text, 'a', sizeof(text));
    for (size_t i = 0; i < COUNT(checks); i++) {
        for (size_t size = 0; size < sizeof(text); size++) {
            struct sp_error error = {0};
            bool valid = size >= 1 && size <= checks[i].most;
            char wanted[100] = "";
            if (size == 0)
                snprintf(wanted, sizeof(wanted), "it: must not be empty");
            else if (!valid)
                snprintf(wanted, sizeof(wanted), "it: %zu bytes long, but at most %zu are allowed", size,
                         checks[i].most);
            assert_int_equal(checks[i].check((struct sp_str){text, size}, "it", &error),
                             valid ? SP_OK : SP_ERR_INVALID);
            assert_string_equal(error.message, wanted);
        }
    }
}

static void characters_are_those_of_the_kind(void **state) {
    (void)state;
    static const struct {
        checker *check;
        const char *first;
        const char *later; /* besides those of `first` */
    } checks[] = {
        {sp_text_check_id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", "_.@:+-"},
        {sp_text_check_word, "abcdefghijklmnopqrstuvwxyz", "0123456789_"},
    };
    for (size_t i = 0; i < COUNT(checks); i++) {
        for (unsigned c = 0; c < 256; c++) {
            char text[] = {(char)c, 'a', (char)c};
            bool first = c != 0 && strchr(checks[i].first, (int)c) != NULL;
            bool later = first || (c != 0 && strchr(checks[i].later, (int)c) != NULL);
            struct sp_error error;
            assert_int_equal(checks[i].check((struct sp_str){text, 1}, "f", &error), first ? SP_OK : SP_ERR_INVALID);
            if (!first)
                assert_memory_equal(error.message, "f: character 1 is not allowed; use ", 35);
            assert_int_equal(checks[i].check((struct sp_str){text + 1, 2}, "f", &error),
                             later ? SP_OK : SP_ERR_INVALID);
            if (!later)
                assert_memory_equal(error.message, "f: character 2 is not allowed; use ", 35);
        }
    }
}

static void names_must_be_printable(void **state) {
    (void)state;
    struct sp_error error = {0};
    assert_int_equal(sp_text_check_name(SP_STR_LITERAL("J\xc3\xb6rg's voice"), "name", &error), SP_OK);
    assert_int_equal(sp_text_check_name(SP_STR_LITERAL("a\nb"), "name", &error), SP_ERR_INVALID);
    assert_string_equal(error.message, "name: must be UTF-8 without control characters");
    assert_int_equal(sp_text_check_resource_id(SP_STR_LITERAL("a\0b"), "resource.id", &error), SP_ERR_INVALID);
    assert_string_equal(error.message, "resource.id: must be UTF-8 without control characters");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(utf8_and_control_characters),     cmocka_unit_test(every_code_point_is_told_apart),
        cmocka_unit_test(names_and_ids_keep_their_limits), cmocka_unit_test(characters_are_those_of_the_kind),
        cmocka_unit_test(names_must_be_printable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) == 0 ? 0 : 1;
}
