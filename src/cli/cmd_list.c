/* sallyport list-resources and sallyport list-subjects */
#include <string.h>

#include "cli/command_rows.h"
#include "cli/connection.h"
#include "cli/credential.h"
#include "cli/json_path.h"
#include "cli/print.h"
#include "cli/report.h"

enum { ARENA_FIRST = 1 << 16, ARENA_BUDGET = 16 << 20 };

struct list {
    struct cli_call *call;
    const char *method, *rows_name, *columns;
    json_t *rows; /* all of them; with -o ndjson they are printed as they come */
    uint64_t count;
    json_t *last; /* the message that ended the list; NULL if --limit did */
};

/* A resource is its id alone in the reply, but rows are objects. */
static json_t *make_row(const struct list *list, json_t *item) {
    bool whole_reply = strcmp(list->call->output, "json") == 0;
    return json_is_string(item) && !whole_reply ? json_pack("{s:O}", "id", item) : json_incref(item);
}

static bool has_enough_rows(const struct list *list) {
    return list->call->limit != 0 && list->count == list->call->limit;
}

static enum sp_status take_rows(struct list *list, const json_t *message, struct sp_error *error) {
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(message, list->rows_name), i, item) {
        if (has_enough_rows(list))
            break;
        json_t *row = make_row(list, item);
        if (row == NULL || json_array_append(list->rows, row) != 0) {
            json_decref(row);
            return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
        }
        if (strcmp(list->call->output, "ndjson") == 0) {
            sp_cli_print_line(row, stdout);
            (void)json_array_clear(list->rows);
        }
        json_decref(row);
        list->count++;
    }
    return SP_OK;
}

static enum sp_status take_list_message(struct list *list, struct sp_rpc_stream *stream, struct sp_arena *arena,
                                        struct sp_error *error) {
    struct sp_bytes bytes;
    json_t *message = NULL;
    sp_arena_reset(arena);
    enum sp_status status = sp_cli_receive(list->call, stream, arena, &bytes, error);
    if (status == SP_STREAM_END)
        return sp_error_set(error, SP_ERR_INTERNAL, "the server ended the list before it was complete");
    if (status != SP_OK)
        return status;
    status = sp_cli_unpack_json(list->method, bytes, arena, &message, error);
    if (status != SP_OK)
        return status;
    status = take_rows(list, message, error);
    if (status != SP_OK)
        goto out;
    if (json_is_true(json_object_get(message, "complete")))
        list->last = json_incref(message);
out:
    json_decref(message);
    return status;
}

static enum sp_status receive_list(struct list *list, struct sp_rpc_client *client, struct sp_error *error) {
    struct sp_arena arena;
    struct sp_rpc_stream *stream = NULL;
    if (sp_arena_init(&arena, ARENA_FIRST, ARENA_BUDGET) != SP_OK)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    enum sp_status status = sp_cli_open_stream(client, list->method, list->call->request, &stream, error);
    if (status != SP_OK)
        goto out;
    while (list->last == NULL && !has_enough_rows(list)) {
        status = take_list_message(list, stream, &arena, error);
        if (status != SP_OK)
            break;
        sp_cli_progress("read", list->count, 0, false);
    }
    sp_cli_progress("read", 0, 0, true);
out:
    sp_rpc_stream_close(stream);
    sp_arena_fini(&arena);
    return status;
}

/* As one reply: {"ids": […], "complete": true, "reason": "ALLOWED", …} */
static void print_whole_list(const struct list *list) {
    json_t *whole = list->last != NULL ? json_copy(list->last) : json_pack("{s:b}", "complete", 0);
    if (whole != NULL && json_object_set(whole, list->rows_name, list->rows) == 0)
        sp_cli_print_json(whole, stdout);
    json_decref(whole);
}

/* Why the list is empty, or what no list can show. The exit status. */
static int report_reason(const struct list *list) {
    const char *reason = json_string_value(json_object_get(list->last, "reason"));
    if (reason != NULL && strcmp(reason, "ALLOWED") != 0) {
        (void)fprintf(stderr, "%s is allowed: %s\n",
                      strcmp(list->rows_name, "subjects") == 0 ? "Nobody" : "No resource", reason);
        return CLI_DENIED;
    }
    if (json_is_true(json_object_get(list->last, "moreThanListed")))
        (void)fputs("Ids that were never registered or shared are allowed too.\n", stderr);
    return CLI_OK;
}

static int show_list(struct list *list) {
    struct sp_error error = {0};
    struct sp_rpc_client *client = NULL;
    int result = CLI_ERROR;
    list->rows = json_array();
    if (list->rows == NULL) {
        (void)sp_error_set(&error, SP_ERR_MEMORY, "out of memory");
        return sp_cli_report_error(list->call, &error);
    }
    if (sp_cli_open_server(list->call, &client, &error) != SP_OK || receive_list(list, client, &error) != SP_OK) {
        (void)sp_cli_report_error(list->call, &error);
        goto out;
    }
    if (strcmp(list->call->output, "table") == 0)
        sp_cli_print_rows("table", list->call->wide, list->rows, list->columns, stdout);
    else if (strcmp(list->call->output, "json") == 0)
        print_whole_list(list);
    result = report_reason(list);
out:
    sp_rpc_client_close(client);
    json_decref(list->last);
    json_decref(list->rows);
    return result;
}

