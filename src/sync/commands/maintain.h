/* verify, reindex, upgrade, grow and restore. */
#ifndef SP_SYNC_COMMANDS_MAINTAIN_H
#define SP_SYNC_COMMANDS_MAINTAIN_H

#include "sync/commands/command.h"

int sp_sync_verify_command(const struct sp_sync_command *command, int argc, char **argv);
int sp_sync_reindex_command(const struct sp_sync_command *command, int argc, char **argv);
int sp_sync_upgrade_command(const struct sp_sync_command *command, int argc, char **argv);
int sp_sync_grow_command(const struct sp_sync_command *command, int argc, char **argv);
int sp_sync_restore_command(const struct sp_sync_command *command, int argc, char **argv);

#endif
