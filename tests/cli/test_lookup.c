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
    static const struct {
        const char *noun, *word, *meant; /* NULL: nothing is near */
    } rows[] = {
        {"", "chek", "check"},
        {"", "worksapce", "workspace"},
        {"", "kye", "key"},
        {"", "keys", "key"},
        {"", "entirely-different", NULL},
        {"", "a-word-that-is-much-longer-than-any-command-ever-was", NULL},
        {"key", "lits", "list"},
        {"key", "disable-sel", "disable-self"},
        {"key", "self-disable", "disable-self"},
        {"key", "members", NULL},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct sp_nearest nearest = sp_cli_find_nearest_word(sp_cli_tables, rows[i].noun, rows[i].word);
        if (!sp_str_equal(nearest.name, sp_str_from(rows[i].meant)))
            fail_msg("%s %s: %.*s", rows[i].noun, rows[i].word, SP_STR_ARG(nearest.name));
    }
}

static void the_words_of_a_command_may_stand_among_options(void **state) {
    (void)state;
    static const struct {
        const char *line, *moved;
    } rows[] = {
        {"key list", "key list"},
        {"-o json key list", "key list -o json"},
        {"-ojson key list", "key list -ojson"},
        {"--output=json key --limit 5 list --principal p", "key list --output=json --limit 5 --principal p"},
        {"--workspace acme user get ann", "user get --workspace acme ann"},
        {"--dry-run schema put file", "schema put --dry-run file"},
        {"key -h list", "key list -h"},
        {"--help key", "key --help"},
        {"--profile p whoami extra", "whoami --profile p extra"},
        {"--profile key", "--profile key"},
        {"key --limit list", "key --limit list"},
        {"--nope key list", "key list --nope"},
        {"help key create", "help key create"},
        {"-- key list", "-- key list"},
        {"-o", "-o"},
        {"", ""},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        char text[128], moved[128] = "", *argv[16] = {(char *)(uintptr_t) "sallyport"};
        int argc = 1;
        snprintf(text, sizeof(text), "%s", rows[i].line);
        for (char *save = NULL, *word = strtok_r(text, " ", &save); word != NULL; word = strtok_r(NULL, " ", &save))
            argv[argc++] = word;
        sp_cli_move_words_first(sp_cli_tables, argc, argv);
        for (int j = 1; j < argc; j++)
            snprintf(moved + strlen(moved), sizeof(moved) - strlen(moved), "%s%s", j > 1 ? " " : "", argv[j]);
        assert_string_equal(moved, rows[i].moved);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_command_is_found_by_all_of_its_words),
        cmocka_unit_test(a_noun_is_known_with_and_without_verbs),
        cmocka_unit_test(a_mistyped_word_finds_the_nearest),
        cmocka_unit_test(the_words_of_a_command_may_stand_among_options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
