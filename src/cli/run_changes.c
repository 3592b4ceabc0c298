/* The audit trail, as it is and as it grows. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/connection.h"
#include "cli/print.h"
#include "cli/special.h"

/* "+voice/rachel, -narrator": what the change touched, for people. */
static void add_things(json_t *change) {
    char things[400] = "";
    size_t used = 0, i;
    json_t *entity;
    json_array_foreach(json_object_get(change, "entities"), i, entity) {
        const char *id = json_string_value(json_object_get(entity, "id"));
        bool deleted = json_is_true(json_object_get(entity, "deleted"));
        int wrote = snprintf(things + used, sizeof(things) - used, "%s%s%s", i > 0 ? ", " : "", deleted ? "-" : "",
                             id != NULL && id[0] != '\0' ? id : "schema");
        if (wrote < 0 || (size_t)wrote >= sizeof(things) - used) {
            (void)snprintf(things + sizeof(things) - 5, 5, " …");
            break;
        }
        used += (size_t)wrote;
    }
    (void)json_object_set_new(change, "things", json_string(things));
}

static void show(const struct cli_call *call, json_t *changes) {
    size_t i;
    json_t *change;
    if (strcmp(call->output, "table") != 0) {
        if (strcmp(call->output, "json") == 0)
            cli_print_json(changes, stdout);
        else
            cli_print_ndjson(changes, stdout);
        return;
    }
    json_array_foreach(changes, i, change) {
        add_things(change);
    }
    cli_print_table(changes, call->command->columns, stdout);
}

static enum sp_status fetch(struct cli_call *call, struct sp_rpc_client *client, json_t *rows, struct sp_error *error) {
    bool more = true;
    (void)json_object_set_new(call->request, "pageSize", json_integer(1000));
    while (more) {
        json_t *reply = NULL;
        enum sp_status status = cli_call_json(client, "Admin/ListChanges", call->request, &reply, error);
        if (status != SP_OK)
            return status;
        (void)json_array_extend(rows, json_object_get(reply, "changes"));
        const char *token = json_string_value(json_object_get(reply, "nextPageToken"));
        more = token != NULL && token[0] != '\0' && (call->limit == 0 || json_array_size(rows) < call->limit);
        if (more)
            (void)json_object_set_new(call->request, "pageToken", json_string(token));
        json_decref(reply);
    }
    while (call->limit > 0 && json_array_size(rows) > call->limit)
        (void)json_array_remove(rows, json_array_size(rows) - 1);
    return SP_OK;
}

static void show_one(const struct cli_call *call, json_t *change) {
    if (strcmp(call->output, "table") != 0) {
        (void)json_dumpf(change, stdout, JSON_COMPACT);
        (void)putchar('\n');
    } else {
        char *time = cli_text_of(change, "time:time");
        add_things(change);
        (void)printf("%s  %s  %s  %s  %s\n", json_string_value(cli_at(change, "revision.number")),
                     time != NULL ? time : "", json_string_value(cli_at(change, "actor.id")),
                     json_string_value(json_object_get(change, "method")),
                     json_string_value(json_object_get(change, "things")));
        free(time);
    }
    (void)fflush(stdout);
}

static enum sp_status follow(struct cli_call *call, struct sp_rpc_client *client, struct sp_error *error) {
    struct sp_arena arena;
    struct sp_rpc_stream *stream = NULL;
    struct sp_bytes bytes;
    if (sp_arena_init(&arena, 1 << 16, (size_t)64 << 20) != SP_OK)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    enum sp_status status = cli_pack_json("Admin/WatchChanges", call->request, &arena, &bytes, error);
    if (status == SP_OK)
        status = sp_rpc_stream_open(client, "/sallyport.v1.Admin/WatchChanges", &stream, error);
    if (status == SP_OK)
        status = sp_rpc_stream_send(stream, bytes, error);
    if (status == SP_OK)
        status = sp_rpc_stream_done_sending(stream, error);
    while (status == SP_OK) {
        json_t *change = NULL;
        sp_arena_reset(&arena);
        status = sp_rpc_stream_receive(stream, &arena, &bytes, error);
        if (status == SP_OK)
            status = cli_unpack_json("Admin/WatchChanges", bytes, &arena, &change, error);
        if (status == SP_OK)
            show_one(call, change);
        json_decref(change);
    }
    sp_rpc_stream_close(stream);
    sp_arena_fini(&arena);
    return status == SP_ERR_OUT_OF_RANGE && error->status == SP_OK ? SP_OK : status;
}

int cli_run_changes(struct cli_call *call) {
    struct sp_error error = {0};
    struct sp_rpc_client *client = NULL;
    json_t *rows = json_array();
    enum sp_status status = cli_open_admin(call, &client, &error);
    if (status == SP_OK && cli_local_flag(call, "follow"))
        status = follow(call, client, &error);
    else if (status == SP_OK && (status = fetch(call, client, rows, &error)) == SP_OK)
        show(call, rows);
    sp_rpc_client_close(client);
    json_decref(rows);
    return status == SP_OK ? CLI_OK : cli_complain(&error);
}
