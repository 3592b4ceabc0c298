/* operator add, list and revoke. */
#ifndef SP_SYNC_COMMANDS_OPERATOR_H
#define SP_SYNC_COMMANDS_OPERATOR_H

#include "sync/commands/command.h"

int sp_sync_operator_command(const struct sp_sync_command *command, int argc, char **argv);

#endif
