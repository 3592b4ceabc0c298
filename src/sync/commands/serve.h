/* serve: the admin API over gRPC, and the writer behind it. */
#ifndef SP_SYNC_COMMANDS_SERVE_H
#define SP_SYNC_COMMANDS_SERVE_H

#include "config/variables.h"
#include "sync/commands/command.h"

/* Variables that begin as those of sallyport-sync do. Its commands read those of `serve`, or some
 * of them. */
void sp_sync_find_unknown_variables(struct sp_unknown_variables *ret_unknown);

int sp_sync_serve_command(const struct sp_sync_command *command, int argc, char **argv);

#endif
