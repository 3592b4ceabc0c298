/* Keys among the arguments: other users of the machine can read a process's arguments, and shells
 * remember them. */
#ifndef SP_CLI_KEY_ARGUMENT_H
#define SP_CLI_KEY_ARGUMENT_H

#include "base/status.h"

/* SP_ERR_INVALID if an argument, or the value behind an option's "=", is the complete text of a
 * key, with what to write instead. argv[0] is the program. */
enum sp_status sp_cli_refuse_key_arguments(int argc, char **argv, struct sp_error *error) SP_MUST_USE;

#endif
