/* epoch: begins a new epoch, after etcd was restored from a backup and nobody noticed who makes
 * changes. */
#ifndef SP_SYNC_COMMANDS_EPOCH_H
#define SP_SYNC_COMMANDS_EPOCH_H

#include "sync/commands/command.h"

int sp_sync_epoch_command(const struct sp_sync_command *command, int argc, char **argv);

#endif
