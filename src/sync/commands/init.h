/* init: a new store and the key of its first operator. */
#ifndef SP_SYNC_COMMANDS_INIT_H
#define SP_SYNC_COMMANDS_INIT_H

#include "sync/commands/command.h"

int sp_sync_init_command(const struct sp_sync_command *command, int argc, char **argv);

#endif
