/* Help of tables that are written down here. */
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/help.h"
#include "cli/print.h"
#include "texts.h"

static const struct cli_command cars[] = {
    {.noun = "car",
     .verb = "paint",
     .summary = "Paint a car.",
     .details = "It has to stand still for as long as the paint takes to dry, which depends on the weather and the "
                "colour.",
     .acts = "the painter's key",
     .example = "  sallyport car paint beetle\n"
                "  sallyport car paint beetle --colour the-first-of-them --colour the-second --twice --colour a-third",
     .positionals = {{.name = "car", .kind = CLI_TEXT, .value = "CAR", .help = "the car", .required = true},
                     {.name = "part", .kind = CLI_TEXTS, .value = "PART", .help = "what to paint"}},
     .options = {{.name = "colour", .kind = CLI_ENUMS, .value = "COLOUR", .help = "a colour", .required = true},
                 {.name = "an-option-with-a-long-name", .kind = CLI_TEXT, .value = "TEXT", .help = "some text"},
                 {.name = "twice", .kind = CLI_FLAG, .help = "two coats"}}},
    {.noun = "car", .verb = "sell", .summary = "Sell a car.", .example = "  sallyport car sell beetle"},
    {.noun = NULL},
};
static const struct cli_command others[] = {
    {.noun = "wash", .summary = "Wash.", .example = "  sallyport wash"},
    {.noun = NULL},
};
static const struct cli_command *const tables[] = {cars, others, NULL};

static void a_command_shows_usage_details_arguments_and_options(void **state) {
    (void)state;
    static const char expected[] = "Usage: sallyport car paint CAR [PART]… [OPTION…]\n"
                                   "\n"
                                   "Paint a car.\n"
                                   "It has to stand still for as long as the paint takes to dry, which depends on\n"
                                   "the weather and the colour.\n"
                                   "Acts with the painter's key.\n"
                                   "\n"
                                   "Arguments:\n"
                                   "  CAR                        the car\n"
                                   "  PART                       what to paint; repeatable\n"
                                   "\n"
                                   "Options:\n"
                                   "  --colour COLOUR            a colour (required); repeatable\n"
                                   "  --an-option-with-a-long-name TEXT\n"
                                   "                             some text\n"
                                   "  --twice                    two coats\n"
                                   "\n"
                                   "Common options:\n"
                                   "  --output FORMAT            ";
    struct printed printed;
    begin_print(&printed);
    sp_cli_help(&cars[0], printed.out);
    char *text = end_print(&printed);
    if (strncmp(text, expected, strlen(expected)) != 0)
        fail_msg("%s", text);
    assert_string_equal(strstr(text, "\nExample:"),
                        "\nExample:\n"
                        "  sallyport car paint beetle\n"
                        "  sallyport car paint beetle --colour the-first-of-them --colour the-second \\\n"
                        "      --twice --colour a-third\n");
    free(text);
}

static void no_line_is_wider_than_a_terminal(void **state) {
    (void)state;
    struct printed printed;
    if (setlocale(LC_CTYPE, "C.UTF-8") == NULL)
        skip();
    begin_print(&printed);
    sp_cli_help(&cars[0], printed.out);
    sp_cli_help_noun(tables, "car", printed.out);
    sp_cli_help_all(tables, printed.out);
    char *text = end_print(&printed);
    for (const char *line = text; *line != '\0'; line += strcspn(line, "\n") + 1) {
        char copy[256];
        snprintf(copy, sizeof(copy), "%.*s", (int)strcspn(line, "\n"), line);
        if (sp_cli_width(copy) > 80)
            fail_msg("%s", copy);
    }
    free(text);
}

static void a_noun_lists_its_verbs(void **state) {
    (void)state;
    struct printed printed;
    begin_print(&printed);
    sp_cli_help_noun(tables, "car", printed.out);
    char *text = end_print(&printed);
    assert_string_equal(text, "Usage: sallyport car COMMAND …\n"
                              "\n"
                              "Commands:\n"
                              "  paint            Paint a car.\n"
                              "  sell             Sell a car.\n"
                              "\n"
                              "Example:\n"
                              "  sallyport car paint beetle\n"
                              "  sallyport car paint beetle --colour the-first-of-them --colour the-second \\\n"
                              "      --twice --colour a-third\n"
                              "\n"
                              "Run `sallyport car COMMAND --help` for details.\n");
    free(text);
}

static void the_program_lists_its_nouns(void **state) {
    (void)state;
    struct printed printed;
    begin_print(&printed);
    sp_cli_help_all(tables, printed.out);
    char *text = end_print(&printed);
    assert_non_null(strstr(text, "\nCommands:\n"
                                 "  car              paint, sell\n"
                                 "  wash             Wash.\n"
                                 "  help             Explain a command: "));
    assert_non_null(strstr(text, "\nExit status: 0 allowed or done, 1 denied, 2 error.\n"));
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_command_shows_usage_details_arguments_and_options),
        cmocka_unit_test(no_line_is_wider_than_a_terminal),
        cmocka_unit_test(a_noun_lists_its_verbs),
        cmocka_unit_test(the_program_lists_its_nouns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
