/* The writer of JSON against a reader of JSON. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/text_out.h"

static json_t *read_back(const struct sp_text_out *out) {
    json_error_t error;
    json_t *object = json_loadb(out->text, out->used, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    if (object == NULL)
        fail_msg("%s: %.*s", error.text, (int)out->used, out->text);
    assert_true(json_is_object(object));
    return object;
}

static void writes_what_a_reader_reads(void **state) {
    char memory[512];
    struct sp_text_out out;
    (void)state;
    sp_text_out_init(&out, memory, sizeof(memory));
    sp_json_open(&out);
    sp_json_text(&out, "text", SP_STR_LITERAL("a\"b\\c\n\x7f\0z \xc3\xa4"));
    sp_json_number(&out, "least", 0);
    sp_json_number(&out, "most", INT64_MAX);
    sp_json_bool(&out, "yes", true);
    sp_json_time(&out, "time", 1769860800, 123456789);
    sp_json_text(&out, "bad", SP_STR_LITERAL("a\xff\xc3"));
    sp_json_close(&out);
    assert_false(out.full);
    json_t *object = read_back(&out);
    json_t *text = json_object_get(object, "text");
    assert_int_equal(json_string_length(text), 12);
    assert_memory_equal(json_string_value(text), "a\"b\\c\n\x7f\0z \xc3\xa4", 12);
    assert_int_equal(json_integer_value(json_object_get(object, "least")), 0);
    assert_int_equal(json_integer_value(json_object_get(object, "most")), INT64_MAX);
    assert_true(json_is_true(json_object_get(object, "yes")));
    assert_string_equal(json_string_value(json_object_get(object, "time")), "2026-01-31T12:00:00.123456Z");
    assert_string_equal(json_string_value(json_object_get(object, "bad")), "a??");
    json_decref(object);
}

static void an_empty_object_is_whole(void **state) {
    char memory[2];
    struct sp_text_out out;
    (void)state;
    sp_text_out_init(&out, memory, sizeof(memory));
    sp_json_open(&out);
    sp_json_close(&out);
    assert_int_equal(out.used, 2);
    assert_memory_equal(memory, "{}", 2);
}

/* Whatever the room, what was written is an object of whole members. */
static void leaves_out_whole_members_that_do_not_fit(void **state) {
    (void)state;
    for (size_t room = 2; room < 80; room++) {
        char *memory = malloc(room); /* its end is watched by the sanitizer */
        struct sp_text_out out;
        sp_text_out_init(&out, memory, room);
        sp_json_open(&out);
        sp_json_text(&out, "first", SP_STR_LITERAL("1\n\xc3\xa4"));
        sp_json_text_cut(&out, "second", SP_STR_LITERAL("\xc3\xa4\xc3\xb6\xc3\xbc\n\n"));
        sp_json_number(&out, "third", 333);
        sp_json_bool(&out, "fourth", false);
        sp_json_close(&out);
        json_t *object = read_back(&out);
        const char *first = json_string_value(json_object_get(object, "first"));
        const char *second = json_string_value(json_object_get(object, "second"));
        assert_true(first == NULL || strcmp(first, "1\n\xc3\xa4") == 0);
        assert_true(second == NULL || strncmp(second, "\xc3\xa4\xc3\xb6\xc3\xbc\n\n", strlen(second)) == 0);
        assert_int_equal(out.full, json_object_size(object) < 4 || strlen(second) < 8);
        json_decref(object);
        free(memory);
    }
}

static void every_byte_string_survives_or_is_replaced(void **state) {
    unsigned seed = (unsigned)time(NULL);
    (void)state;
    print_message("seed %u\n", seed);
    srandom(seed);
    for (int round = 0; round < 2000; round++) {
        char memory[400], value[32];
        struct sp_text_out out;
        size_t size = (size_t)random() % sizeof(value);
        for (size_t i = 0; i < size; i++)
            value[i] = (char)random();
        sp_text_out_init(&out, memory, sizeof(memory));
        sp_json_open(&out);
        sp_json_text(&out, "v", (struct sp_str){value, size});
        sp_json_close(&out);
        assert_false(out.full);
        json_t *object = read_back(&out);
        assert_int_equal(json_string_length(json_object_get(object, "v")), size);
        json_decref(object);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_what_a_reader_reads),
        cmocka_unit_test(an_empty_object_is_whole),
        cmocka_unit_test(leaves_out_whole_members_that_do_not_fit),
        cmocka_unit_test(every_byte_string_survives_or_is_replaced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
