/* sallyport check and sallyport explain */
#include <string.h>

#include "cli/answer.h"
#include "cli/command_rows.h"
#include "cli/connection.h"
#include "cli/credential.h"
#include "cli/print.h"
#include "cli/report.h"

static int run_check(struct cli_call *call) {
    struct sp_error error = {0};
    json_t *reply = NULL;
    if (sp_cli_put_credential(call, &error) != SP_OK ||
        sp_cli_call_once(call, "Authorization/Check", call->request, &reply, &error) != SP_OK)
        return sp_cli_report_error(call, &error);
    if (strcmp(call->output, "table") == 0)
        sp_cli_print_answer(reply, sp_cli_wants_colour(stdout), stdout);
    else
        sp_cli_print_reply(call->output, reply, stdout);
    int result = sp_cli_answer_exit_status(reply);
    json_decref(reply);
    return result;
}

/* sallyport-sync explains a key by its id. */
static enum sp_status explain_key_id(struct cli_call *call, const char *key_id, json_t **ret_reply,
                                     struct sp_error *error) {
    if (sp_cli_local(call, "key-file") != NULL || sp_cli_local(call, "sha256") != NULL)
        return sp_error_set(error, SP_ERR_INVALID, "--key-id cannot be combined with --key-file or --sha256");
    if (json_object_get(call->request, "minRevision") != NULL)
        return sp_error_set(
            error, SP_ERR_INVALID,
            "--key-id cannot be combined with --min-revision: it asks sallyport-sync, which is always current");
    if (json_object_set_new(call->request, "keyId", json_string(key_id)) != 0)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    return sp_cli_call_once(call, "Admin/ExplainKey", call->request, ret_reply, error);
}

static enum sp_status explain_credential(struct cli_call *call, json_t **ret_reply, struct sp_error *error) {
    enum sp_status status = sp_cli_put_credential(call, error);
    if (status != SP_OK)
        return status;
    json_t *request = json_pack("{s:O}", "check", call->request);
    if (request == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    status = sp_cli_call_once(call, "Authorization/Explain", request, ret_reply, error);
    json_decref(request);
    return status;
}

static int run_explain(struct cli_call *call) {
    struct sp_error error = {0};
    json_t *reply = NULL;
    const char *key_id = sp_cli_local(call, "key-id");
    enum sp_status status =
        key_id != NULL ? explain_key_id(call, key_id, &reply, &error) : explain_credential(call, &reply, &error);
    if (status != SP_OK)
        return sp_cli_report_error(call, &error);
    if (strcmp(call->output, "table") == 0)
        sp_cli_print_explanation(reply, sp_cli_wants_colour(stdout), stdout);
    else
        sp_cli_print_reply(call->output, reply, stdout);
    int result = sp_cli_answer_exit_status(json_object_get(reply, "answer"));
    json_decref(reply);
    return result;
}

#define CREDENTIAL                                                                                                     \
    {.name = "key-file",                                                                                               \
     .kind = CLI_LOCAL,                                                                                                \
     .fills = "api_key",                                                                                               \
     .value = "FILE",                                                                                                  \
     .help = "file with the key to ask about; - for standard input"},                                                  \
    {                                                                                                                  \
        .name = "sha256", .kind = CLI_LOCAL, .fills = "api_key_sha256", .value = "HEX",                                \
        .help = "SHA-256 of the key, instead of its text"                                                              \
    }
#define QUESTION                                                                                                       \
    {.name = "ip", .kind = CLI_TEXT, .path = "ip", .value = "ADDRESS", .help = "IP address of the client"},            \
        {.name = "resource",                                                                                           \
         .kind = CLI_RESOURCE,                                                                                         \
         .path = "resource",                                                                                           \
         .value = "TYPE/ID",                                                                                           \
         .help = "resource; TYPE alone if the action needs no role",                                                   \
         .required = true},                                                                                            \
        {.name = "action",                                                                                             \
         .kind = CLI_TEXT,                                                                                             \
         .path = "action",                                                                                             \
         .value = "NAME",                                                                                              \
         .help = "action to perform",                                                                                  \
         .required = true},                                                                                            \
        {.name = "workspace",                                                                                          \
         .kind = CLI_TEXT,                                                                                             \
         .path = "workspace",                                                                                          \
         .value = "ID",                                                                                                \
         .help = "workspace that the resource is expected to belong to"},                                              \
    {                                                                                                                  \
        .name = "min-revision", .kind = CLI_REVISION, .path = "minRevision", .value = "EPOCH:NUMBER",                  \
        .help = "answer from this revision or a later one"                                                             \
    }

const struct cli_command sp_cli_check_commands[] = {
    {.noun = "check",
     .summary = "Ask whether a key may perform an action on a resource.",
     .details = "Exit status: 0 allowed, 1 denied.",
     .acts = CLI_ACTS_WITHOUT_KEY,
     .example = "  sallyport check --key-file narrator.key --ip 203.0.113.7 --resource voice/rachel --action use",
     .options = {CREDENTIAL, QUESTION},
     .run = run_check},
    {.noun = "explain",
     .summary = "Show each step of a decision with its evidence, and what would allow it.",
     .details = "Exit status: 0 allowed, 1 denied.",
     .acts = "no key; with --key-id, the key of a workspace's admin that permits workspace_read, or an operator's key",
     .example = "  sallyport explain --key-file narrator.key --ip 198.51.100.9 --resource voice/rachel --action use\n"
                "  sallyport explain --key-id narrator-1 --resource voice/rachel --action use",
     .options = {CREDENTIAL,
                 {.name = "key-id",
                  .kind = CLI_LOCAL,
                  .fills = "key_id",
                  .value = "KEY",
                  .help = "id of a key in your workspace, instead of its text (asks sallyport-sync)"},
                 QUESTION},
     .run = run_explain},
    {.noun = NULL},
};
