/* sallyport list-resources and sallyport list-subjects */
#include "cli/command.h"
#include "cli/run.h"

#define COMMON                                                                                                         \
    {.name = "action",                                                                                                 \
     .kind = CLI_TEXT,                                                                                                 \
     .path = "action",                                                                                                 \
     .value = "NAME",                                                                                                  \
     .help = "what is to be done",                                                                                     \
     .required = true},                                                                                                \
        {.name = "after", .kind = CLI_TEXT, .path = "after", .value = "ID", .help = "begin after this id"}, {          \
        .name = "min-revision", .kind = CLI_REVISION, .path = "minRevision", .value = "EPOCH:NUMBER",                  \
        .help = "answer from this revision or a later one"                                                             \
    }

const struct cli_command cli_list_commands[] = {
    {.noun = "list-resources",
     .summary = "Lists the resources of a type that a key or a principal may do this on.",
     .example = "  sallyport list-resources --key-file narrator.key --type voice --action use\n"
                "  sallyport list-resources --workspace acme --principal narrator --type voice --action edit -o json",
     .options = {{.name = "key-file",
                  .kind = CLI_LOCAL,
                  .value = "FILE",
                  .help = "file with the key to ask about; - is standard input"},
                 {.name = "sha256", .kind = CLI_LOCAL, .value = "HEX", .help = "the key's SHA-256 instead"},
                 {.name = "principal",
                  .kind = CLI_LOCAL,
                  .value = "ID",
                  .help = "a user or service account of --workspace instead, as if it asked with every permission"},
                 {.name = "ip", .kind = CLI_TEXT, .path = "ip", .value = "ADDRESS", .help = "the client's address"},
                 {.name = "type",
                  .kind = CLI_TEXT,
                  .path = "type",
                  .value = "TYPE",
                  .help = "type of the resources",
                  .required = true},
                 {.name = "workspace",
                  .kind = CLI_TEXT,
                  .path = "workspace",
                  .value = "ID",
                  .help = "the workspace that the resources are known to belong to"},
                 COMMON},
     .run = cli_run_list_resources},
    {.noun = "list-subjects",
     .summary = "Lists the users and service accounts of a workspace that may do this to a resource.",
     .list = "subjects",
     .columns = "ID=principal:raw,KIND=kind",
     .example = "  sallyport list-subjects --workspace acme --resource voice/rachel --action use\n"
                "  sallyport list-subjects --workspace acme --resource voice/rachel --action share --kind user",
     .options = {{.name = "workspace",
                  .kind = CLI_TEXT,
                  .path = "workspace",
                  .value = "ID",
                  .help = "whose users and service accounts",
                  .required = true},
                 {.name = "resource",
                  .kind = CLI_RESOURCE,
                  .path = "resource",
                  .value = "TYPE/ID",
                  .help = "resource; TYPE alone for an action that needs no role",
                  .required = true},
                 {.name = "kind",
                  .kind = CLI_ENUM,
                  .path = "kind",
                  .prefix = "",
                  .choices = "user|service-account",
                  .value = "KIND",
                  .help = "user or service-account only"},
                 COMMON},
     .run = cli_run_list_subjects},
    {.noun = NULL},
};
