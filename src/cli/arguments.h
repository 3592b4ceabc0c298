/* From argv to a request. */
#ifndef SP_CLI_ARGUMENTS_H
#define SP_CLI_ARGUMENTS_H

#include "base/status.h"
#include "cli/call.h"
#include "cli/command.h"

/* Reads argv (after the command's words; argv[0] is not read) into the call, and reorders it.
 * SP_ERR_INVALID. With --help, only the options are read. */
enum sp_status sp_cli_read_arguments(const struct cli_command *command, int argc, char **argv, struct cli_call *call,
                                     bool *ret_help, struct sp_error *error) SP_MUST_USE;

#endif
