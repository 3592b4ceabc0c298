/* What --help prints, from the rows that arguments are read by. Pure. */
#ifndef SP_CLI_HELP_H
#define SP_CLI_HELP_H

#include <stdio.h>

#include "cli/command.h"

/* Help for one command, for all commands of a noun, and for the program. */
void sp_cli_help(const struct cli_command *command, FILE *out);
void sp_cli_help_noun(const struct cli_command *const *tables, const char *noun, FILE *out);
void sp_cli_help_all(const struct cli_command *const *tables, FILE *out);

#endif
