#include "cli/single_call.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/random.h"
#include "cli/connection.h"
#include "cli/json_path.h"
#include "cli/paging.h"
#include "cli/print.h"
#include "cli/profile.h"
#include "cli/report.h"
#include "cli/secret_file.h"

enum { TIMEOUT_DEFAULT_S = 30, TIMEOUT_MAX_S = 3600 };

static enum sp_status put_request_id(struct cli_call *call, struct sp_error *error) {
    char id[SP_RANDOM_ID_BYTES] = "";
    const char *given = sp_cli_local(call, "request-id");
    if (given == NULL && sp_random_id("req_", id) != SP_OK)
        return sp_error_set(error, SP_ERR_IO, "cannot generate a request id: no random bytes");
    if (sp_cli_put(call->request, "requestId", json_string(given != NULL ? given : id), false) != SP_OK)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    return SP_OK;
}

static enum sp_status take_timeout(struct cli_call *call, struct sp_error *error) {
    const json_t *given = json_object_get(call->local, "timeout");
    json_int_t seconds = given != NULL ? json_integer_value(given) : TIMEOUT_DEFAULT_S;
    if (seconds < 1 || seconds > TIMEOUT_MAX_S)
        return sp_error_set(error, SP_ERR_INVALID, "--timeout: must be 1s to 1h");
    call->timeout_ms = (unsigned)seconds * 1000;
    return SP_OK;
}

enum sp_status sp_cli_prepare_call(struct cli_call *call, struct sp_arena *arena, struct sp_error *error) {
    const char *output = sp_cli_local(call, "output");
    call->wide = output != NULL && strcmp(output, "wide") == 0;
    if (output != NULL && !call->wide)
        call->output = output;
    enum sp_status timed = take_timeout(call, error);
    if (timed != SP_OK)
        return timed;
    call->limit = (uint64_t)json_integer_value(json_object_get(call->local, "limit"));
    if (call->command->mutation) {
        enum sp_status status = put_request_id(call, error);
        if (status != SP_OK)
            return status;
    }
    return sp_cli_profile_apply(call, arena, error);
}

/* ---- showing ---- */

/* Where a new key's text goes. The file is created before the call, so that no key is created whose
 * text cannot be kept. */
struct secret_output {
    const char *path; /* NULL: stdout */
    int fd;
    bool written;
};

static enum sp_status open_secret_output(const struct cli_call *call, struct secret_output *file,
                                         struct sp_error *error) {
    file->path = sp_cli_local(call, "secret-file");
    if (file->path == NULL)
        return SP_OK;
    return sp_cli_make_secret_file(file->path, &file->fd, error);
}

static void close_secret_output(const struct secret_output *file) {
    if (file->path == NULL)
        return;
    (void)close(file->fd);
    if (!file->written)
        (void)unlink(file->path);
}

static int show_secret(const struct cli_call *call, struct secret_output *file, json_t *reply) {
    const char *secret = json_string_value(json_object_get(reply, "secret"));
    struct sp_error error = {0};
    if (json_is_true(json_object_get(reply, "secretAlreadyIssued"))) {
        (void)fputs("This request was already carried out; only its first reply held the key's text, which cannot be "
                    "shown again. If the text is lost, delete the key and create another.\n",
                    stderr);
        /* A script that goes on to read the file must not take this for success. */
        return file->path == NULL ? CLI_OK : CLI_ERROR;
    }
    if (secret == NULL || secret[0] == '\0')
        return CLI_OK;
    if (file->path == NULL) {
        if (strcmp(call->output, "table") == 0)
            (void)printf("%s\n", secret);
        (void)fputs("This is the key's text. Keep it; it cannot be shown again.\n", stderr);
        return CLI_OK;
    }
    if (sp_cli_write_secret(file->fd, file->path, secret, &error) != SP_OK) {
        /* A key whose text is lost is useless: the terminal is better than nowhere. */
        (void)printf("%s\n", secret);
        return sp_cli_report_error(call, &error);
    }
    file->written = true;
    (void)json_object_del(reply, "secret");
    (void)fprintf(stderr, "The key's text is in %s; it cannot be shown again.\n", file->path);
    return CLI_OK;
}

