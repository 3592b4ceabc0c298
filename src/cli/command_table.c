#include "cli/command_table.h"

#include "cli/command_rows.h"

const struct cli_command *const sp_cli_tables[] = {
    sp_cli_check_commands,  sp_cli_list_commands,     sp_cli_workspace_commands, sp_cli_principal_commands,
    sp_cli_group_commands,  sp_cli_resource_commands, sp_cli_share_commands,     sp_cli_key_commands,
    sp_cli_server_commands, sp_cli_schema_commands,   sp_cli_routes_commands,    sp_cli_policy_commands,
    sp_cli_test_commands,   sp_cli_whatif_commands,   sp_cli_import_commands,    sp_cli_trail_commands,
    sp_cli_store_commands,  sp_cli_self_commands,     sp_cli_operator_commands,  NULL,
};
