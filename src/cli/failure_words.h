/* What went wrong with a call and what to do about it, in words for whoever typed the command.
 * Pure. */
#ifndef SP_CLI_FAILURE_WORDS_H
#define SP_CLI_FAILURE_WORDS_H

#include "base/status.h"
#include "cli/call.h"
#include "cli/probe.h"

struct cli_failure {
    char what[1200];
    char cure[400]; /* a line of its own; "": none */
};

/* Whether an error of the client says that the server could not be reached, so that a probe is
 * worth its time. */
bool sp_cli_is_unreachable(const struct cli_call *call, const struct sp_error *error);

/* `peer`: what a probe of the address found; CLI_PEER_UNKNOWN without one. */
void sp_cli_explain_failure(const struct cli_call *call, const struct sp_error *error, enum cli_peer peer,
                            struct cli_failure *ret_failure);

#endif
