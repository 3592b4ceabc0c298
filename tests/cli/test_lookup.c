/* Finding commands, and what was probably meant. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/command_table.h"
#include "cli/lookup.h"

static void a_command_is_found_by_all_of_its_words(void **state) {
    (void)state;
    assert_string_equal(sp_cli_find(sp_cli_tables, "key", "list")->method, "ListApiKeys");
    assert_string_equal(sp_cli_find(sp_cli_tables, "whoami", NULL)->method, "WhoAmI");
    assert_null(sp_cli_find(sp_cli_tables, "key", NULL));
    assert_null(sp_cli_find(sp_cli_tables, "key", "members"));
    assert_null(sp_cli_find(sp_cli_tables, "whoami", "list"));
    assert_null(sp_cli_find(sp_cli_tables, "", NULL));
    assert_null(sp_cli_find(sp_cli_tables, "key", ""));
}

static void a_noun_is_known_with_and_without_verbs(void **state) {
    (void)state;
    assert_true(sp_cli_has_noun(sp_cli_tables, "key"));
    assert_true(sp_cli_has_noun(sp_cli_tables, "whoami"));
    assert_false(sp_cli_has_noun(sp_cli_tables, "ke"));
    assert_false(sp_cli_has_noun(sp_cli_tables, ""));
}

static void a_mistyped_word_finds_the_nearest(void **state) {
    (void)state;
    assert_string_equal(sp_cli_nearest_noun(sp_cli_tables, "chek"), "check");
    assert_string_equal(sp_cli_nearest_noun(sp_cli_tables, "worksapce"), "workspace");
    assert_string_equal(sp_cli_nearest_verb(sp_cli_tables, "key", "lits"), "list");
    assert_string_equal(sp_cli_nearest_verb(sp_cli_tables, "key", "disable-sel"), "disable-self");
    assert_null(sp_cli_nearest_noun(sp_cli_tables, "entirely-different"));
    assert_null(sp_cli_nearest_noun(sp_cli_tables, "a-word-that-is-much-longer-than-any-command-ever-was"));
    assert_null(sp_cli_nearest_verb(sp_cli_tables, "key", "members"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_command_is_found_by_all_of_its_words),
        cmocka_unit_test(a_noun_is_known_with_and_without_verbs),
        cmocka_unit_test(a_mistyped_word_finds_the_nearest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
