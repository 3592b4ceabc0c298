/* sallyport routes … */
#include "cli/command.h"
#include "cli/run.h"

#define SCHEMA_FILE                                                                                                    \
    {                                                                                                                  \
        .name = "file", .kind = CLI_LOCAL, .value = "FILE",                                                            \
        .help = "read the schema from this file (- is standard input) instead of asking for the one in force"          \
    }

const struct cli_command cli_routes_commands[] = {
    {.noun = "routes",
     .verb = "test",
     .summary = "Tells which route a request reaches, or why none (exit status 1).",
     .example = "  sallyport routes test POST /v1/text-to-speech/rachel\n"
                "  sallyport routes test GET '/v1/voices/rachel?with_settings=1' --file schema.yaml",
     .positionals =
         {{.name = "method", .kind = CLI_LOCAL, .value = "METHOD", .help = "as it is sent", .required = true},
          {.name = "path",
           .kind = CLI_LOCAL,
           .value = "PATH",
           .help = "as it is sent: percent-encoded, with its query",
           .required = true}},
     .options = {SCHEMA_FILE},
     .run = cli_run_routes_test},
    {.noun = "routes",
     .verb = "list",
     .summary = "Lists the schema's routes with what each one needs.",
     .example = "  sallyport routes list\n"
                "  sallyport routes list --file schema.yaml -o ndjson",
     .options = {SCHEMA_FILE},
     .run = cli_run_routes_list},
    {.noun = NULL},
};
