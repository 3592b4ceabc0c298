/* list-resources and list-subjects: rows are taken from the stream's messages until one says that the list is complete. */
#include <string.h>

#include "cli/connection.h"
#include "cli/print.h"
#include "cli/run.h"
#include "cli/single_call.h"

enum { ARENA_FIRST = 1 << 16, ARENA_BUDGET = 16 << 20 };

struct list {
    struct cli_call *call;
    const char *method, *rows_name, *columns;
    json_t *rows; /* all of them; with -o ndjson they are printed as they come */
    uint64_t count;
    json_t *last; /* the message that ended the list; NULL where --limit did */
};

/* A resource is its id alone in the reply, but rows are objects. */
static json_t *row_of(const struct list *list, json_t *item) {
    bool whole_reply = strcmp(list->call->output, "json") == 0;
    return json_is_string(item) && !whole_reply ? json_pack("{s:O}", "id", item) : json_incref(item);
}

static bool is_enough(const struct list *list) {
    return list->call->limit != 0 && list->count == list->call->limit;
}

static enum sp_status take_rows(struct list *list, const json_t *message, struct sp_error *error) {
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(message, list->rows_name), i, item) {
        if (is_enough(list))
            break;
        json_t *row = row_of(list, item);
        if (row == NULL || json_array_append(list->rows, row) != 0) {
            json_decref(row);
            return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
        }
        if (strcmp(list->call->output, "ndjson") == 0) {
            cli_print_line(row, stdout);
            (void)json_array_clear(list->rows);
        }
        json_decref(row);
        list->count++;
    }
    return SP_OK;
}

static enum sp_status take_message(struct list *list, struct sp_rpc_stream *stream, struct sp_arena *arena,
                                   struct sp_error *error) {
    struct sp_bytes bytes;
    json_t *message = NULL;
    sp_arena_reset(arena);
    enum sp_status status = sp_rpc_stream_receive(stream, arena, &bytes, error);
    if (status == SP_ERR_OUT_OF_RANGE && error->status == SP_OK)
        return sp_error_set(error, SP_ERR_INTERNAL, "the server ended the list before it was complete");
    if (status == SP_OK)
        status = cli_unpack_json(list->method, bytes, arena, &message, error);
    if (status == SP_OK)
        status = take_rows(list, message, error);
    if (status == SP_OK && json_is_true(json_object_get(message, "complete")))
        list->last = json_incref(message);
    json_decref(message);
    return status;
}

static enum sp_status receive_all(struct list *list, struct sp_rpc_client *client, struct sp_error *error) {
    char path[128];
    struct sp_arena arena;
    struct sp_rpc_stream *stream = NULL;
    struct sp_bytes bytes;
    if (sp_arena_init(&arena, ARENA_FIRST, ARENA_BUDGET) != SP_OK)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    (void)snprintf(path, sizeof(path), "/sallyport.v1.%s", list->method);
    enum sp_status status = cli_pack_json(list->method, list->call->request, &arena, &bytes, error);
    if (status == SP_OK)
        status = sp_rpc_stream_open(client, path, &stream, error);
    if (status == SP_OK)
        status = sp_rpc_stream_send(stream, bytes, error);
    sp_arena_wipe(&arena); /* it may hold a key */
    if (status == SP_OK)
        status = sp_rpc_stream_done_sending(stream, error);
    while (status == SP_OK && list->last == NULL && !is_enough(list)) {
        status = take_message(list, stream, &arena, error);
        cli_progress("read", list->count, 0, false);
    }
    cli_progress("read", 0, 0, true);
    sp_rpc_stream_close(stream);
    sp_arena_fini(&arena);
    return status;
}

/* As one reply: {"ids": […], "complete": true, "reason": "ALLOWED", …} */
static void print_whole(const struct list *list) {
    json_t *whole = list->last != NULL ? json_copy(list->last) : json_pack("{s:b}", "complete", 0);
    if (whole != NULL && json_object_set(whole, list->rows_name, list->rows) == 0)
        cli_print_json(whole, stdout);
    json_decref(whole);
}

/* Why the list is empty, or what stands in no list. */
static int conclude(const struct list *list) {
    const char *reason = json_string_value(json_object_get(list->last, "reason"));
    if (reason != NULL && strcmp(reason, "ALLOWED") != 0) {
        (void)fprintf(stderr, "Denied for all: %s\n", reason);
        return CLI_DENIED;
    }
    if (json_is_true(json_object_get(list->last, "moreThanListed")))
        (void)fputs("Ids that nobody registered or shared are allowed as well.\n", stderr);
    return CLI_OK;
}

static int run(struct list *list) {
    struct sp_error error = {0};
    struct sp_rpc_client *client = NULL;
    list->rows = json_array();
    enum sp_status status = list->rows == NULL ? sp_error_set(&error, SP_ERR_MEMORY, "out of memory")
                                               : cli_open_server(list->call, &client, &error);
    if (status == SP_OK)
        status = receive_all(list, client, &error);
    sp_rpc_client_close(client);
    int result = CLI_ERROR;
    if (status != SP_OK) {
        result = cli_complain(list->call, &error);
    } else {
        if (strcmp(list->call->output, "table") == 0)
            cli_print_table(list->rows, list->columns, stdout);
        else if (strcmp(list->call->output, "json") == 0)
            print_whole(list);
        result = conclude(list);
    }
    json_decref(list->last);
    json_decref(list->rows);
    return result;
}

/* Of a key, or of --principal in --workspace. */
static enum sp_status put_subject(struct cli_call *call, struct sp_error *error) {
    const char *principal = cli_local(call, "principal");
    json_t *workspace = json_object_get(call->request, "workspace");
    if (principal == NULL)
        return cli_put_credential(call, error);
    if (cli_local(call, "key-file") != NULL || cli_local(call, "sha256") != NULL)
        return sp_error_set(error, SP_ERR_INVALID, "--principal goes without --key-file and --sha256");
    if (workspace == NULL)
        return sp_error_set(error, SP_ERR_INVALID, "--principal needs --workspace: ids are those of a workspace");
    enum sp_status status = cli_put(call->request, "principal.id", json_string(principal), false);
    return status == SP_OK ? cli_put(call->request, "principal.workspace", json_incref(workspace), false) : status;
}

int cli_run_list_resources(struct cli_call *call) {
    struct sp_error error = {0};
    struct list list = {
        .call = call, .method = "Authorization/ListResources", .rows_name = "ids", .columns = "ID=id:raw"};
    return put_subject(call, &error) == SP_OK ? run(&list) : cli_complain(call, &error);
}

int cli_run_list_subjects(struct cli_call *call) {
    struct list list = {.call = call,
                        .method = "Authorization/ListSubjects",
                        .rows_name = "subjects",
                        .columns = call->command->columns};
    return run(&list);
}
