/* Commands that are only a row of a table: one call, whose reply is shown by the row. */
#ifndef SP_CLI_SINGLE_CALL_H
#define SP_CLI_SINGLE_CALL_H

#include "base/arena.h"
#include "cli/call.h"
#include "rpc/client.h"

/* After the arguments were read: output format, limit, request_id, and where to call
 * (cli/profile.h). Texts are in `arena`. */
enum sp_status sp_cli_prepare_call(struct cli_call *call, struct sp_arena *arena, struct sp_error *error) SP_MUST_USE;

/* Makes the call and shows the reply; a new key's text goes to --secret-file or is printed with a
 * note. The exit status. */
int sp_cli_run_single_call(struct cli_call *call);

/* Shows a reply by the command's row, in the format of -o. */
void sp_cli_show_reply(const struct cli_call *call, json_t *reply);

/* All pages of the command's list, or as many rows as --limit allows. With -o ndjson they are
 * printed as they come, and *ret_rows stays empty. The caller decrefs. */
enum sp_status sp_cli_list(struct cli_call *call, struct sp_rpc_client *client, json_t **ret_rows,
                           struct sp_error *error) SP_MUST_USE;

#endif
