/* The tables of commands, one for each cmd_<noun>.c. Each ends with a row without a noun. */
#ifndef SP_CLI_COMMAND_ROWS_H
#define SP_CLI_COMMAND_ROWS_H

#include "cli/command.h"

extern const struct cli_command sp_cli_workspace_commands[], sp_cli_principal_commands[], sp_cli_group_commands[],
    sp_cli_resource_commands[], sp_cli_share_commands[], sp_cli_key_commands[], sp_cli_server_commands[],
    sp_cli_schema_commands[], sp_cli_routes_commands[], sp_cli_check_commands[], sp_cli_list_commands[],
    sp_cli_trail_commands[], sp_cli_store_commands[], sp_cli_import_commands[], sp_cli_self_commands[],
    sp_cli_operator_commands[], sp_cli_policy_commands[], sp_cli_test_commands[], sp_cli_whatif_commands[];

#endif
