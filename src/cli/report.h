/* Errors as people read them. */
#ifndef SP_CLI_REPORT_H
#define SP_CLI_REPORT_H

#include <stdbool.h>
#include <stdio.h>

#include "base/status.h"
#include "cli/call.h"
#include "cli/probe.h"

/* Writes "sallyport: …" with what usually helps. `peer`: what was found at the address of the
 * call. */
void sp_cli_write_error(const struct cli_call *call, const struct sp_error *error, enum cli_peer peer, bool colour,
                        FILE *out);

/* The same on stderr; if the server cannot be reached, asks its address why. Returns CLI_ERROR. */
int sp_cli_report_error(const struct cli_call *call, const struct sp_error *error);

/* Whether a stream is a terminal that takes escape sequences (cli/print.h), and NO_COLOR is not
 * set. */
bool sp_cli_wants_colour(FILE *out);

#endif
