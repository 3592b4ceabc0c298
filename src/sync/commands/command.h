/* The commands of sallyport-sync: a table, and what they share. Each command reads its own options. */
#ifndef SP_SYNC_COMMANDS_COMMAND_H
#define SP_SYNC_COMMANDS_COMMAND_H

#include "config/options.h"
#include "store/lmdb/store.h"

struct sp_source;

struct sp_sync_command {
    const char *name;
    const char *usage; /* what follows the name: "--store DIR [OPTION]..." */
    const char *summary;
    const char *examples; /* lines, each ended */
    /* argv[0] is the command's name. The process's exit status. */
    int (*run)(const struct sp_sync_command *command, int argc, char **argv);
};

enum { SP_EXIT_USAGE = 2 };

int sp_sync_init_command(const struct sp_sync_command *command, int argc, char **argv);
int sp_sync_operator_command(const struct sp_sync_command *command, int argc, char **argv);
int sp_sync_serve_command(const struct sp_sync_command *command, int argc, char **argv);
int sp_sync_reindex_command(const struct sp_sync_command *command, int argc, char **argv);
int sp_sync_verify_command(const struct sp_sync_command *command, int argc, char **argv);
int sp_sync_grow_command(const struct sp_sync_command *command, int argc, char **argv);
int sp_sync_compare_command(const struct sp_sync_command *command, int argc, char **argv);
int sp_sync_unaccounted_command(const struct sp_sync_command *command, int argc, char **argv);
int sp_sync_migrate_command(const struct sp_sync_command *command, int argc, char **argv);
int sp_sync_restore_command(const struct sp_sync_command *command, int argc, char **argv);

/* Runs the command that argv[1] names. */
int sp_sync_main(int argc, char **argv, const char *version);

/* Reads a command's options, of which `help` must be one. Returns -1 where the command should go on, else the exit status
 * (help was asked for and written, or the arguments were wrong, which was said). */
int sp_sync_read_options(const struct sp_sync_command *command, const struct sp_option *table, size_t count,
                         const bool *help, int argc, char **argv, int *ret_rest);

/* Writes "sallyport-sync: message" to stderr; returns 1. */
int sp_sync_complain(const struct sp_error *error);
int sp_sync_complain_usage(const struct sp_sync_command *command, const char *what);

/* Writes a new operator's key, alone on a line, to a file made for it with mode 0600, or to stdout where `path` is NULL.
 * The file is made first (sp_sync_open_key_file), so that no key is made that cannot be shown. */
enum sp_status sp_sync_open_key_file(const char *path, int *ret_fd, struct sp_error *error) SP_MUST_USE;
enum sp_status sp_sync_write_key(int fd, const char *secret, struct sp_error *error) SP_MUST_USE;

/* Makes an operator in an open store, or in the source that it follows, and shows the key. */
enum sp_status sp_sync_add_operator(struct sp_store *store, struct sp_source *source, const char *name, int key_fd,
                                    struct sp_error *error) SP_MUST_USE;

#endif
