/* Options from a file: what goes before what, and what is said of a file that cannot be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config/settings.h"
#include "support/process.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static char folder[64], path[96];

static struct {
    const char *config, *store;
    struct sp_option_texts listen;
    uint64_t drain_ms;
    bool insecure;
} got;

static const struct sp_option table[] = {
    {.name = "config", .kind = SP_OPTION_TEXT, .target = &got.config, .environment = "SP_TEST_CONFIG"},
    {.name = "store", .kind = SP_OPTION_TEXT, .target = &got.store, .environment = "SP_TEST_STORE", .argument = "DIR"},
    {.name = "listen",
     .kind = SP_OPTION_TEXTS,
     .target = &got.listen,
     .environment = "SP_TEST_LISTEN",
     .default_text = "127.0.0.1:1",
     .argument = "ADDRESS"},
    {.name = "drain-ms",
     .kind = SP_OPTION_NUMBER,
     .target = &got.drain_ms,
     .environment = "SP_TEST_DRAIN",
     .default_text = "5",
     .argument = "MS",
     .most = 100},
    {.name = "insecure", .kind = SP_OPTION_FLAG, .target = &got.insecure, .environment = "SP_TEST_INSECURE"},
};

static int set_up(void **state) {
    (void)state;
    static const char *const names[] = {"CONFIG", "STORE", "LISTEN", "DRAIN", "INSECURE"};
    char variable[32];
    for (size_t i = 0; i < COUNT(names); i++) {
        snprintf(variable, sizeof(variable), "SP_TEST_%s", names[i]);
        unsetenv(variable);
    }
    memset(&got, 0, sizeof(got));
    folder_make(folder);
    snprintf(path, sizeof(path), "%s/settings.yaml", folder);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    folder_remove(folder);
    return 0;
}

static void write_file(const char *text) {
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static enum sp_status read_all(int argc, const char *const *given, struct sp_settings *settings,
                               struct sp_error *error) {
    static char texts[8][128];
    char *argv[9] = {0};
    int rest;
    for (int i = 0; i < argc; i++) {
        snprintf(texts[i], sizeof(texts[i]), "%s", given[i]);
        argv[i] = texts[i];
    }
    return sp_settings_read(table, COUNT(table), argc, argv, settings, &rest, error);
}

static void arguments_go_before_the_environment_and_that_before_the_file(void **state) {
    (void)state;
    struct sp_settings settings;
    struct sp_error error;
    write_file("store: /from/file\nlisten: 127.0.0.1:2, unix:/x\ndrain-ms: 7\ninsecure: true\n");
    setenv("SP_TEST_DRAIN", "8", 1);
    const char *arguments[] = {"program", "--config", path, "--store=/from/argument"};
    if (read_all(4, arguments, &settings, &error) != SP_OK)
        fail_msg("%s", error.message);
    assert_string_equal(got.store, "/from/argument");
    assert_int_equal(got.listen.count, 2);
    assert_string_equal(got.listen.values[0], "127.0.0.1:2");
    assert_string_equal(got.listen.values[1], "unix:/x");
    assert_int_equal(got.drain_ms, 8);
    assert_true(got.insecure);
    const enum sp_option_source sources[] = {SP_OPTION_ARGUMENT, SP_OPTION_ARGUMENT, SP_OPTION_FILE,
                                             SP_OPTION_ENVIRONMENT, SP_OPTION_FILE};
    assert_memory_equal(settings.sources, sources, sizeof(sources));
    sp_arena_fini(&settings.arena);
}

static void the_file_may_be_named_by_the_environment(void **state) {
    (void)state;
    struct sp_settings settings;
    struct sp_error error;
    write_file("drain-ms: 9\n");
    setenv("SP_TEST_CONFIG", path, 1);
    const char *arguments[] = {"program"};
    assert_int_equal(read_all(1, arguments, &settings, &error), SP_OK);
    assert_int_equal(got.drain_ms, 9);
    sp_arena_fini(&settings.arena);
}

static void without_a_file_all_is_as_it_was(void **state) {
    (void)state;
    struct sp_settings settings;
    struct sp_error error;
    const char *arguments[] = {"program"};
    assert_int_equal(read_all(1, arguments, &settings, &error), SP_OK);
    assert_int_equal(got.drain_ms, 5);
    assert_int_equal(settings.sources[3], SP_OPTION_DEFAULT);
}

static void a_bad_file_is_refused_with_its_line(void **state) {
    static const struct {
        const char *text, *says;
    } rows[] = {
        {"stroe: x\n", "line 1: unknown option \"stroe\""},
        {"store: x\ndrain-ms: 101\n", "line 2: --drain-ms: \"101\" is not"},
        {"insecure: perhaps\n", "is not 1, true, 0 or false"},
        {"store: a\nstore: b\n", "line 2, column 1: this option is given twice"},
        {"store: {a: b}\n", "line 1"},
        {"", "has no settings"},
        {"store: \"a\\0b\"\n", "must not contain NUL"},
        {"store: [a\n", "line"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct sp_settings settings;
        struct sp_error error;
        const char *arguments[] = {"program", "--config", path};
        write_file(rows[i].text);
        assert_int_equal(read_all(3, arguments, &settings, &error), SP_ERR_INVALID);
        if (strstr(error.message, rows[i].says) == NULL || strstr(error.message, path) == NULL)
            fail_msg("row %zu: %s", i, error.message);
    }
}

static void what_is_printed_names_value_unit_and_source(void **state) {
    (void)state;
    struct sp_settings settings;
    struct sp_error error;
    char *text = NULL;
    size_t size = 0;
    write_file("drain-ms: 9\n");
    const char *arguments[] = {"program", "--config", path, "--listen", "a:1", "--listen", "b:2"};
    assert_int_equal(read_all(7, arguments, &settings, &error), SP_OK);
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    sp_options_print(table, COUNT(table), settings.sources, out);
    assert_int_equal(fclose(out), 0);
    assert_non_null(
        strstr(text, "store                       -                                   DIR         default\n"));
    assert_non_null(
        strstr(text, "listen                      a:1,b:2                             ADDRESS     argument\n"));
    assert_non_null(strstr(text, "drain-ms                    9                                   MS          file\n"));
    assert_non_null(
        strstr(text, "insecure                    false                                           default\n"));
    free(text);
    sp_arena_fini(&settings.arena);
}

int main(void) {
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(arguments_go_before_the_environment_and_that_before_the_file),
        CASE(the_file_may_be_named_by_the_environment),
        CASE(without_a_file_all_is_as_it_was),
        CASE(a_bad_file_is_refused_with_its_line),
        CASE(what_is_printed_names_value_unit_and_source),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) == 0 ? 0 : 1;
}
