/* sallyport resource … */
#include "cli/command_rows.h"

#define RESOURCE_LINES "workspace=workspace:raw,resource=ref,creator=creator:raw,created=createdAt:time"

const struct cli_command sp_cli_resource_commands[] = {
    {.noun = "resource",
     .verb = "register",
     .summary = "Register a resource in a workspace. Its creator gets the admin role on it.",
     .details = "The schema sets who may register resources of a type: operators, keys that list resource_register, or "
                "the workspace's admins.",
     .method = "RegisterResource",
     .mutation = true,
     .main = "resource",
     .columns = RESOURCE_LINES,
     .example = "  sallyport resource register note/minutes\n"
                "  sallyport resource register voice/rachel --workspace acme --creator ann",
     .positionals = {CLI_RESOURCE_ARGUMENT},
     .options = {{.name = "creator",
                  .kind = CLI_TEXT,
                  .path = "creator",
                  .value = "ID",
                  .help = "principal that gets the admin role (default: you; none for operators)"},
                 CLI_WORKSPACE("workspace")}},
    {.noun = "resource",
     .verb = "get",
     .summary = "Show a registered resource.",
     .method = "GetResource",
     .columns = RESOURCE_LINES,
     .example = "  sallyport resource get voice/rachel",
     .positionals = {CLI_RESOURCE_ARGUMENT},
     .options = {CLI_WORKSPACE("workspace")}},
    {.noun = "resource",
     .verb = "list",
     .summary = "List registered resources.",
     .method = "ListResources",
     .list = "resources",
     .columns = "~RESOURCE=ref,~CREATOR=creator:raw,CREATED=createdAt:time",
     .example = "  sallyport resource list --type voice",
     .options =
         {{.name = "type", .kind = CLI_TEXT, .path = "type", .value = "TYPE", .help = "only resources of this type"},
          CLI_WORKSPACE("workspace")}},
    {.noun = "resource",
     .verb = "delete",
     .summary = "Delete a resource with its shares.",
     .method = "DeleteResource",
     .mutation = true,
     .example = "  sallyport resource delete voice/rachel",
     .positionals = {CLI_RESOURCE_ARGUMENT},
     .options = {CLI_WORKSPACE("workspace")}},
    {.noun = NULL},
};
