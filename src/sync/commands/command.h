/* What the commands of sallyport-sync share: options that several of them have, and how they
 * report. */
#ifndef SP_SYNC_COMMANDS_COMMAND_H
#define SP_SYNC_COMMANDS_COMMAND_H

#include "config/options.h"
#include "daemon/lifecycle.h"
#include "sync/commands/act.h"

struct sp_sync_command {
    const char *name;
    const char *usage; /* what follows the name: "--store DIR [OPTION]..." */
    const char *summary;
    const char *examples; /* lines, each ended */
    /* What it does to the store, for its security event, which it then has an option for; without
     * an operation: it leaves none. */
    struct sp_sync_act act;
    bool logs; /* writes a log, which names unknown variables; the other commands name them on stderr */
    /* argv[0] is the command's name. The process's exit status. */
    int (*run)(const struct sp_sync_command *command, int argc, char **argv);
};

struct sp_option sp_sync_store_row(const char **target);
struct sp_option sp_sync_help_row(bool *target);

/* Reads a command's options, of which `help` must be one, and begins its act. Returns -1 if the
 * command should go on, or the exit status: help was printed, or the arguments are wrong and a
 * message says why. */
int sp_sync_read_options(const struct sp_sync_command *command, const struct sp_option *table, size_t count,
                         const bool *help, int argc, char **argv, int *ret_rest);

/* The same for a command that takes no other arguments: one is refused. */
int sp_sync_read_options_alone(const struct sp_sync_command *command, const struct sp_option *table, size_t count,
                               const bool *help, int argc, char **argv);

/* The same for a command whose only options are --store, which is required, and --help. */
int sp_sync_read_store_option(const struct sp_sync_command *command, int argc, char **argv, const char **ret_store);

/* Writes a line to stderr for whoever ran the command. */
void sp_sync_note(const char *format, ...) SP_PRINTF(1, 2);
/* Writes "sallyport-sync: message" to stderr; returns the exit status of the error's
 * (daemon/lifecycle.h). */
int sp_sync_complain(const struct sp_error *error);
/* Writes "sallyport-sync COMMAND: message" to stderr; returns SP_EXIT_USAGE. */
int sp_sync_complain_usage(const struct sp_sync_command *command, const char *what);

#endif
