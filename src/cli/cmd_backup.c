/* sallyport backup */
#include "cli/command.h"
#include "cli/run.h"

const struct cli_command cli_store_commands[] = {
    {.noun = "backup",
     .summary = "Writes a consistent copy of the store to a new file while everything goes on (operators). It is put "
                "back with\n"
                "`sallyport-sync restore`.",
     .method = "Backup",
     .example = "  sallyport backup sallyport-$(date +%F).mdb",
     .positionals = {{.name = "file", .kind = CLI_LOCAL, .value = "FILE", .help = "file to make", .required = true}},
     .run = cli_run_backup},
    {.noun = NULL},
};
