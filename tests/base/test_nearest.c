/* What somebody probably meant. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/nearest.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static void finds_the_name_that_differs_in_the_fewest_letters(void **state) {
    (void)state;
    static const char *const names[] = {"voices_read", "voices_write", "text_to_speech", "use", "edit"};
    static const struct {
        const char *typed, *meant; /* NULL: none is near */
    } rows[] = {
        {"text_to_speach", "text_to_speech"},
        {"voice_read", "voices_read"},
        {"voices_wriet", "voices_write"},
        {"voices_reads", "voices_read"},
        {"usee", "use"},
        {"ues", "use"}, /* exchanged */
        {"uxy", NULL},  /* two letters of three */
        {"edti", "edit"},
        {"edit", "edit"},
        {"voices_w", "voices_write"}, /* begins so */
        {"te", "text_to_speech"},
        {"vo", "voices_read"},
        {"us", "use"},
        {"e", NULL},
        {"", NULL},
        {"something_else", NULL},
        {"a_word_that_is_longer_than_any_name_that_can_exist_in_a_schema_or_list", NULL},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct sp_nearest nearest = {0};
        for (size_t j = 0; j < COUNT(names); j++)
            sp_nearest_consider(&nearest, sp_str_from(names[j]), sp_str_from(rows[i].typed));
        struct sp_str meant = sp_str_from(rows[i].meant);
        if (!sp_str_equal(nearest.name, meant))
            fail_msg("%s: %.*s", rows[i].typed, SP_STR_ARG(nearest.name));
    }
}

static void finds_the_name_whose_words_are_mostly_the_same(void **state) {
    (void)state;
    static const char *const names[] = {"TRUSTED_HOPS",   "TRUSTED_PEERS", "TRUSTED_PROXIES", "HTTP_LISTEN",
                                        "ADDRESS_HEADER", "LISTEN",        "METRICS_LISTEN",  "TLS_CERT",
                                        "TLS_KEY",        "STORE",         "MAX_STREAM_AGE",  "MAX_CONNECTIONS",
                                        "key-file",       "voices_read",   "allow-ip"};
    static const struct {
        const char *typed, *meant; /* NULL: none is near */
    } rows[] = {
        {"TRUSTED_PROXY", "TRUSTED_PROXIES"},
        {"TRUSTED_PEER_LIST", "TRUSTED_PEERS"},
        {"PROXIES", "TRUSTED_PROXIES"},
        {"LISTEN_ADDRESS", "LISTEN"},
        {"GRPC_LISTEN", "LISTEN"},
        {"LISTEN_HTTP", "HTTP_LISTEN"},
        {"TLS_CERTIFICATE", "TLS_CERT"},
        {"TLS_KEY_FILE", "TLS_KEY"},
        {"CERT_TLS", "TLS_CERT"},
        {"STORE_DIRECTORY", "STORE"},
        {"MAX_CONNS", "MAX_CONNECTIONS"},
        {"STREAM_AGE_MAX_S", "MAX_STREAM_AGE"},
        {"file-key", "key-file"},
        {"allowed-ips", "allow-ip"},
        {"KEY", NULL},           /* three letters name no longer name by their end */
        {"voices_delete", NULL}, /* another action on the same thing */
        {"MAX_WORKERS", NULL},
        {"HEADER_OF_SOMETHING", NULL},
        {"_-_", NULL},
        {"TLS_KEY_FILE_THAT_HAS_A_NAME_WHICH_IS_LONGER_THAN_ANY_THAT_CAN_EXIST", NULL},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct sp_nearest nearest = {0};
        for (size_t j = 0; j < COUNT(names); j++)
            sp_nearest_consider(&nearest, sp_str_from(names[j]), sp_str_from(rows[i].typed));
        if (!sp_str_equal(nearest.name, sp_str_from(rows[i].meant)))
            fail_msg("%s: %.*s", rows[i].typed, SP_STR_ARG(nearest.name));
    }
}

static void an_unknown_command_is_told_with_the_nearest_or_the_help(void **state) {
    (void)state;
    static const struct {
        const char *near, *group, *word, *message;
    } rows[] = {
        {"verify", "", "verfy", "unknown command 'verfy'; did you mean verify?"},
        {"list", "key", "lst", "unknown command 'key lst'; did you mean list?"},
        {NULL, "", "nope", "unknown command 'nope' (see sallyport --help)"},
        {NULL, "key", "nope", "unknown command 'key nope' (see sallyport key --help)"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct sp_nearest nearest = {.name = sp_str_from(rows[i].near)};
        struct sp_error error;
        assert_int_equal(sp_nearest_refuse_command(&nearest, rows[i].group, rows[i].word, "sallyport", &error),
                         SP_ERR_INVALID);
        assert_string_equal(error.message, rows[i].message);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_name_whose_words_are_mostly_the_same),
        cmocka_unit_test(an_unknown_command_is_told_with_the_nearest_or_the_help),
        cmocka_unit_test(finds_the_name_that_differs_in_the_fewest_letters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
