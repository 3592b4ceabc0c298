/* The key that a question is about: never an argument's text. */
#ifndef SP_CLI_CREDENTIAL_H
#define SP_CLI_CREDENTIAL_H

#include "base/status.h"
#include "cli/call.h"

/* Puts it into the request, from --key-file or --sha256. SP_ERR_INVALID if both or neither are
 * given, with the options that the command has. */
enum sp_status sp_cli_put_credential(struct cli_call *call, struct sp_error *error) SP_MUST_USE;

#endif
