/* Services name the fields of their requests; whoever typed a command knows its options. Pure. */
#ifndef SP_CLI_OPTION_NAMES_H
#define SP_CLI_OPTION_NAMES_H

#include <stddef.h>

#include "cli/command.h"

/* Writes a service's message with the command's options and arguments instead of the fields that they set: "permissions:
 * required" becomes "--permission, --all-permissions: required". Fields are the word before the message's first colon,
 * and words with an underscore or a dot. What has no option stays. A message that begins with the method's name
 * begins with the command's words instead. An entry of a list is named by its number or, if it came
 * from a file, by its place there: `places` is SP_CLI_PLACES of the call (cli/call.h); NULL: all were typed. */
void sp_cli_name_options(const struct cli_command *command, const json_t *places, const char *message, char *out,
                         size_t room);

#endif
