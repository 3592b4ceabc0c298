/* Completion scripts of tables that are written down here; test_cli runs those of the real ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <unistd.h>

#include "cli/completion.h"
#include "texts.h"

static const struct cli_command cars[] = {
    {.noun = "car",
     .verb = "paint",
     .summary = "Paints a car; it's quick.",
     .options = {{.name = "colour", .kind = CLI_ENUM, .choices = "red|green", .value = "COLOUR", .help = "which"},
                 {.name = "from", .kind = CLI_LOCAL, .value = "FILE", .help = "a file"}}},
    {.noun = "car", .verb = "sell", .summary = "Sells a car."},
    {.noun = NULL},
};
static const struct cli_command others[] = {
    {.noun = "wash",
     .summary = "Washes.",
     .positionals = {{.name = "how", .kind = CLI_LOCAL, .choices = "hot|cold", .value = "HOW", .help = "how"}}},
    {.noun = "load", .summary = "Loads.", .positionals = {{.name = "file", .kind = CLI_LOCAL, .value = "FILE"}}},
    {.noun = NULL},
};
static const struct cli_command *const tables[] = {cars, others, NULL};

static char *write_script(const char *shell) {
    struct printed printed;
    begin_print(&printed);
    sp_cli_write_completion(tables, shell, printed.out);
    return end_print(&printed);
}

/* What bash offers for the words; the last one is being typed. */
static void assert_offers(const char *words, const char *expected) {
    char path[] = "/tmp/sallyport-completion-XXXXXX", line[512], offered[512] = "";
    int fd = mkstemp(path);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "w");
    assert_non_null(file);
    char *script = write_script("bash");
    (void)fprintf(file,
                  "%s\nCOMP_WORDS=(sallyport %s)\nCOMP_CWORD=$((${#COMP_WORDS[@]} - 1))\n_sallyport_words\n"
                  "echo \"${COMPREPLY[*]}\"\n",
                  script, words);
    assert_int_equal(fclose(file), 0);
    free(script);
    (void)snprintf(line, sizeof(line), "bash %s", path);
    FILE *out = popen(line, "re");
    assert_non_null(out);
    assert_non_null(fgets(offered, sizeof(offered), out));
    assert_int_equal(pclose(out), 0);
    assert_int_equal(unlink(path), 0);
    offered[strcspn(offered, "\n")] = '\0';
    if (strcmp(offered, expected) != 0)
        fail_msg("%s: bash offers \"%s\", not \"%s\"", words, offered, expected);
}

static void bash_offers_what_may_come_next(void **state) {
    (void)state;
    assert_offers("''", "car wash load help version");
    assert_offers("c", "car");
    assert_offers("car ''", "paint sell");
    assert_offers("car s", "sell");
    assert_offers("wash ''", "hot cold");
    assert_offers("car paint --co", "--colour");
    assert_offers("car sell --co", "");
    assert_offers("car paint --colour ''", "red green");
    assert_offers("car sell -o ''", "table wide json ndjson");
    assert_offers("wash --outp", "--output");
    assert_offers("wash --output j", "json");
    assert_offers("load ''", "");
}

static void zsh_loads_bash_compatibility_first(void **state) {
    (void)state;
    char *zsh = write_script("zsh"), *bash = write_script("bash");
    assert_non_null(strstr(zsh, "bashcompinit\n"));
    assert_memory_equal(zsh, "#compdef sallyport\n", 19);
    assert_memory_equal(strstr(zsh, "_sallyport_words() {"), bash, strlen(bash));
    free(zsh);
    free(bash);
}

static void fish_gets_a_line_for_each_word(void **state) {
    (void)state;
    static const char *const lines[] = {
        "complete -c sallyport -f -n __fish_use_subcommand -a 'help version'\n",
        "complete -c sallyport -f -n __fish_use_subcommand -a car -d ''\n",
        "complete -c sallyport -f -n __fish_use_subcommand -a wash -d 'Washes.'\n",
        " -a paint -d 'Paints a car; it\\'s quick.'\n",
        "'__fish_seen_subcommand_from car; and not __fish_seen_subcommand_from paint sell' -a sell -d 'Sells a car.'\n",
        "'__fish_seen_subcommand_from car; and __fish_seen_subcommand_from paint' -l colour -d 'which' -x -a 'red "
        "green'\n",
        "'__fish_seen_subcommand_from car; and __fish_seen_subcommand_from paint' -l from -d 'a file' -r\n",
        "complete -c sallyport -f -n '__fish_seen_subcommand_from wash' -a 'hot cold'\n",
    };
    char *fish = write_script("fish");
    for (size_t i = 0; i < COUNT(lines); i++) {
        if (strstr(fish, lines[i]) == NULL)
            fail_msg("%s is not in:\n%s", lines[i], fish);
    }
    assert_null(strstr(fish, "-f -n '__fish_seen_subcommand_from load'\n")); /* it takes a file */
    free(fish);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bash_offers_what_may_come_next),
        cmocka_unit_test(zsh_loads_bash_compatibility_first),
        cmocka_unit_test(fish_gets_a_line_for_each_word),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
