/* sallyport server … (operators) */
#include "cli/command_rows.h"

const struct cli_command sp_cli_server_commands[] = {
    {.noun = "server",
     .verb = "list",
     .summary = "List the servers that report key usage.",
     .method = "ListServers",
     .list = "servers",
     .columns = "~SERVER=id:raw,STATE=state,LAST REPORT=lastReportedAt:time,KNOWN UNTIL=knownUntil:time,+LOST "
                "UNTIL=lostUntil:time,+FIRST REPORT=firstReportedAt:time,+INSTANCE=instance:raw",
     .example = "  sallyport server list"},
    {.noun = "server",
     .verb = "retire",
     .summary = "Stop waiting for usage reports of a server that is gone.",
     .details = "For a server that still reports, accept that the usage it lost stays unknown.",
     .method = "RetireServer",
     .columns = "retired=retired",
     .example = "  sallyport server retire pod-7:7400",
     .positionals = {{.name = "id",
                      .kind = CLI_TEXT,
                      .path = "id",
                      .value = "SERVER",
                      .help = "name of the server, as `server list` shows it",
                      .required = true}}},
    {.noun = NULL},
};
