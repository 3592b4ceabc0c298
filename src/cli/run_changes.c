/* The audit trail, as it is and as it grows. */
#include <stdlib.h>
#include <string.h>

#include "cli/connection.h"
#include "cli/print.h"
#include "cli/run.h"
#include "cli/single_call.h"

enum { THINGS_SHOWN = 8 };

/* "key narrator-1, -grant voice/rachel/studio": what the change touched, for people. */
static void add_things(json_t *change) {
    char *things = NULL;
    size_t size = 0, i;
    json_t *entity;
    FILE *out = open_memstream(&things, &size);
    if (out == NULL)
        return;
    json_array_foreach(json_object_get(change, "entities"), i, entity) {
        if (i == THINGS_SHOWN) {
            (void)fprintf(out, " and %zu more", json_array_size(json_object_get(change, "entities")) - i);
            break;
        }
        char *kind = cli_text_of(entity, "kind");
        const char *id = json_string_value(json_object_get(entity, "id"));
        (void)fprintf(out, "%s%s%s", i > 0 ? ", " : "", json_is_true(json_object_get(entity, "deleted")) ? "-" : "",
                      kind != NULL ? kind : "");
        if (id != NULL && id[0] != '\0')
            (void)fprintf(out, " %s", id);
        free(kind);
    }
    if (fclose(out) == 0)
        (void)json_object_set_new(change, "things", json_string(things));
    free(things);
}

/* "operator:admin", as the audit trail names them; principals by their id. */
static void add_who(json_t *change) {
    const char *kind = json_string_value(cli_at(change, "actor.kind"));
    const char *id = json_string_value(cli_at(change, "actor.id"));
    const char *before = kind == NULL                          ? ""
                         : strcmp(kind, "ACTOR_OPERATOR") == 0 ? "operator:"
                         : strcmp(kind, "ACTOR_OFFLINE") == 0  ? "offline:"
                                                               : "";
    (void)json_object_set_new(change, "who", json_sprintf("%s%s", before, id != NULL ? id : ""));
}

static void show_table(const struct cli_call *call, json_t *changes) {
    size_t i;
    json_t *change;
    json_array_foreach(changes, i, change) {
        add_things(change);
        add_who(change);
    }
    cli_print_table(changes, call->command->columns, stdout);
}

/* One change as it comes: its line cannot know how wide later ones will be. */
static void show_one(const struct cli_call *call, json_t *change) {
    static const char *const cells[] = {"revision.number:raw", "time:time", "who:raw", "method:raw", "things:raw"};
    if (strcmp(call->output, "table") != 0) {
        cli_print_line(change, stdout);
    } else {
        add_things(change);
        add_who(change);
        for (size_t i = 0; i < sizeof(cells) / sizeof(cells[0]); i++) {
            char *cell = cli_text_of(change, cells[i]);
            (void)printf("%s%s", i > 0 ? "  " : "", cell != NULL ? cell : "");
            free(cell);
        }
        (void)putchar('\n');
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

static enum sp_status list(struct cli_call *call, struct sp_rpc_client *client, struct sp_error *error) {
    json_t *rows = NULL;
    enum sp_status status = cli_list(call, client, &rows, error);
    if (status != SP_OK)
        return status;
    if (strcmp(call->output, "table") == 0)
        show_table(call, rows);
    else if (strcmp(call->output, "json") == 0)
        cli_print_json(rows, stdout);
    json_decref(rows);
    return SP_OK;
}

int cli_run_changes(struct cli_call *call) {
    struct sp_error error = {0};
    struct sp_rpc_client *client = NULL;
    enum sp_status status = cli_open_admin(call, &client, &error);
    if (status == SP_OK)
        status = cli_local_flag(call, "follow") ? follow(call, client, &error) : list(call, client, &error);
    sp_rpc_client_close(client);
    return status == SP_OK ? CLI_OK : cli_complain(call, &error);
}
