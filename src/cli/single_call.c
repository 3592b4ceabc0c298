#include "cli/single_call.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/random.h"
#include "cli/connection.h"
#include "cli/print.h"
#include "cli/profile.h"

enum sp_status cli_generic_prepare(struct cli_call *call, struct sp_arena *arena, struct sp_error *error) {
    const char *output = cli_local(call, "output");
    if (output != NULL)
        call->output = output;
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

/* Where a new key's text goes. The file is made before the call, so that no key is made whose text has no place. */
struct secret_file {
    const char *path; /* NULL: stdout */
    int fd;
    bool written;
};

static enum sp_status open_secret_file(const struct cli_call *call, struct secret_file *file, struct sp_error *error) {
    file->path = cli_local(call, "secret-file");
    return file->path == NULL ? SP_OK : cli_make_secret_file(file->path, &file->fd, error);
}

static void close_secret_file(const struct secret_file *file) {
    if (file->path == NULL)
        return;
    (void)close(file->fd);
    if (!file->written)
        (void)unlink(file->path);
}

static int show_secret(const struct cli_call *call, struct secret_file *file, json_t *reply) {
    const char *secret = json_string_value(json_object_get(reply, "secret"));
    struct sp_error error = {0};
    if (json_is_true(json_object_get(reply, "secretAlreadyIssued"))) {
        (void)fputs(
            "The key was made when this request came first, and its text went with that reply: it cannot be shown "
            "again. Where nobody has it, delete the key and make another.\n",
            stderr);
        /* Who goes on to read the file must not take this for done. */
        return file->path == NULL ? CLI_OK : CLI_ERROR;
    }
    if (secret == NULL || secret[0] == '\0')
        return CLI_OK;
    if (file->path == NULL) {
        if (strcmp(call->output, "table") == 0)
            (void)printf("%s\n", secret);
        (void)fputs("This is the key's text. Keep it: it cannot be read again.\n", stderr);
        return CLI_OK;
    }
    if (cli_write_secret(file->fd, file->path, secret, &error) != SP_OK) {
        /* A key whose text is lost would be of no use: better on the terminal than nowhere. */
        (void)printf("%s\n", secret);
        return cli_complain(call, &error);
    }
    file->written = true;
    (void)json_object_del(reply, "secret");
    (void)fprintf(stderr, "The key's text is in %s; it cannot be read from Sallyport again.\n", file->path);
    return CLI_OK;
}

/* The reply's main object with the revision of the change below it. */
static void show_lines(const struct cli_command *command, json_t *reply) {
    char columns[640];
    json_t *shown = command->main != NULL ? json_copy(cli_at(reply, command->main)) : json_incref(reply);
    if (command->columns == NULL)
        (void)snprintf(columns, sizeof(columns), "done at revision=revision");
    else
        (void)snprintf(columns, sizeof(columns), "%s%s", command->columns,
                       command->main != NULL ? ",revision=revision" : "");
    if (command->main != NULL)
        (void)json_object_set(shown, "revision", json_object_get(reply, "revision"));
    cli_print_lines(shown, columns, stdout);
    json_decref(shown);
}

static void show_reply(const struct cli_call *call, json_t *reply) {
    if (strcmp(call->output, "table") == 0)
        show_lines(call->command, reply);
    else
        cli_print_reply(call, reply);
}

void cli_print_reply(const struct cli_call *call, const json_t *reply) {
    if (strcmp(call->output, "json") == 0)
        cli_print_json(reply, stdout);
    else
        cli_print_line(reply, stdout);
}

/* ---- lists ---- */

enum { PAGE_MAX = 1000 };

/* Lines go out page by page, however long the list; a table and an array need all rows. */
static void take_page(const struct cli_call *call, json_t *page, json_t *rows) {
    size_t i;
    json_t *row;
    if (strcmp(call->output, "ndjson") != 0) {
        (void)json_array_extend(rows, page);
        return;
    }
    json_array_foreach(page, i, row) {
        cli_print_line(row, stdout);
    }
}

static enum sp_status fetch_page(struct cli_call *call, struct sp_rpc_client *client, uint64_t left, json_t **ret_page,
                                 bool *ret_more, struct sp_error *error) {
    char method[64];
    json_t *reply = NULL;
    (void)snprintf(method, sizeof(method), "Admin/%s", call->command->method);
    (void)json_object_set_new(call->request, "pageSize", json_integer(left < PAGE_MAX ? (json_int_t)left : PAGE_MAX));
    enum sp_status status = cli_call_json(client, method, call->request, &reply, error);
    if (status != SP_OK)
        return status;
    *ret_page = json_incref(json_object_get(reply, call->command->list));
    const char *token = json_string_value(json_object_get(reply, "nextPageToken"));
    *ret_more = token != NULL && token[0] != '\0';
    if (*ret_more)
        (void)json_object_set_new(call->request, "pageToken", json_string(token));
    json_decref(reply);
    return SP_OK;
}

enum sp_status cli_list(struct cli_call *call, struct sp_rpc_client *client, json_t **ret_rows,
                        struct sp_error *error) {
    json_t *rows = json_array();
    enum sp_status status = rows == NULL ? sp_error_set(error, SP_ERR_MEMORY, "out of memory") : SP_OK;
    uint64_t left = call->limit == 0 ? UINT64_MAX : call->limit, seen = 0;
    bool more = true;
    while (status == SP_OK && more && left > 0) {
        json_t *page = NULL;
        status = fetch_page(call, client, left, &page, &more, error);
        if (status != SP_OK)
            break;
        take_page(call, page, rows);
        seen += json_array_size(page);
        left -= json_array_size(page) < left ? json_array_size(page) : left;
        json_decref(page);
        if (more)
            cli_progress("read", seen, 0, false);
    }
    cli_progress("read", 0, 0, true);
    if (status == SP_OK)
        *ret_rows = rows;
    else
        json_decref(rows);
    return status;
}

static int run_list(struct cli_call *call, struct sp_rpc_client *client) {
    struct sp_error error = {0};
    json_t *rows = NULL;
    if (cli_list(call, client, &rows, &error) != SP_OK)
        return cli_complain(call, &error);
    if (strcmp(call->output, "json") == 0)
        cli_print_json(rows, stdout);
    else if (strcmp(call->output, "table") == 0)
        cli_print_table(rows, call->command->columns, stdout);
    json_decref(rows);
    return CLI_OK;
}

/* ---- calling ---- */

static int run_call(struct cli_call *call, struct sp_rpc_client *client) {
    struct sp_error error = {0};
    struct secret_file file = {0};
    json_t *reply = NULL;
    char method[64];
    (void)snprintf(method, sizeof(method), "Admin/%s", call->command->method);
    if (open_secret_file(call, &file, &error) != SP_OK)
        return cli_complain(call, &error);
    int result;
    if (cli_call_json(client, method, call->request, &reply, &error) == SP_OK) {
        result = show_secret(call, &file, reply);
        show_reply(call, reply);
    } else {
        result = cli_complain(call, &error);
    }
    close_secret_file(&file);
    json_decref(reply);
    return result;
}

int cli_generic_run(struct cli_call *call) {
    struct sp_error error = {0};
    struct sp_rpc_client *client = NULL;
    if (cli_open_admin(call, &client, &error) != SP_OK)
        return cli_complain(call, &error);
    int result = call->command->list != NULL ? run_list(call, client) : run_call(call, client);
    sp_rpc_client_close(client);
    return result;
}
