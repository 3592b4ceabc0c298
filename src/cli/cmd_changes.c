/* sallyport changes */
#include "cli/command.h"
#include "cli/run.h"

const struct cli_command cli_trail_commands[] = {
    {.noun = "changes",
     .summary = "Shows the audit trail: who changed what, when, from where.",
     .method = "ListChanges",
     .list = "changes",
     .columns = "REVISION=revision.number:raw,TIME=time:time,WHO=who:raw,FROM=address:raw,WHAT=method:raw,"
                "WORKSPACE=workspace:raw,THINGS=things:raw",
     .example = "  sallyport changes\n"
                "  sallyport changes --workspace acme --from 100 -o ndjson > trail.ndjson\n"
                "  sallyport changes --follow",
     .options = {{.name = "from",
                  .kind = CLI_NUMBER,
                  .path = "fromNumber",
                  .value = "REVISION",
                  .help = "from this revision number on (default: the oldest kept)"},
                 {.name = "follow", .kind = CLI_LOCAL_FLAG, .help = "go on as it grows, until Ctrl-C"},
                 CLI_WORKSPACE("workspace")},
     .run = cli_run_changes},
    {.noun = NULL},
};
