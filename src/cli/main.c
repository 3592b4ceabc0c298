/* sallyport, the command line: finds the command in the tables, reads its arguments, calls, and shows the reply. */
#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "cli/connection.h"
#include "cli/generic.h"
#include "cli/profile.h"

#ifndef SP_VERSION
#define SP_VERSION "unknown"
#endif

static int run_command(const struct cli_command *command, int argc, char **argv) {
    struct cli_call call = {.command = command, .output = "table"};
    struct sp_error error = {0};
    struct sp_arena arena;
    bool help = false;
    call.request = command->fixed != NULL ? json_loads(command->fixed, 0, NULL) : json_object();
    call.local = json_object();
    if (call.request == NULL || call.local == NULL || sp_arena_init(&arena, 4096, 65536) != SP_OK) {
        (void)sp_error_set(&error, SP_ERR_MEMORY, "out of memory");
        return cli_complain(&error);
    }
    int result;
    enum sp_status status = cli_read_arguments(command, argc, argv, &call, &help, &error);
    if (status == SP_OK && !help)
        status = cli_generic_prepare(&call, &arena, &error);
    if (status != SP_OK) {
        result = cli_complain(&error);
    } else if (help) {
        cli_help(command, stdout);
        result = CLI_OK;
    } else {
        sp_rpc_global_init();
        result = command->run != NULL ? command->run(&call) : cli_generic_run(&call);
        sp_rpc_global_fini();
    }
    json_decref(call.request);
    json_decref(call.local);
    sp_arena_fini(&arena);
    return result;
}

static bool is_word(const char *word, const char *a, const char *b) {
    return strcmp(word, a) == 0 || strcmp(word, b) == 0;
}

static bool noun_exists(const char *noun) {
    for (size_t table = 0; cli_table(table) != NULL; table++) {
        for (const struct cli_command *row = cli_table(table); row->noun != NULL; row++) {
            if (strcmp(row->noun, noun) == 0)
                return true;
        }
    }
    return false;
}

static int unknown(const char *what, const char *word) {
    (void)fprintf(stderr, "sallyport: unknown %s '%s' (see sallyport --help)\n", what, word);
    return CLI_ERROR;
}

int main(int argc, char **argv) {
    (void)setlocale(LC_CTYPE, "");
    if (argc < 2) {
        cli_help_all(stderr);
        return CLI_ERROR;
    }
    if (is_word(argv[1], "--help", "help") || strcmp(argv[1], "-h") == 0) {
        cli_help_all(stdout);
        return CLI_OK;
    }
    if (is_word(argv[1], "--version", "version")) {
        (void)puts("sallyport " SP_VERSION);
        return CLI_OK;
    }
    const struct cli_command *command = cli_find(argv[1], NULL);
    if (command != NULL)
        return run_command(command, argc - 1, argv + 1);
    if (!noun_exists(argv[1]))
        return unknown("command", argv[1]);
    if (argc < 3 || is_word(argv[2], "--help", "-h")) {
        cli_help_noun(argv[1], argc < 3 ? stderr : stdout);
        return argc < 3 ? CLI_ERROR : CLI_OK;
    }
    command = cli_find(argv[1], argv[2]);
    return command != NULL ? run_command(command, argc - 2, argv + 2) : unknown(argv[1], argv[2]);
}
