/* sallyport schema … */
#include "cli/command.h"
#include "cli/run.h"

const struct cli_command cli_schema_commands[] = {
    {.noun = "schema",
     .verb = "get",
     .summary = "Prints the schema in force.",
     .method = "GetSchema",
     .example = "  sallyport schema get > schema.yaml",
     .run = cli_run_schema_get},
    {.noun = "schema",
     .verb = "put",
     .summary = "Puts another schema in force (operators).",
     .method = "PutSchema",
     .mutation = true,
     .example = "  sallyport schema put schema.yaml --dry-run\n"
                "  sallyport schema put schema.yaml",
     .positionals = {{.name = "file",
                      .kind = CLI_LOCAL,
                      .value = "FILE",
                      .help = "the schema; - is standard input",
                      .required = true}},
     .options =
         {{.name = "dry-run", .kind = CLI_FLAG, .path = "dryRun", .help = "say what would change, and change nothing"},
          {.name = "force",
           .kind = CLI_FLAG,
           .path = "force",
           .help = "remove names even where keys, resources or shares use them; what is removed grants nothing from "
                   "then on"}},
     .run = cli_run_schema_put},
    {.noun = "schema",
     .verb = "check",
     .summary = "Reads a schema without any server.",
     .example = "  sallyport schema check schema.yaml",
     .positionals = {{.name = "file",
                      .kind = CLI_LOCAL,
                      .value = "FILE",
                      .help = "the schema; - is standard input",
                      .required = true}},
     .run = cli_run_schema_check},
    {.noun = NULL},
};
