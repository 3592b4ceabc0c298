/* Errors as people read them. */
#ifndef SP_CLI_REPORT_H
#define SP_CLI_REPORT_H

#include <stdbool.h>
#include <stdio.h>

#include "base/status.h"
#include "cli/call.h"

/* Writes "sallyport: …" with what usually helps. */
void sp_cli_write_error(const struct cli_call *call, const struct sp_error *error, bool colour, FILE *out);

/* The same on stderr. Returns CLI_ERROR. */
int sp_cli_report_error(const struct cli_call *call, const struct sp_error *error);

/* Whether a stream is a terminal and NO_COLOR is not set. */
bool sp_cli_wants_colour(FILE *out);

#endif
