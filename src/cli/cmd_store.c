/* sallyport backup, restore */
#include "cli/command.h"
#include "cli/special.h"

const struct cli_command cli_store_commands[] = {
    {.noun = "backup",
     .summary = "Writes a consistent copy of the store to a new file while everything goes on (operators).",
     .method = "Backup",
     .example = "  sallyport backup sallyport-$(date +%F).mdb",
     .positionals = {{.name = "file", .kind = CLI_LOCAL, .value = "FILE", .help = "file to make", .required = true}},
     .run = cli_run_backup},
    {.noun = "restore",
     .summary = "Makes a backup's state a store's, offline, in a new epoch; what was revoked since is revoked again.",
     .example = "  sallyport restore backup.mdb --store /var/lib/sallyport --changes trail.ndjson\n"
                "  sallyport restore backup.mdb --store new-store --accept-revival",
     .positionals = {{.name = "file", .kind = CLI_LOCAL, .value = "FILE", .help = "the backup", .required = true}},
     .options = {{.name = "store",
                  .kind = CLI_LOCAL,
                  .value = "DIR",
                  .help = "folder of the store: new or empty, or with --replace",
                  .required = true},
                 {.name = "replace",
                  .kind = CLI_LOCAL_FLAG,
                  .help = "replace the store that is there; stop both programs before"},
                 {.name = "changes",
                  .kind = CLI_LOCAL,
                  .value = "FILE",
                  .help = "later change log, as `sallyport changes -o ndjson` writes it"},
                 {.name = "later-store",
                  .kind = CLI_LOCAL,
                  .value = "DIR",
                  .help = "folder of the later store, to read its change log from"},
                 {.name = "accept-revival",
                  .kind = CLI_LOCAL_FLAG,
                  .help = "go on without a change log: what was revoked after the backup comes back"}},
     .run = cli_run_restore},
    {.noun = NULL},
};
