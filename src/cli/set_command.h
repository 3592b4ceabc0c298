/* Commands that are given as one text, to be tried on a copy: "share add voice/rachel --group
 * studio --role viewer". */
#ifndef SP_CLI_SET_COMMAND_H
#define SP_CLI_SET_COMMAND_H

#include "cli/call.h"

/* Reads a command that changes something into {"words": the text, "method": …, "workspace": if it
 * is made in one, "request": …}, which the caller decrefs. Words are divided by blanks; quotes of
 * either kind hold blanks together. `workspace` is put in if the command takes one and the text has
 * none; NULL: none is. SP_ERR_INVALID. */
enum sp_status sp_cli_read_set(const struct cli_command *const *tables, const char *text, const char *workspace,
                               json_t **ret_json, struct sp_error *error) SP_MUST_USE;

#endif
