/* The key that a question is about, and the exit of each way to give none or two. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/credential.h"
#include "support/process.h"
#include "texts.h"

static const struct cli_command check = {.noun = "check"}, explain = {.noun = "explain"},
                                list_resources = {.noun = "list-resources"};

static enum sp_status put(const struct cli_command *command, const char *local, char **ret_request,
                          struct sp_error *error) {
    struct cli_call call = {.command = command, .request = json_object(), .local = parse_json(local)};
    enum sp_status status = sp_cli_put_credential(&call, error);
    *ret_request = write_json(call.request);
    json_decref(call.request);
    json_decref(call.local);
    return status;
}

static void a_digest_becomes_the_bytes_that_the_json_mapping_wants(void **state) {
    (void)state;
    static const struct {
        const char *hex, *base64;
    } rows[] = {
        {"0000000000000000000000000000000000000000000000000000000000000000",
         "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="},
        {"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
         "//////////////////////////////////////////8="},
        {"FFffFFffFFffFFffFFffFFffFFffFFffFFffFFffFFffFFffFFffFFffFFffFFff",
         "//////////////////////////////////////////8="},
        {"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", /* of nothing */
         "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char local[128], expected[128], *request;
        struct sp_error error = {0};
        (void)snprintf(local, sizeof(local), "{'sha256': '%s'}", rows[i].hex);
        (void)snprintf(expected, sizeof(expected), "{'apiKeySha256':'%s'}", rows[i].base64);
        assert_int_equal(put(&check, local, &request, &error), SP_OK);
        assert_string_equal(request, expected);
        free(request);
    }
}

static void what_is_no_digest_is_refused(void **state) {
    (void)state;
    static const char *const rows[] = {
        "",
        "00",
        "0000000000000000000000000000000000000000000000000000000000000",
        "000000000000000000000000000000000000000000000000000000000000000g",
        "00000000000000000000000000000000000000000000000000000000000000000",
        "0x00000000000000000000000000000000000000000000000000000000000000",
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char local[128], *request;
        struct sp_error error = {0};
        (void)snprintf(local, sizeof(local), "{'sha256': '%s'}", rows[i]);
        assert_int_equal(put(&check, local, &request, &error), SP_ERR_INVALID);
        assert_non_null(strstr(error.message, "64 hexadecimal digits"));
        assert_string_equal(request, "{}");
        free(request);
    }
}

static void neither_and_both_are_refused_with_the_options_of_the_command(void **state) {
    (void)state;
    static const struct {
        const struct cli_command *command;
        const char *other;
    } rows[] = {{&check, NULL}, {&explain, "--key-id KEY"}, {&list_resources, "--principal ID"}};
    static const char *const locals[] = {"{}", "{'sha256': '00', 'key-file': 'a'}"};
    for (size_t i = 0; i < COUNT(rows) * COUNT(locals); i++) {
        char *request;
        struct sp_error error = {0};
        const char *other = rows[i / COUNT(locals)].other;
        assert_int_equal(put(rows[i / COUNT(locals)].command, locals[i % COUNT(locals)], &request, &error),
                         SP_ERR_INVALID);
        assert_non_null(strstr(error.message, "--key-file FILE"));
        assert_non_null(strstr(error.message, "--sha256 HEX"));
        assert_true(other == NULL || strstr(error.message, other) != NULL);
        assert_true(other != NULL || strstr(error.message, "HEX or") == NULL);
        assert_string_equal(request, "{}");
        free(request);
    }
}

static void a_key_file_must_hold_utf_8(void **state) {
    (void)state;
    char folder[64], path[128], local[256], *request;
    struct sp_error error = {0};
    folder_make(folder);
    (void)snprintf(path, sizeof(path), "%s/key", folder);
    (void)snprintf(local, sizeof(local), "{'key-file': '%s'}", path);
    static const struct {
        const char *text, *request;
        enum sp_status status;
    } rows[] = {{"sp_one\nsp_two\n", "{'apiKey':'sp_one'}", SP_OK}, {"sp_\xff\n", "{}", SP_ERR_INVALID}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        FILE *file = fopen(path, "we");
        assert_non_null(file);
        assert_true(fputs(rows[i].text, file) >= 0);
        assert_int_equal(fclose(file), 0);
        assert_int_equal(put(&check, local, &request, &error), rows[i].status);
        assert_string_equal(request, rows[i].request);
        free(request);
    }
    assert_null(strstr(error.message, "sp_"));
    folder_remove(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_digest_becomes_the_bytes_that_the_json_mapping_wants),
        cmocka_unit_test(what_is_no_digest_is_refused),
        cmocka_unit_test(neither_and_both_are_refused_with_the_options_of_the_command),
        cmocka_unit_test(a_key_file_must_hold_utf_8),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
