/* serve: the admin API over gRPC, and the writer behind it. */
#ifndef SP_SYNC_COMMANDS_SERVE_H
#define SP_SYNC_COMMANDS_SERVE_H

#include "sync/commands/command.h"

int sp_sync_serve_command(const struct sp_sync_command *command, int argc, char **argv);

#endif
