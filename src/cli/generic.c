#include "cli/generic.h"

#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "cli/connection.h"
#include "cli/print.h"
#include "cli/profile.h"

enum sp_status cli_generic_prepare(struct cli_call *call, struct sp_arena *arena, struct sp_error *error) {
    const char *output = cli_local(call, "output");
    if (output != NULL)
        call->output = output;
    if (strcmp(call->output, "table") != 0 && strcmp(call->output, "json") != 0 && strcmp(call->output, "ndjson") != 0)
        return sp_error_set(error, SP_ERR_INVALID, "output: '%s' is none of table, json, ndjson", call->output);
    call->limit = (uint64_t)json_integer_value(json_object_get(call->local, "limit"));
    if (call->command->mutation) {
        char id[SP_RANDOM_ID_BYTES] = "";
        const char *given = cli_local(call, "request-id");
        enum sp_status status = given != NULL ? SP_OK : sp_random_id("req_", id);
        if (status == SP_OK)
            status = cli_put(call->request, "requestId", json_string(given != NULL ? given : id), false);
        if (status != SP_OK)
            return sp_error_set(error, status, "no random bytes for a request id");
    }
    return cli_profile_apply(call, arena, error);
}

/* ---- showing ---- */

static int show_secret(const struct cli_call *call, json_t *reply, struct sp_error *error) {
    const char *secret = json_string_value(json_object_get(reply, "secret"));
    const char *file = cli_local(call, "secret-file");
    if (json_is_true(json_object_get(reply, "secretAlreadyIssued")))
        (void)fputs("The key's text was shown when this request was first made; it cannot be shown again.\n", stderr);
    if (secret == NULL || secret[0] == '\0')
        return CLI_OK;
    if (file != NULL) {
        if (cli_write_secret_file(file, secret, error) != SP_OK) {
            /* A key whose text is lost would be of no use: better on the terminal than nowhere. */
            (void)cli_complain(error);
            (void)printf("%s\n", secret);
            return CLI_ERROR;
        }
        (void)json_object_del(reply, "secret");
        (void)fprintf(stderr, "The key's text is in %s; it cannot be read from Sallyport again.\n", file);
    } else if (strcmp(call->output, "table") == 0) {
        (void)printf("%s\n", secret);
        (void)fputs("This is the key's text. Keep it: it cannot be read again.\n", stderr);
    }
    return CLI_OK;
}

static void show_list(const struct cli_call *call, const json_t *rows) {
    if (strcmp(call->output, "json") == 0)
        cli_print_json(rows, stdout);
    else if (strcmp(call->output, "ndjson") == 0)
        cli_print_ndjson(rows, stdout);
    else
        cli_print_table(rows, call->command->columns, stdout);
}

int cli_show(const struct cli_call *call, json_t *reply) {
    struct sp_error error = {0};
    int result = show_secret(call, reply, &error);
    if (strcmp(call->output, "json") == 0) {
        cli_print_json(reply, stdout);
    } else if (strcmp(call->output, "ndjson") == 0) {
        json_t *rows = json_pack("[O]", reply);
        cli_print_ndjson(rows, stdout);
        json_decref(rows);
    } else if (call->command->columns != NULL) {
        const json_t *shown = call->command->main != NULL ? cli_at(reply, call->command->main) : reply;
        cli_print_lines(shown, call->command->columns, stdout);
    } else {
        cli_print_lines(reply, "done at revision=revision", stdout);
    }
    return result;
}

/* ---- calling ---- */

/* All pages, or so many rows as --limit says. */
static enum sp_status fetch_list(struct cli_call *call, struct sp_rpc_client *client, json_t **ret_rows,
                                 struct sp_error *error) {
    json_t *rows = json_array();
    enum sp_status status = rows == NULL ? sp_error_set(error, SP_ERR_MEMORY, "out of memory") : SP_OK;
    char method[64];
    (void)snprintf(method, sizeof(method), "Admin/%s", call->command->method);
    bool more = true;
    (void)json_object_set_new(call->request, "pageSize", json_integer(1000));
    while (status == SP_OK && more) {
        json_t *reply = NULL;
        status = cli_call_json(client, method, call->request, &reply, error);
        if (status != SP_OK)
            break;
        (void)json_array_extend(rows, json_object_get(reply, call->command->list));
        const char *token = json_string_value(json_object_get(reply, "nextPageToken"));
        more = token != NULL && token[0] != '\0' && (call->limit == 0 || json_array_size(rows) < call->limit);
        if (more)
            (void)json_object_set_new(call->request, "pageToken", json_string(token));
        json_decref(reply);
    }
    while (call->limit > 0 && json_array_size(rows) > call->limit)
        (void)json_array_remove(rows, json_array_size(rows) - 1);
    if (status == SP_OK)
        *ret_rows = rows;
    else
        json_decref(rows);
    return status;
}

int cli_generic_run(struct cli_call *call) {
    struct sp_error error = {0};
    struct sp_rpc_client *client = NULL;
    json_t *reply = NULL;
    if (cli_open_admin(call, &client, &error) != SP_OK)
        return cli_complain(&error);
    char method[64];
    (void)snprintf(method, sizeof(method), "Admin/%s", call->command->method);
    enum sp_status status = call->command->list != NULL ? fetch_list(call, client, &reply, &error)
                                                        : cli_call_json(client, method, call->request, &reply, &error);
    sp_rpc_client_close(client);
    if (status != SP_OK)
        return cli_complain(&error);
    int result = CLI_OK;
    if (call->command->list != NULL)
        show_list(call, reply);
    else
        result = cli_show(call, reply);
    json_decref(reply);
    return result;
}
