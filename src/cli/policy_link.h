/* How the command line carries the calls of policy/transfer.h. */
#ifndef SP_CLI_POLICY_LINK_H
#define SP_CLI_POLICY_LINK_H

#include "policy/transfer.h"
#include "rpc/client.h"

/* To the server of the client, which it borrows, with a progress bar. */
struct sp_policy_link sp_cli_policy_link(struct sp_rpc_client *client);

#endif
