/* sallyport test: runs sallyport-test, which is beside this program. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/command_rows.h"
#include "cli/report.h"

enum { PATH_BYTES = 4096, WORDS_MAX = 16 };

static const char program_name[] = "sallyport-test";

/* Beside this program, wherever that is. "" if that cannot be told. */
static void find_beside(char path[static PATH_BYTES]) {
    ssize_t size = readlink("/proc/self/exe", path, PATH_BYTES - sizeof(program_name));
    char *slash = NULL;
    path[size < 0 ? 0 : size] = '\0';
    slash = strrchr(path, '/');
    if (slash == NULL)
        path[0] = '\0';
    else
        memcpy(slash + 1, program_name, sizeof(program_name));
}

/* Returns only if there is no such program. */
static void become_test_program(char **words) {
    char path[PATH_BYTES];
    find_beside(path);
    if (path[0] != '\0')
        (void)execv(path, words);
    (void)execvp(program_name, words);
}

/* Words are borrowed from the arguments; argv wants to change what nobody changes. */
static char *borrow_word(const char *text) {
    return (char *)(uintptr_t)text;
}

static size_t add_flag(const struct cli_call *call, const char *name, const char *word, char **words, size_t count) {
    if (sp_cli_local_flag(call, name))
        words[count++] = borrow_word(word);
    return count;
}

static size_t add_option(const struct cli_call *call, const char *name, const char *word, char **words, size_t count) {
    const char *value = sp_cli_local(call, name);
    if (value == NULL)
        return count;
    words[count++] = borrow_word(word);
    words[count++] = borrow_word(value);
    return count;
}

static int run_test(struct cli_call *call) {
    const json_t *files = json_object_get(call->local, "file");
    struct sp_error error = {0};
    size_t count = 0;
    char **words = calloc(WORDS_MAX + json_array_size(files), sizeof(*words));
    if (words == NULL) {
        (void)sp_error_set(&error, SP_ERR_MEMORY, "out of memory");
        return sp_cli_report_error(call, &error);
    }
    words[count++] = borrow_word(program_name);
    count = add_flag(call, "cover", "--cover", words, count);
    count = add_flag(call, "github", "--github", words, count);
    count = add_flag(call, "watch", "--watch", words, count);
    count = add_option(call, "run", "--run", words, count);
    count = add_option(call, "junit", "--junit", words, count);
    words[count++] = borrow_word("--");
    for (size_t i = 0; i < json_array_size(files); i++)
        words[count++] = borrow_word(json_string_value(json_array_get(files, i)));
    become_test_program(words);
    (void)sp_error_set(&error, SP_ERR_NOT_FOUND, "cannot run %s: %s; install it beside sallyport", program_name,
                       strerror(errno));
    free(words);
    return sp_cli_report_error(call, &error);
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