/* --principal in --workspace. */
static enum sp_status put_principal(struct cli_call *call, const char *principal, struct sp_error *error) {
    json_t *workspace = json_object_get(call->request, "workspace");
    if (sp_cli_local(call, "key-file") != NULL || sp_cli_local(call, "sha256") != NULL)
        return sp_error_set(error, SP_ERR_INVALID, "--principal cannot be combined with --key-file or --sha256");
    if (workspace == NULL)
        return sp_error_set(error, SP_ERR_INVALID, "--principal requires --workspace");
    if (sp_cli_put(call->request, "principal.id", json_string(principal), false) != SP_OK ||
        sp_cli_put(call->request, "principal.workspace", json_incref(workspace), false) != SP_OK)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    return SP_OK;
}

static int run_list_resources(struct cli_call *call) {
    struct sp_error error = {0};
    struct list list = {
        .call = call, .method = "Authorization/ListResources", .rows_name = "ids", .columns = "ID=id:raw"};
    const char *principal = sp_cli_local(call, "principal");
    enum sp_status status =
        principal != NULL ? put_principal(call, principal, &error) : sp_cli_put_credential(call, &error);
    if (status != SP_OK)
        return sp_cli_report_error(call, &error);
    return show_list(&list);
}

static int run_list_subjects(struct cli_call *call) {
    struct list list = {.call = call,
                        .method = "Authorization/ListSubjects",
                        .rows_name = "subjects",
                        .columns = call->command->columns};
    return show_list(&list);
}

#define COMMON                                                                                                         \
    {.name = "action",                                                                                                 \
     .kind = CLI_TEXT,                                                                                                 \
     .path = "action",                                                                                                 \
     .value = "NAME",                                                                                                  \
     .help = "action to perform",                                                                                      \
     .required = true},                                                                                                \
        {.name = "after", .kind = CLI_TEXT, .path = "after", .value = "ID", .help = "start after this id"}, {          \
        .name = "min-revision", .kind = CLI_REVISION, .path = "minRevision", .value = "EPOCH:NUMBER",                  \
        .help = "answer from this revision or a later one"                                                             \
    }

const struct cli_command sp_cli_list_commands[] = {
    {.noun = "list-resources",
     .summary = "List the resources of a type on which a key or principal may perform an action.",
     .acts = CLI_ACTS_WITHOUT_KEY,
     .example = "  sallyport list-resources --key-file narrator.key --type voice --action use\n"
                "  sallyport list-resources --workspace acme --principal narrator --type voice --action edit -o json",
     .options =
         {{.name = "key-file",
           .kind = CLI_LOCAL,
           .fills = "api_key",
           .value = "FILE",
           .help = "file with the key to ask about; - for standard input"},
          {.name = "sha256",
           .kind = CLI_LOCAL,
           .fills = "api_key_sha256",
           .value = "HEX",
           .help = "SHA-256 of the key, instead of its text"},
          {.name = "principal",
           .kind = CLI_LOCAL,
           .fills = "principal.workspace|principal.id",
           .value = "ID",
           .help = "user or service account of --workspace, instead of a key; it is assumed to have all permissions"},
          {.name = "ip", .kind = CLI_TEXT, .path = "ip", .value = "ADDRESS", .help = "IP address of the client"},
          {.name = "type",
           .kind = CLI_TEXT,
           .path = "type",
           .value = "TYPE",
           .help = "resource type",
           .required = true},
          {.name = "workspace",
           .kind = CLI_TEXT,
           .path = "workspace",
           .value = "ID",
           .help = "workspace that the resources are expected to belong to"},
          COMMON},
     .run = run_list_resources},
    {.noun = "list-subjects",
     .summary = "List the users and service accounts that may perform an action on a resource.",
     .list = "subjects",
     .columns = "ID=principal:raw,KIND=kind",
     .acts = CLI_ACTS_WITHOUT_KEY,
     .example = "  sallyport list-subjects --workspace acme --resource voice/rachel --action use\n"
                "  sallyport list-subjects --workspace acme --resource voice/rachel --action share --kind user",
     .options = {{.name = "workspace",
                  .kind = CLI_TEXT,
                  .path = "workspace",
                  .value = "ID",
                  .help = "workspace of the users and service accounts",
                  .required = true},
                 {.name = "resource",
                  .kind = CLI_RESOURCE,
                  .path = "resource",
                  .value = "TYPE/ID",
                  .help = "resource; TYPE alone if the action needs no role",
                  .required = true},
                 {.name = "kind",
                  .kind = CLI_ENUM,
                  .path = "kind",
                  .prefix = "",
                  .choices = "user|service-account",
                  .value = "KIND",
                  .help = "only this kind of principal: user or service-account"},
                 COMMON},
     .run = run_list_subjects},
    {.noun = NULL},
};
