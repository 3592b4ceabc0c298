#include "cli/command_table.h"

#include "cli/command_rows.h"

const struct cli_command *const cli_tables[] = {
    cli_check_commands,
    cli_list_commands,
    cli_workspace_commands,
    cli_principal_commands,
    cli_group_commands,
    cli_resource_commands,
    cli_share_commands,
    cli_key_commands,
    cli_server_commands,
    cli_schema_commands,
    cli_routes_commands,
    cli_import_commands,
    cli_trail_commands,
    cli_store_commands,
    cli_self_commands,
    cli_operator_commands,
    NULL,
};
