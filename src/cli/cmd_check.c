/* sallyport check and sallyport explain */
#include "cli/command.h"
#include "cli/run.h"

#define CREDENTIAL                                                                                                     \
    {.name = "key-file",                                                                                               \
     .kind = CLI_LOCAL,                                                                                                \
     .value = "FILE",                                                                                                  \
     .help = "file with the key to ask about; - is standard input"},                                                   \
    {                                                                                                                  \
        .name = "sha256", .kind = CLI_LOCAL, .value = "HEX", .help = "the key's SHA-256 instead"                       \
    }
#define QUESTION                                                                                                       \
    {.name = "ip", .kind = CLI_TEXT, .path = "ip", .value = "ADDRESS", .help = "the client's address"},                \
        {.name = "resource",                                                                                           \
         .kind = CLI_RESOURCE,                                                                                         \
         .path = "resource",                                                                                           \
         .value = "TYPE/ID",                                                                                           \
         .help = "resource; TYPE alone for an action that needs no role",                                              \
         .required = true},                                                                                            \
        {.name = "action",                                                                                             \
         .kind = CLI_TEXT,                                                                                             \
         .path = "action",                                                                                             \
         .value = "NAME",                                                                                              \
         .help = "what is to be done",                                                                                 \
         .required = true},                                                                                            \
        {.name = "workspace",                                                                                          \
         .kind = CLI_TEXT,                                                                                             \
         .path = "workspace",                                                                                          \
         .value = "ID",                                                                                                \
         .help = "the workspace that the resource is known to belong to"},                                             \
    {                                                                                                                  \
        .name = "min-revision", .kind = CLI_REVISION, .path = "minRevision", .value = "EPOCH:NUMBER",                  \
        .help = "answer from this revision or a later one"                                                             \
    }

const struct cli_command cli_check_commands[] = {
    {.noun = "check",
     .summary = "Asks: is this key, from this address, allowed to do this to this resource?",
     .example = "  sallyport check --key-file narrator.key --ip 203.0.113.7 --resource voice/rachel --action use",
     .options = {CREDENTIAL, QUESTION},
     .run = cli_run_check},
    {.noun = "explain",
     .summary = "Answers with the evidence of every step, and what would have to change.",
     .example = "  sallyport explain --key-file narrator.key --ip 198.51.100.9 --resource voice/rachel --action use\n"
                "  sallyport explain --key-id narrator-1 --resource voice/rachel --action use",
     .options = {CREDENTIAL,
                 {.name = "key-id",
                  .kind = CLI_LOCAL,
                  .value = "KEY",
                  .help = "an id of a key of the own workspace instead: asks the admin service, nobody needs the text"},
                 QUESTION},
     .run = cli_run_explain},
    {.noun = NULL},
};
