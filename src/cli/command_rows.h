/* The tables of commands, one for each cmd_<noun>.c. Each ends with a row without a noun. */
#ifndef SP_CLI_COMMAND_ROWS_H
#define SP_CLI_COMMAND_ROWS_H

#include "cli/command.h"

extern const struct cli_command cli_workspace_commands[], cli_principal_commands[], cli_group_commands[],
    cli_resource_commands[], cli_share_commands[], cli_key_commands[], cli_server_commands[], cli_schema_commands[],
    cli_routes_commands[], cli_check_commands[], cli_list_commands[], cli_trail_commands[], cli_store_commands[],
    cli_import_commands[], cli_self_commands[], cli_operator_commands[];

#endif
