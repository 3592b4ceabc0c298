/* sallyport import */
#include "cli/command.h"
#include "cli/run.h"

const struct cli_command cli_import_commands[] = {
    {.noun = "import",
     .summary = "Imports JSON lines: workspaces, principals, groups, memberships, resources, grants, keys (operators).",
     .method = "Import",
     .example = "  sallyport import world.ndjson --dry-run\n"
                "  sallyport import world.ndjson --secrets-file new-keys.ndjson\n"
                "  sallyport import - <<< '{\"workspace\":{\"id\":\"acme\",\"name\":\"Acme\",\"seats\":3}}'",
     .positionals =
         {{.name = "file",
           .kind = CLI_LOCAL,
           .value = "FILE",
           .help = "one {\"workspace\":…}, {\"principal\":…}, {\"group\":…}, {\"membership\":…}, {\"resource\":…}, "
                   "{\"grant\":…} or {\"apiKey\":{\"key\":…,\"sha256\":\"…\"}} a line; - is standard input",
           .required = true}},
     .options = {{.name = "dry-run",
                  .kind = CLI_LOCAL_FLAG,
                  .help = "check everything against a copy of the store, and change nothing"},
                 {.name = "batch",
                  .kind = CLI_NUMBER,
                  .value = "N",
                  .help = "records in one transaction, 1 to 10,000 (default 2,000)"},
                 {.name = "secrets-file",
                  .kind = CLI_LOCAL,
                  .value = "FILE",
                  .help = "write the texts of new keys there (mode 0600) instead of showing them"}},
     .run = cli_run_import},
    {.noun = NULL},
};
