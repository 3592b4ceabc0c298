/* The table of options: defaults, environment, arguments, and what is refused in which words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config/options.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

struct values {
    bool flag;
    const char *text;
    struct sp_option_texts texts;
    uint64_t number;
    uint64_t size;
};

static enum sp_status parse(struct values *values, int *ret_rest, struct sp_error *error, char **argv) {
    const struct sp_option table[] = {
        {.name = "flag", .kind = SP_OPTION_FLAG, .target = &values->flag, .environment = "SP_TEST_FLAG", .help = "a"},
        {.name = "text",
         .kind = SP_OPTION_TEXT,
         .target = &values->text,
         .environment = "SP_TEST_TEXT",
         .default_text = "one",
         .argument = "T",
         .help = "b"},
        {.name = "texts",
         .kind = SP_OPTION_TEXTS,
         .target = &values->texts,
         .environment = "SP_TEST_TEXTS",
         .default_text = "a,b",
         .argument = "T",
         .help = "c"},
        {.name = "number",
         .kind = SP_OPTION_NUMBER,
         .target = &values->number,
         .environment = "SP_TEST_NUMBER",
         .default_text = "7",
         .argument = "MS",
         .least = 5,
         .most = 100,
         .help = "d"},
        {.name = "size",
         .kind = SP_OPTION_SIZE,
         .target = &values->size,
         .argument = "BYTES",
         .most = (uint64_t)1 << 45,
         .help = "e"},
    };
    int argc = 0;
    while (argv[argc] != NULL)
        argc++;
    return sp_options_parse(table, COUNT(table), argc, argv, ret_rest, error);
}

static char *text_of(const char *text) {
    static char texts[16][64];
    static size_t next;
    char *copy = texts[next++ % COUNT(texts)];
    size_t size = strlen(text);
    memcpy(copy, text, size + 1);
    return copy;
}

static void forget_environment(void) {
    unsetenv("SP_TEST_FLAG");
    unsetenv("SP_TEST_TEXT");
    unsetenv("SP_TEST_TEXTS");
    unsetenv("SP_TEST_NUMBER");
}

static void takes_defaults_then_the_environment_then_arguments(void **state) {
    (void)state;
    struct values values = {0};
    struct sp_error error = {0};
    int rest = 0;
    char *none[] = {text_of("program"), NULL};
    forget_environment();
    assert_int_equal(parse(&values, &rest, &error, none), SP_OK);
    assert_string_equal(values.text, "one");
    assert_int_equal(values.number, 7);
    assert_int_equal(values.texts.count, 2);
    assert_string_equal(values.texts.values[1], "b");

    setenv("SP_TEST_FLAG", "true", 1);
    setenv("SP_TEST_TEXT", "two", 1);
    setenv("SP_TEST_TEXTS", "x", 1);
    setenv("SP_TEST_NUMBER", "8", 1);
    assert_int_equal(parse(&values, &rest, &error, none), SP_OK);
    assert_true(values.flag);
    assert_string_equal(values.text, "two");
    assert_int_equal(values.number, 8);
    assert_int_equal(values.texts.count, 1);
    assert_string_equal(values.texts.values[0], "x");

    char *given[] = {text_of("program"), text_of("--text=three"), text_of("--number"), text_of("9"), text_of("--texts"),
                     text_of("p"),       text_of("--texts"),      text_of("q"),        NULL};
    assert_int_equal(parse(&values, &rest, &error, given), SP_OK);
    assert_string_equal(values.text, "three");
    assert_int_equal(values.number, 9);
    assert_int_equal(values.texts.count, 2);
    assert_string_equal(values.texts.values[0], "p");
    assert_string_equal(values.texts.values[1], "q");
    forget_environment();
}

static void leaves_what_is_no_option_for_the_caller(void **state) {
    (void)state;
    struct values values = {0};
    struct sp_error error = {0};
    int rest = 0;
    char *argv[] = {text_of("program"), text_of("add"), text_of("--flag"), text_of("alice"), NULL};
    assert_int_equal(parse(&values, &rest, &error, argv), SP_OK);
    assert_true(values.flag);
    assert_int_equal(rest, 2);
    assert_string_equal(argv[2], "add");
    assert_string_equal(argv[3], "alice");
}

static void reads_sizes_with_units(void **state) {
    (void)state;
    static const struct {
        const char *text;
        uint64_t size;
    } cases[] = {{"0", 0},        {"1048576", 1048576}, {"1K", 1024},
                 {"3M", 3 << 20}, {"2G", 2ULL << 30},   {"32T", 1ULL << 45}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct values values = {0};
        struct sp_error error = {0};
        int rest = 0;
        char *argv[] = {text_of("program"), text_of("--size"), text_of(cases[i].text), NULL};
        assert_int_equal(parse(&values, &rest, &error, argv), SP_OK);
        assert_int_equal(values.size, cases[i].size);
    }
}

static void refuses_what_it_cannot_read_and_says_which(void **state) {
    (void)state;
    static const struct {
        const char *one, *two, *fragment;
    } cases[] = {
        {"--number", "4", "--number: \"4\" is not a number of MS between 5 and 100"},
        {"--number", "101", "--number"},
        {"--number", "-7", "--number"},
        {"--number", "7x", "--number"},
        {"--number", "", "--number"},
        {"--number", " 7", "--number"},
        {"--number", "18446744073709551616", "--number"},
        {"--size", "1X", "--size"},
        {"--size", "1KK", "--size"},
        {"--size", "K", "--size"},
        {"--size", "99999999999999T", "--size"},
        {"--nope", NULL, "unknown option --nope; see --help"},
        {"--num", "7", "unknown option --num; did you mean --number?"},
        {"--nubmer=7", NULL, "unknown option --nubmer; did you mean --number?"},
        {"-n", "7", "unknown option -n; see --help"},
        {"--flag=1", NULL, "--flag takes no argument"},
        {"--number", NULL, "--number requires an argument"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct values values = {0};
        struct sp_error error = {0};
        int rest = 0;
        char *argv[] = {text_of("program"), text_of(cases[i].one), cases[i].two == NULL ? NULL : text_of(cases[i].two),
                        NULL};
        assert_int_equal(parse(&values, &rest, &error, argv), SP_ERR_INVALID);
        if (strstr(error.message, cases[i].fragment) == NULL)
            fail_msg("\"%s\" does not hold \"%s\"", error.message, cases[i].fragment);
    }
}

static void refuses_a_flag_in_the_environment_that_is_neither_on_nor_off(void **state) {
    (void)state;
    struct values values = {0};
    struct sp_error error = {0};
    int rest = 0;
    char *none[] = {text_of("program"), NULL};
    setenv("SP_TEST_FLAG", "yes", 1);
    assert_int_equal(parse(&values, &rest, &error, none), SP_ERR_INVALID);
    assert_non_null(strstr(error.message, "SP_TEST_FLAG"));
    forget_environment();
}

static void refuses_more_values_than_fit(void **state) {
    (void)state;
    struct values values = {0};
    struct sp_error error = {0};
    int rest = 0;
    char *argv[SP_OPTION_TEXTS_MAX + 3] = {text_of("program")};
    char one[] = "--texts=x";
    for (size_t i = 1; i < SP_OPTION_TEXTS_MAX + 2; i++)
        argv[i] = one;
    assert_int_equal(parse(&values, &rest, &error, argv), SP_ERR_INVALID);
    argv[SP_OPTION_TEXTS_MAX + 1] = NULL;
    assert_int_equal(parse(&values, &rest, &error, argv), SP_OK);
    assert_int_equal(values.texts.count, SP_OPTION_TEXTS_MAX);
}

static void help_tells_range_default_and_variable(void **state) {
    (void)state;
    uint64_t number = 0;
    const struct sp_option table[] = {{.name = "drain-ms",
                                       .kind = SP_OPTION_NUMBER,
                                       .target = &number,
                                       .environment = "X_DRAIN",
                                       .default_text = "50",
                                       .argument = "MS",
                                       .most = 60,
                                       .help = "waits"}};
    char text[512] = {0};
    FILE *out = fmemopen(text, sizeof(text), "w");
    assert_non_null(out);
    sp_options_help(table, 1, out);
    fclose(out);
    assert_string_equal(text, "  --drain-ms MS               waits; 0 to 60 (default 50) [X_DRAIN]\n");
}

static void help_breaks_its_lines_at_80_characters(void **state) {
    (void)state;
    const struct sp_option table[] = {
        {.name = "a-name-that-is-far-too-long",
         .argument = "VALUE",
         .kind = SP_OPTION_TEXT,
         .environment = "A_NAME_THAT_IS_FAR_TOO_LONG",
         .help = "says a lot about what it does; one word after another, until no more of them fit on a line"}};
    char text[512] = {0};
    FILE *out = fmemopen(text, sizeof(text), "w");
    assert_non_null(out);
    sp_options_help(table, 1, out);
    fclose(out);
    assert_string_equal(text, "  --a-name-that-is-far-too-long VALUE\n"
                              "                              says a lot about what it does; one word after\n"
                              "                              another, until no more of them fit on a line\n"
                              "                              [A_NAME_THAT_IS_FAR_TOO_LONG]\n");
}

static void what_follows_two_dashes_is_no_option(void **state) {
    (void)state;
    struct values values = {0};
    struct sp_error error = {0};
    int rest = 0;
    char *argv[] = {text_of("program"), text_of("add"),    text_of("--flag"), text_of("-"),
                    text_of("--"),      text_of("--text"), text_of("-x"),     NULL};
    assert_int_equal(parse(&values, &rest, &error, argv), SP_OK);
    assert_true(values.flag);
    assert_int_equal(rest, 3);
    assert_string_equal(argv[3], "add");
    assert_string_equal(argv[4], "-");
    assert_string_equal(argv[5], "--text");
    assert_string_equal(argv[6], "-x");
}

static void words_are_refused_unless_they_are_an_option_in_full(void **state) {
    (void)state;
    static const struct sp_option_word words[] = {{"connections", true}, {"in-flight", true}, {"json", false}};
    static const struct {
        const char *line, *message; /* NULL: all are known */
    } rows[] = {
        {"", NULL},
        {"--connections 4 --json -x", NULL},
        {"--connections=4 word", NULL},
        {"--connections --conn", NULL}, /* a value */
        {"-- --conn", NULL},
        {"--conn 4", "unknown option --conn; did you mean --connections?"},
        {"--conn=4", "unknown option --conn; did you mean --connections?"},
        {"--json --in-fligth 4", "unknown option --in-fligth; did you mean --in-flight?"},
        {"word --whatever", "unknown option --whatever; see --help"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        char text[128], *argv[8] = {(char *)(uintptr_t) "program"};
        int argc = 1;
        struct sp_error error = {0};
        snprintf(text, sizeof(text), "%s", rows[i].line);
        for (char *save = NULL, *word = strtok_r(text, " ", &save); word != NULL; word = strtok_r(NULL, " ", &save))
            argv[argc++] = word;
        enum sp_status status = sp_options_check_words(words, sizeof(words) / sizeof(*words), argc, argv, &error);
        assert_int_equal(status, rows[i].message == NULL ? SP_OK : SP_ERR_INVALID);
        assert_string_equal(error.message, rows[i].message == NULL ? "" : rows[i].message);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_refused_unless_they_are_an_option_in_full),
        cmocka_unit_test(takes_defaults_then_the_environment_then_arguments),
        cmocka_unit_test(leaves_what_is_no_option_for_the_caller),
        cmocka_unit_test(reads_sizes_with_units),
        cmocka_unit_test(refuses_what_it_cannot_read_and_says_which),
        cmocka_unit_test(refuses_a_flag_in_the_environment_that_is_neither_on_nor_off),
        cmocka_unit_test(refuses_more_values_than_fit),
        cmocka_unit_test(help_tells_range_default_and_variable),
        cmocka_unit_test(help_breaks_its_lines_at_80_characters),
        cmocka_unit_test(what_follows_two_dashes_is_no_option),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
