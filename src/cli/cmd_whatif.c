/* sallyport whatif: replays decision logs against a change, by sallyport-test. */
#include <stdlib.h>
#include <string.h>

#include "cli/command_rows.h"
#include "cli/report.h"
#include "cli/set_command.h"
#include "cli/trial_program.h"

enum { SINGLE_WORDS = 16 };

/* The values of --set as words of the other program. The texts live until this one has become
 * that. */
static enum sp_status add_set_words(const struct cli_call *call, struct cli_trial_words *words,
                                    struct sp_error *error) {
    const json_t *sets = json_object_get(call->local, "set");
    for (size_t i = 0; i < json_array_size(sets); i++) {
        json_t *json = NULL;
        enum sp_status status = sp_cli_read_set(call->tables, json_string_value(json_array_get(sets, i)),
                                                sp_cli_local(call, "workspace"), &json, error);
        if (status != SP_OK)
            return status;
        const char *text = json_dumps(json, JSON_COMPACT);
        json_decref(json);
        if (text == NULL)
            return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
        sp_cli_trial_add(words, "--call");
        sp_cli_trial_add(words, text);
    }
    return SP_OK;
}

static size_t count_repeated_words(const struct cli_call *call) {
    static const char *const names[] = {"log", "file", "set", "allow"};
    size_t count = 0;
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        count += 2 * json_array_size(json_object_get(call->local, names[i]));
    return count;
}

static int run_whatif(struct cli_call *call) {
    struct sp_error error = {0};
    struct cli_trial_words words = sp_cli_trial_begin(SINGLE_WORDS + count_repeated_words(call));
    if (words.words == NULL)
        return sp_cli_become_trial(call, &words);
    sp_cli_trial_add(&words, "whatif");
    sp_cli_trial_add_option(&words, call, "store", "--store");
    sp_cli_trial_add_option(&words, call, "backup", "--backup");
    sp_cli_trial_add_option(&words, call, "schema", "--schema");
    sp_cli_trial_add_option(&words, call, "workspace", "--workspace");
    sp_cli_trial_add_flag(&words, call, "prune", "--prune");
    sp_cli_trial_add_flag(&words, call, "keep", "--keep");
    sp_cli_trial_add_options(&words, call, "log", "--log");
    sp_cli_trial_add_options(&words, call, "file", "--file");
    sp_cli_trial_add_options(&words, call, "allow", "--allow");
    if (strcmp(call->output, "table") != 0)
        sp_cli_trial_add(&words, "--json");
    if (add_set_words(call, &words, &error) != SP_OK) {
        free(words.words);
        return sp_cli_report_error(call, &error);
    }
    return sp_cli_become_trial(call, &words);
}

const struct cli_command sp_cli_whatif_commands[] = {
    {.noun = "whatif",
     .summary = "Show which logged decisions a change would flip.",
     .details =
         "Makes the change on a scratch copy of a store or backup, never on the original, and replays decision logs "
         "(docs/policy.md) against the copy before and after it, using the same decision code. Exit status 1: a "
         "decision would flip that --allow does not name.",
     .acts = "no key: everything is read from files",
     .example = "  sallyport whatif --store /var/lib/sallyport --log decisions.log -f policy --prune\n"
                "  sallyport whatif --backup sallyport.backup --log decisions.log --schema schema.yaml --allow "
                "'DENIED->ALLOWED'\n"
                "  sallyport whatif --store /var/lib/sallyport --log decisions.log --workspace acme \\\n"
                "    --set 'share remove note/plan --group editors' --set 'user disable ben'",
     .options = {{.name = "store", .kind = CLI_LOCAL, .value = "DIR", .help = "store to copy; it may be in use"},
                 {.name = "backup", .kind = CLI_LOCAL, .value = "FILE", .help = "backup to copy instead of a store"},
                 {.name = "log",
                  .kind = CLI_LOCALS,
                  .value = "FILE",
                  .help = "decision log to replay, \"-\" for standard input",
                  .required = true},
                 {.name = "file",
                  .kind = CLI_LOCALS,
                  .value = "PATH",
                  .help = "policy file or folder to apply first, as `sallyport apply` does; short: -f"},
                 {.name = "prune", .kind = CLI_LOCAL_FLAG, .help = "remove what the files do not list"},
                 {.name = "keep", .kind = CLI_LOCAL_FLAG, .help = "leave alone what the files do not list"},
                 {.name = "schema", .kind = CLI_LOCAL, .value = "FILE", .help = "schema to put first, as with --force"},
                 {.name = "set",
                  .kind = CLI_LOCALS,
                  .value = "COMMAND",
                  .help =
                      "a command that changes something, as one argument: 'share add note/plan --principal ben --role "
                      "editor'"},
                 {.name = "workspace",
                  .kind = CLI_LOCAL,
                  .value = "ID",
                  .help = "workspace of files and commands that name none"},
                 {.name = "allow",
                  .kind = CLI_LOCALS,
                  .value = "WHAT",
                  .help = "flips that are meant: all, or BEFORE->AFTER, each ALLOWED, DENIED or a reason"}},
     .run = run_whatif},
    {.noun = NULL},
};
