/* sallyport test: runs sallyport-test, which is beside this program. */
#include "cli/command_rows.h"
#include "cli/trial_program.h"

enum { OPTION_WORDS = 8 };

static int run_test(struct cli_call *call) {
    const json_t *files = json_object_get(call->local, "file");
    struct cli_trial_words words = sp_cli_trial_begin(OPTION_WORDS + json_array_size(files));
    if (words.words == NULL)
        return sp_cli_become_trial(call, &words);
    sp_cli_trial_add_flag(&words, call, "cover", "--cover");
    sp_cli_trial_add_flag(&words, call, "github", "--github");
    sp_cli_trial_add_flag(&words, call, "watch", "--watch");
    sp_cli_trial_add_option(&words, call, "run", "--run");
    sp_cli_trial_add_option(&words, call, "junit", "--junit");
    sp_cli_trial_add(&words, "--");
    for (size_t i = 0; i < json_array_size(files); i++)
        sp_cli_trial_add(&words, json_string_value(json_array_get(files, i)));
    return sp_cli_become_trial(call, &words);
}

const struct cli_command sp_cli_test_commands[] = {
    {.noun = "test",
     .summary = "Test policy files: check that decisions are as expected.",
     .details = "Asks the questions in a test file (docs/policy.md) of policy files and a schema, without a server, "
                "using the same decision code. Exit status 1: an answer differs.",
     .acts = "no key: everything is read from files",
     .example = "  sallyport test -f policy/tests.yaml\n"
                "  sallyport test -f policy/tests.yaml --run 'minutes|plan' --cover\n"
                "  sallyport test -f policy/tests.yaml --junit report.xml",
     .positionals =
         {{.name = "file", .kind = CLI_LOCALS, .value = "FILE", .help = "file of tests (default: tests.yaml)"}},
     .options = {{.name = "file", .kind = CLI_LOCALS, .value = "FILE", .help = "the same; short: -f"},
                 {.name = "run",
                  .kind = CLI_LOCAL,
                  .value = "PATTERN",
                  .help = "only tests whose names match this extended regular expression"},
                 {.name = "cover",
                  .kind = CLI_LOCAL_FLAG,
                  .help = "show which actions, roles, routes and gates no test reaches"},
                 {.name = "junit", .kind = CLI_LOCAL, .value = "FILE", .help = "write JUnit's XML to this file"},
                 {.name = "github",
                  .kind = CLI_LOCAL_FLAG,
                  .help = "print annotations for GitHub Actions (default: if GITHUB_ACTIONS is true)"},
                 {.name = "watch", .kind = CLI_LOCAL_FLAG, .help = "run again when a file changes, until Ctrl-C"}},
     .run = run_test},
    {.noun = NULL},
};
