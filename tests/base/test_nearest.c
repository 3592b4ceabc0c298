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
        {"ues", NULL}, /* two letters of three */
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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_name_that_differs_in_the_fewest_letters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
