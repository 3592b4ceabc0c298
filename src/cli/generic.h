/* What the commands that are only a row of a table do: one call, shown as the row says. */
#ifndef SP_CLI_GENERIC_H
#define SP_CLI_GENERIC_H

#include "base/arena.h"
#include "cli/command.h"

/* After the arguments were read: output format, addresses, request_id. */
enum sp_status cli_generic_prepare(struct cli_call *call, struct sp_arena *arena, struct sp_error *error) SP_MUST_USE;

/* Makes the call and shows the reply. The exit status. */
int cli_generic_run(struct cli_call *call);

/* Shows a reply of the call's command as its row says: a secret goes to --secret-file or is printed with a note. */
int cli_show(const struct cli_call *call, json_t *reply);

#endif
