/* unaccounted: entities that the audit trail does not account for. */
#ifndef SP_SYNC_COMMANDS_UNACCOUNTED_H
#define SP_SYNC_COMMANDS_UNACCOUNTED_H

#include "sync/commands/command.h"

int sp_sync_unaccounted_command(const struct sp_sync_command *command, int argc, char **argv);

#endif