/* The reply's main object, and the revision of the change. */
static void show_lines(const struct cli_command *command, json_t *reply) {
    char columns[1024];
    json_t *shown = command->main != NULL ? json_copy(sp_cli_at(reply, command->main)) : json_incref(reply);
    if (command->columns == NULL)
        (void)snprintf(columns, sizeof(columns), "done at revision=revision");
    else
        (void)snprintf(columns, sizeof(columns), "%s%s", command->columns,
                       command->main != NULL ? ",revision=revision" : "");
    if (command->main != NULL)
        (void)json_object_set(shown, "revision", json_object_get(reply, "revision"));
    sp_cli_print_lines(shown, columns, stdout);
    json_decref(shown);
}

void sp_cli_show_reply(const struct cli_call *call, json_t *reply) {
    if (strcmp(call->output, "table") == 0)
        show_lines(call->command, reply);
    else
        sp_cli_print_reply(call->output, reply, stdout);
}

/* ---- lists ---- */

struct listing {
    struct cli_call *call;
    struct sp_rpc_client *client;
    json_t *rows;
};

static enum sp_status fetch_listed_page(void *context, const json_t *request, json_t **ret_reply,
                                        struct sp_error *error) {
    const struct listing *listing = context;
    char method[64];
    (void)snprintf(method, sizeof(method), "Admin/%s", listing->call->command->method);
    return sp_cli_call_json(listing->client, method, request, ret_reply, error);
}

/* Lines are printed page by page, so that long lists need no memory; a table and an array need all
 * rows. */
static enum sp_status take_listed_page(void *context, json_t *page, uint64_t so_far, struct sp_error *error) {
    struct listing *listing = context;
    sp_cli_progress("read", so_far, 0, false);
    if (strcmp(listing->call->output, "ndjson") == 0) {
        sp_cli_print_rows("ndjson", false, page, "", stdout);
        return SP_OK;
    }
    size_t i;
    json_t *row;
    json_array_foreach(page, i, row) {
        if (json_array_append(listing->rows, row) != 0)
            return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    }
    return SP_OK;
}

enum sp_status sp_cli_list(struct cli_call *call, struct sp_rpc_client *client, json_t **ret_rows,
                           struct sp_error *error) {
    struct listing listing = {.call = call, .client = client, .rows = json_array()};
    if (listing.rows == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    const struct cli_pages pages = {.list = call->command->list,
                                    .limit = call->limit,
                                    .fetch = fetch_listed_page,
                                    .take = take_listed_page,
                                    .context = &listing};
    enum sp_status status = sp_cli_read_pages(&pages, call->request, error);
    sp_cli_progress("read", 0, 0, true);
    if (status != SP_OK) {
        json_decref(listing.rows);
        return status;
    }
    *ret_rows = listing.rows;
    return SP_OK;
}

static int run_list(struct cli_call *call, struct sp_rpc_client *client) {
    struct sp_error error = {0};
    json_t *rows = NULL;
    if (sp_cli_list(call, client, &rows, &error) != SP_OK)
        return sp_cli_report_error(call, &error);
    sp_cli_print_rows(call->output, call->wide, rows, call->command->columns, stdout);
    json_decref(rows);
    return CLI_OK;
}

/* ---- calling ---- */

static int run_call(struct cli_call *call, struct sp_rpc_client *client) {
    struct sp_error error = {0};
    struct secret_output secret = {0};
    json_t *reply = NULL;
    char method[64];
    (void)snprintf(method, sizeof(method), "Admin/%s", call->command->method);
    if (open_secret_output(call, &secret, &error) != SP_OK)
        return sp_cli_report_error(call, &error);
    int result = CLI_ERROR;
    if (sp_cli_call_json(client, method, call->request, &reply, &error) != SP_OK) {
        (void)sp_cli_report_error(call, &error);
        goto out;
    }
    result = show_secret(call, &secret, reply);
    sp_cli_show_reply(call, reply);
    if (call->command->note != NULL && strcmp(call->output, "table") == 0)
        call->command->note(call, reply);
out:
    close_secret_output(&secret);
    json_decref(reply);
    return result;
}

int sp_cli_run_single_call(struct cli_call *call) {
    struct sp_error error = {0};
    struct sp_rpc_client *client = NULL;
    if (sp_cli_open_admin(call, &client, &error) != SP_OK)
        return sp_cli_report_error(call, &error);
    int result = call->command->list != NULL ? run_list(call, client) : run_call(call, client);
    sp_rpc_client_close(client);
    return result;
}
