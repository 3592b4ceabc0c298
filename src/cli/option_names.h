/* Services name the fields of their requests; whoever typed a command knows its options. Pure. */
#ifndef SP_CLI_OPTION_NAMES_H
#define SP_CLI_OPTION_NAMES_H

#include <stddef.h>

#include "cli/call.h"

/* Writes a service's message with the command's options and arguments instead of the fields that
 * they set: "permissions: required" becomes "--permission, --all-permissions: required". Fields are
 * the word before the message's first colon, and words with an underscore or a dot. What has no
 * option stays. A message that begins with the method's name begins with the command's words
 * instead. An entry of a list is named by its number or, if it came from a file, by its place there
 * (SP_CLI_PLACES of the call). Of several options that can set a field, those that were given are
 * named, or else all. */
void sp_cli_name_options(const struct cli_call *call, const char *message, char *out, size_t room);

#endif
