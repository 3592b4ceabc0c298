/* sallyport server … (operators) */
#include "cli/command_rows.h"

const struct cli_command cli_server_commands[] = {
    {.noun = "server",
     .verb = "list",
     .summary = "Lists the servers that report when keys were last used.",
     .method = "ListServers",
     .list = "servers",
     .columns = "SERVER=id:raw,STATE=state,LAST REPORT=lastReportedAt:time,KNOWN UNTIL=knownUntil:time,LOST "
                "UNTIL=lostUntil:time,FIRST REPORT=firstReportedAt:time,INSTANCE=instance:raw",
     .example = "  sallyport server list"},
    {.noun = "server",
     .verb = "retire",
     .summary =
         "Says that a server is gone for good, so that it is not waited for; of one that reports, that what it lost is "
         "accepted.",
     .method = "RetireServer",
     .columns = "retired=retired",
     .example = "  sallyport server retire pod-7:7400",
     .positionals = {{.name = "id",
                      .kind = CLI_TEXT,
                      .path = "id",
                      .value = "SERVER",
                      .help = "server (its name in the list)",
                      .required = true}}},
    {.noun = NULL},
};
