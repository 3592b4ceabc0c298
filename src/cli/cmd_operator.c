/* sallyport operator … (operators) */
#include "cli/command_rows.h"

const struct cli_command sp_cli_operator_commands[] = {
    {.noun = "operator",
     .verb = "list",
     .summary = "List the operators: what their keys are limited to, and when they were last used.",
     .details =
         "Last use is what this admin instance has seen. New operators are added with `sallyport-sync operator add`.",
     .method = "ListOperators",
     .list = "operators",
     .columns = "~OPERATOR=operator.name:raw,+HINT=operator.hint:raw,~SCOPES=operator.scopes,"
                "EXPIRES=operator.expiresAt:time,LAST USED=lastUsedAt:time,+FROM=lastUsedIp:raw,"
                "~ALLOWED FROM=operator.allowedIps,+CREATED=operator.createdAt:time",
     .example = "  sallyport operator list"},
    {.noun = "operator",
     .verb = "revoke",
     .summary = "Revoke an operator's key.",
     .method = "RevokeOperator",
     .mutation = true,
     .columns = "revision=revision:revision",
     .example = "  sallyport operator revoke alice",
     .positionals = {{.name = "name",
                      .kind = CLI_TEXT,
                      .path = "name",
                      .value = "NAME",
                      .help = "name of the operator, as `operator list` shows it",
                      .required = true}}},
    {.noun = NULL},
};
