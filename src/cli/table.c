#include <string.h>

#include "cli/command.h"

static const struct cli_command *const tables[] = {
    cli_check_commands,    cli_workspace_commands, cli_principal_commands, cli_group_commands,
    cli_resource_commands, cli_share_commands,     cli_key_commands,       cli_schema_commands,
    cli_import_commands,   cli_trail_commands,     cli_store_commands,     cli_self_commands,
};

const struct cli_command *cli_table(size_t i) {
    return i < sizeof(tables) / sizeof(tables[0]) ? tables[i] : NULL;
}

const struct cli_command *cli_find(const char *noun, const char *verb) {
    for (size_t table = 0; cli_table(table) != NULL; table++) {
        for (const struct cli_command *row = cli_table(table); row->noun != NULL; row++) {
            bool same_verb = verb == NULL ? row->verb == NULL : row->verb != NULL && strcmp(row->verb, verb) == 0;
            if (strcmp(row->noun, noun) == 0 && same_verb)
                return row;
        }
    }
    return NULL;
}
