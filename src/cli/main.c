/* sallyport, the command line: finds the command in the tables, reads its arguments, calls, and
 * shows the reply. */
#include <errno.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "cli/arguments.h"
#include "cli/command_table.h"
#include "cli/help.h"
#include "cli/key_argument.h"
#include "cli/lookup.h"
#include "cli/option.h"
#include "cli/print.h"
#include "cli/profile.h"
#include "cli/report.h"
#include "cli/single_call.h"

#ifndef SP_VERSION
#define SP_VERSION "unknown"
#endif

enum { ARENA_FIRST_BYTES = 4096, ARENA_BUDGET_BYTES = 1024 * 1024 };

/* Most are misspelled, so that a call goes elsewhere or with another key than was meant. */
static void print_unknown_variables(void) {
    struct sp_unknown_variables unknown;
    sp_cli_find_unknown_variables(&unknown);
    for (size_t i = 0; i < unknown.count; i++)
        (void)fprintf(stderr, "sallyport: %s\n", unknown.messages[i]);
}

static int run_command(const struct cli_command *command, int argc, char **argv) {
    struct cli_call call = {.command = command, .tables = sp_cli_tables, .output = "table"};
    struct sp_error error = {0};
    struct sp_arena arena;
    bool help = false;
    int result = CLI_ERROR;
    call.request = command->fixed != NULL ? json_loads(command->fixed, 0, NULL) : json_object();
    call.local = json_object();
    if (call.request == NULL || call.local == NULL ||
        sp_arena_init(&arena, ARENA_FIRST_BYTES, ARENA_BUDGET_BYTES) != SP_OK) {
        (void)sp_error_set(&error, SP_ERR_MEMORY, "out of memory");
        return sp_cli_report_error(&call, &error);
    }
    if (sp_cli_read_arguments(command, argc, argv, &call, &help, &error) != SP_OK) {
        (void)sp_cli_report_error(&call, &error);
        goto out;
    }
    if (help) {
        sp_cli_help(command, stdout);
        result = CLI_OK;
        goto out;
    }
    print_unknown_variables();
    if (sp_cli_prepare_call(&call, &arena, &error) != SP_OK) {
        (void)sp_cli_report_error(&call, &error);
        goto out;
    }
    sp_rpc_global_init();
    result = command->run != NULL ? command->run(&call) : sp_cli_run_single_call(&call);
    sp_rpc_global_fini();
out:
    json_decref(call.request);
    json_decref(call.local);
    sp_arena_fini(&arena);
    return result;
}

static bool is_either_word(const char *word, const char *a, const char *b) {
    return strcmp(word, a) == 0 || strcmp(word, b) == 0;
}

/* An error of what was typed, before there is a call. */
static int print_error(const struct sp_error *error) {
    (void)fputs("sallyport: ", stderr);
    sp_cli_put_text(error->message, stderr);
    (void)fputc('\n', stderr);
    return CLI_ERROR;
}

/* Before the command is known. False: every option exists in some command. */
static bool refuse_unknown_cli_option(int argc, char **argv) {
    const char *meant = NULL, *option = sp_cli_find_unknown_option(sp_cli_tables, argc, argv, &meant);
    struct sp_error error;
    if (option == NULL)
        return false;
    (void)sp_error_set(&error, SP_ERR_INVALID, "unknown option %s%s%s%s", option,
                       meant != NULL ? "; did you mean --" : "", meant != NULL ? meant : " (see sallyport --help)",
                       meant != NULL ? "?" : "");
    (void)print_error(&error);
    return true;
}

/* `noun`: "" for what should be one itself. */
static int report_unknown(const char *noun, const char *word) {
    struct sp_nearest nearest = sp_cli_find_nearest_word(sp_cli_tables, noun, word);
    struct sp_error error;
    (void)sp_nearest_refuse_command(&nearest, noun, word, "sallyport", &error);
    return print_error(&error);
}

/* sallyport help [NOUN [VERB]] */
static int print_help_for(int argc, char **argv) {
    if (argc == 0) {
        sp_cli_help_all(sp_cli_tables, stdout);
        return CLI_OK;
    }
    const struct cli_command *command = sp_cli_find(sp_cli_tables, argv[0], argc > 1 ? argv[1] : NULL);
    if (command != NULL)
        sp_cli_help(command, stdout);
    else if (!sp_cli_has_noun(sp_cli_tables, argv[0]))
        return report_unknown("", argv[0]);
    else if (argc > 1)
        return report_unknown(argv[0], argv[1]);
    else
        sp_cli_help_noun(sp_cli_tables, argv[0], stdout);
    return CLI_OK;
}

static int run_program(int argc, char **argv) {
    if (argc < 2) {
        sp_cli_help_all(sp_cli_tables, stderr);
        return CLI_ERROR;
    }
    struct sp_error error;
    if (sp_cli_refuse_key_arguments(argc, argv, &error) != SP_OK)
        return print_error(&error);
    sp_cli_move_words_first(sp_cli_tables, argc, argv);
    if (is_either_word(argv[1], "--help", "help") || strcmp(argv[1], "-h") == 0)
        return print_help_for(argc - 2, argv + 2);
    if (is_either_word(argv[1], "--version", "version")) {
        (void)puts("sallyport " SP_VERSION);
        return CLI_OK;
    }
    if (sp_cli_is_option_word(argv[1])) {
        if (refuse_unknown_cli_option(argc, argv))
            return CLI_ERROR;
        (void)sp_error_set(&error, SP_ERR_INVALID,
                           "name a command, such as whoami or 'key list' (see sallyport --help)");
        return print_error(&error);
    }
    const struct cli_command *command = sp_cli_find(sp_cli_tables, argv[1], NULL);
    if (command != NULL)
        return run_command(command, argc - 1, argv + 1);
    if (!sp_cli_has_noun(sp_cli_tables, argv[1]))
        return refuse_unknown_cli_option(argc, argv) ? CLI_ERROR : report_unknown("", argv[1]);
    bool verb_missing = argc < 3 || sp_cli_is_option_word(argv[2]);
    if (verb_missing) {
        bool asked = argc > 2 && is_either_word(argv[2], "--help", "-h");
        sp_cli_help_noun(sp_cli_tables, argv[1], asked ? stdout : stderr);
        return asked ? CLI_OK : CLI_ERROR;
    }
    command = sp_cli_find(sp_cli_tables, argv[1], argv[2]);
    if (command != NULL)
        return run_command(command, argc - 2, argv + 2);
    return refuse_unknown_cli_option(argc, argv) ? CLI_ERROR : report_unknown(argv[1], argv[2]);
}

int main(int argc, char **argv) {
    (void)setlocale(LC_CTYPE, "");
    int result = run_program(argc, argv);
    /* A full disk must not look like "allowed" or "done". */
    bool lost = ferror(stdout) != 0;
    if (fflush(stdout) != 0 || lost) {
        (void)fprintf(stderr, "sallyport: cannot write the output: %s\n", lost ? "it is incomplete" : strerror(errno));
        return CLI_ERROR;
    }
    return result;
}
