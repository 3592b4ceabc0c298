/* migrate: a store's source of truth moves to etcd or back. */
#ifndef SP_SYNC_COMMANDS_MIGRATE_H
#define SP_SYNC_COMMANDS_MIGRATE_H

#include "sync/commands/command.h"

int sp_sync_migrate_command(const struct sp_sync_command *command, int argc, char **argv);

#endif
