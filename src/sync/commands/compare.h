/* compare: the store against the source that it follows. */
#ifndef SP_SYNC_COMMANDS_COMPARE_H
#define SP_SYNC_COMMANDS_COMPARE_H

#include "sync/commands/command.h"

int sp_sync_compare_command(const struct sp_sync_command *command, int argc, char **argv);

#endif
