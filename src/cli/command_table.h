/* All commands of the program. Only main and tests need this: what runs below it gets the tables as
 * a parameter. */
#ifndef SP_CLI_COMMAND_TABLE_H
#define SP_CLI_COMMAND_TABLE_H

#include "cli/command.h"

/* In the order of help; NULL ends it. */
extern const struct cli_command *const sp_cli_tables[];

#endif
