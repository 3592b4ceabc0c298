/* `sallyport-sync prepare`: a folder for the store on a volume that others may write to. */
#ifndef SP_SYNC_COMMANDS_PREPARE_H
#define SP_SYNC_COMMANDS_PREPARE_H

#include "sync/commands/command.h"

int sp_sync_prepare_command(const struct sp_sync_command *command, int argc, char **argv);

#endif
