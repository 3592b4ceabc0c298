/* Commands whose request comes from a file: key find, share apply, schema get, put and check. */
#include <stdlib.h>
#include <string.h>

#include "cli/connection.h"
#include "cli/file.h"
#include "cli/profile.h"
#include "cli/run.h"
#include "cli/single_call.h"
#include "core/schema.h"
#include "sallyport/v1/admin.pb-c.h"
#include "wire/json.h"

int cli_run_key_find(struct cli_call *call) {
    struct sp_error error = {0};
    struct sp_arena arena;
    struct sp_str key = {0};
    if (sp_arena_init(&arena, 4096, 8192) != SP_OK)
        return CLI_ERROR;
    enum sp_status status = cli_read_key_file(cli_local(call, "file"), &arena, &key, &error);
    if (status == SP_OK)
        status = cli_put(call->request, "apiKey", json_stringn(key.data, key.size), false);
    sp_arena_wipe(&arena);
    sp_arena_fini(&arena);
    return status == SP_OK ? cli_generic_run(call) : cli_complain(call, &error);
}

/* The line as an object that is a ShareUpdate, so that what is wrong with it is said with its line. */
static enum sp_status read_share(struct sp_str line, struct sp_arena *arena, json_t **ret_json,
                                 struct sp_error *error) {
    json_t *json = NULL;
    ProtobufCMessage *message;
    enum sp_status status = sp_json_parse(line, &json, error);
    sp_arena_reset(arena);
    if (status == SP_OK)
        status = sp_json_to_message(&sallyport__v1__share_update__descriptor, json, arena, &message, error);
    if (status == SP_OK)
        *ret_json = json;
    else
        json_decref(json);
    return status;
}

/* One share a line; empty lines are passed over. */
static enum sp_status read_shares(const char *path, struct sp_arena *arena, json_t *array, struct sp_error *error) {
    FILE *file = NULL;
    char *line = NULL;
    size_t room = 0, number = 0;
    ssize_t size;
    enum sp_status status = cli_open_file(path, &file, error);
    while (status == SP_OK && (size = getline(&line, &room, file)) > 0) {
        json_t *json = NULL;
        struct sp_error why = {0};
        number++;
        if (strspn(line, " \t\r\n") == (size_t)size)
            continue;
        status = read_share((struct sp_str){line, (size_t)size}, arena, &json, &why);
        if (status != SP_OK)
            (void)sp_error_set(error, status, "%s: line %zu: %s", path, number, why.message);
        else if (json_array_append_new(array, json) != 0)
            status = sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    }
    free(line);
    cli_close(file);
    return status;
}

int cli_run_share_apply(struct cli_call *call) {
    struct sp_error error = {0};
    struct sp_arena arena;
    const char *path = cli_local(call, "file");
    if (sp_arena_init(&arena, 4096, 1 << 20) != SP_OK) {
        (void)sp_error_set(&error, SP_ERR_MEMORY, "out of memory");
        return cli_complain(call, &error);
    }
    json_t *updates = json_array();
    enum sp_status status = read_shares(path, &arena, updates, &error);
    sp_arena_fini(&arena);
    if (status == SP_OK && json_array_size(updates) == 0)
        status = sp_error_set(&error, SP_ERR_INVALID, "%s: holds no share", path);
    if (status == SP_OK)
        status = cli_put(call->request, "updates", json_incref(updates), false);
    json_decref(updates);
    return status == SP_OK ? cli_generic_run(call) : cli_complain(call, &error);
}

/* ---- schema ---- */

int cli_run_schema_get(struct cli_call *call) {
    struct sp_error error = {0};
    struct sp_rpc_client *client = NULL;
    json_t *reply = NULL;
    enum sp_status status = cli_open_admin(call, &client, &error);
    if (status == SP_OK) {
        status = cli_call_json(client, "Admin/GetSchema", call->request, &reply, &error);
        sp_rpc_client_close(client);
    }
    if (status != SP_OK)
        return cli_complain(call, &error);
    if (strcmp(call->output, "table") == 0)
        (void)fputs(json_string_value(json_object_get(reply, "yaml")), stdout);
    else
        cli_print_reply(call, reply);
    json_decref(reply);
    return CLI_OK;
}

static void print_words(const char *title, const json_t *words) {
    size_t i;
    json_t *word;
    if (json_array_size(words) > 0)
        (void)printf("%s\n", title);
    json_array_foreach(words, i, word) {
        (void)printf("  %s\n", json_string_value(word));
    }
}

static void print_put(struct cli_call *call, const json_t *reply) {
    bool dry = json_is_true(json_object_get(call->request, "dryRun"));
    const json_t *changes = json_object_get(reply, "changes");
    if (json_array_size(changes) == 0)
        (void)puts("Nothing differs from the schema in force.");
    print_words(dry ? "It would change:" : "Changed:", changes);
    print_words(dry ? "In use, so it needs --force:" : "Was in use, and grants nothing from now on:",
                json_object_get(reply, "inUse"));
}

int cli_run_schema_put(struct cli_call *call) {
    struct sp_error error = {0};
    struct sp_rpc_client *client = NULL;
    json_t *reply = NULL;
    char *text = NULL;
    size_t size = 0;
    enum sp_status status = cli_read_file(cli_local(call, "file"), SP_SCHEMA_MAX_BYTES, &text, &size, &error);
    if (status != SP_OK)
        return cli_complain(call, &error);
    json_t *yaml = json_stringn(text, size);
    free(text);
    status = yaml == NULL ? sp_error_set(&error, SP_ERR_INVALID, "the schema is no UTF-8 text")
                          : cli_put(call->request, "yaml", yaml, false);
    if (status == SP_OK)
        status = cli_open_admin(call, &client, &error);
    if (status == SP_OK) {
        status = cli_call_json(client, "Admin/PutSchema", call->request, &reply, &error);
        sp_rpc_client_close(client);
    }
    if (status != SP_OK)
        return cli_complain(call, &error);
    if (strcmp(call->output, "table") == 0)
        print_put(call, reply);
    else
        cli_print_reply(call, reply);
    json_decref(reply);
    return CLI_OK;
}

int cli_run_schema_check(struct cli_call *call) {
    struct sp_error error = {0};
    struct sp_arena arena;
    struct sp_schema schema;
    char *text = NULL;
    size_t size = 0;
    const char *path = cli_local(call, "file");
    enum sp_status status = cli_read_file(path, SP_SCHEMA_MAX_BYTES, &text, &size, &error);
    if (status != SP_OK)
        return cli_complain(call, &error);
    if (sp_arena_init(&arena, 1 << 20, 64 << 20) != SP_OK) {
        free(text);
        return CLI_ERROR;
    }
    struct sp_error why = {0};
    status = sp_schema_parse((struct sp_str){text, size}, &arena, &schema, &why);
    if (status == SP_OK)
        (void)printf("%s: %zu permissions, %zu types, %zu routes\n", path, schema.permission_count, schema.type_count,
                     schema.route_count);
    else
        (void)sp_error_set(&error, status, "%s: %s", path, why.message);
    sp_arena_fini(&arena);
    free(text);
    return status == SP_OK ? CLI_OK : cli_complain(call, &error);
}
