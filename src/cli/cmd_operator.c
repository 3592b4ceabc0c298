/* sallyport operator … (operators) */
#include "cli/command_rows.h"
#include "cli/connection.h"
#include "cli/json_path.h"
#include "cli/print.h"
#include "cli/single_call.h"

/* Who is left; one operator alone cannot be revoked by another when that key leaks. What cannot be
 * read is left out: the revocation is done. */
static void note_operators_left(struct cli_call *call) {
    struct sp_error ignored;
    json_t *reply = NULL, *request = json_object();
    if (request == NULL || sp_cli_call_once(call, "Admin/ListOperators", request, &reply, &ignored) != SP_OK) {
        json_decref(request);
        return;
    }
    const json_t *left = json_object_get(reply, "operators");
    const json_t *only = sp_cli_at(json_array_get(left, 0), "operator.name");
    if (json_array_size(left) == 1 && json_is_string(only)) {
        (void)fputs("Only operator ", stderr);
        sp_cli_put_text(json_string_value(only), stderr);
        (void)fputs(" is left: add another with `sallyport-sync operator add`, so that one can revoke the other.\n",
                    stderr);
    }
    json_decref(reply);
    json_decref(request);
}

static int run_operator_revoke(struct cli_call *call) {
    int result = sp_cli_run_single_call(call);
    if (result != CLI_OK)
        return result;
    (void)fputs("Revoked operator ", stderr);
    sp_cli_put_text(json_string_value(json_object_get(call->request, "name")), stderr);
    (void)fputs(": the key is refused from the next call on.\n", stderr);
    note_operators_left(call);
    return CLI_OK;
}

const struct cli_command sp_cli_operator_commands[] = {
    {.noun = "operator",
     .verb = "list",
     .summary = "List the operators: limits of their keys, and when they were last used.",
     .details =
         "Last use is as seen by this admin instance. New operators are added with `sallyport-sync operator add`.",
     .method = "ListOperators",
     .list = "operators",
     .columns = "~OPERATOR=operator.name:raw,+HINT=operator.hint:raw,~SCOPES=operator.scopes:limit,"
                "EXPIRES=operator.expiresAt:time,LAST USED=lastUsedAt:time,+FROM=lastUsedIp:raw,"
                "~ALLOWED FROM=operator.allowedIps:limit,+CREATED=operator.createdAt:time",
     .example = "  sallyport operator list"},
    {.noun = "operator",
     .verb = "revoke",
     .summary = "Revoke an operator's key.",
     .method = "RevokeOperator",
     .mutation = true,
     .example = "  sallyport operator revoke alice",
     .run = run_operator_revoke,
     .positionals = {{.name = "name",
                      .kind = CLI_TEXT,
                      .path = "name",
                      .value = "NAME",
                      .help = "name of the operator, as `operator list` shows it",
                      .required = true}}},
    {.noun = NULL},
};
