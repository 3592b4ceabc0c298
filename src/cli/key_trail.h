/* What was done with a leaked key: disabling it and what comes from it does not undo that. */
#ifndef SP_CLI_KEY_TRAIL_H
#define SP_CLI_KEY_TRAIL_H

#include "cli/call.h"

/* `key disable --with-descendants`: makes the call, and shows with its reply the changes that were
 * made with the key and with all that come from it, deleted ones too. In JSON they are the reply's
 * member "changes". If they cannot be read, a note on stderr says so. The exit status is the
 * disabling's. */
int sp_cli_disable_and_show_trail(struct cli_call *call);

#endif
