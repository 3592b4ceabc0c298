/* From argv to a request. */
#ifndef SP_CLI_ARGUMENTS_H
#define SP_CLI_ARGUMENTS_H

#include "base/status.h"
#include "cli/call.h"
#include "cli/command.h"

/* The options that every command has, ended by a row without a name. */
extern const struct cli_argument sp_cli_common_options[];

/* Reads argv (after the command's words) into the call. SP_ERR_INVALID. With --help, only the
 * options are read. */
enum sp_status sp_cli_read_arguments(const struct cli_command *command, int argc, char **argv, struct cli_call *call,
                                     bool *ret_help, struct sp_error *error) SP_MUST_USE;

/* Whether an argument takes a value, and whether it may be given several times. */
bool sp_cli_takes_value(const struct cli_argument *argument);
bool sp_cli_is_repeatable(const struct cli_argument *argument);

#endif
