/* Completion scripts, written from the tables. Pure. */
#ifndef SP_CLI_COMPLETION_H
#define SP_CLI_COMPLETION_H

#include <stdio.h>

#include "cli/command.h"

/* `shell`: "bash", "zsh" or "fish". */
void sp_cli_write_completion(const struct cli_command *const *tables, const char *shell, FILE *out);

#endif
