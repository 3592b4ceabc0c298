/* sallyport changes */
#include <string.h>

#include "base/clock.h"
#include "cli/change_text.h"
#include "cli/command_rows.h"
#include "cli/connection.h"
#include "cli/print.h"
#include "cli/report.h"
#include "cli/single_call.h"

static void show_change(const struct cli_call *call, json_t *change) {
    if (strcmp(call->output, "table") == 0) {
        sp_cli_add_change_texts(change);
        sp_cli_print_change(change, stdout);
    } else {
        sp_cli_print_line(change, stdout);
    }
    (void)fflush(stdout);
}

/* So that a stream that is opened again goes on behind it. */
static void note_shown_change(struct cli_call *call, json_t *change) {
    (void)json_object_del(call->request, "fromOldest");
    (void)json_object_del(call->request, "fromNumber");
    (void)json_object_set(call->request, "since", json_object_get(change, "revision"));
}

static enum sp_status show_next_change(struct cli_call *call, struct sp_rpc_stream *stream, struct sp_arena *arena,
                                       struct sp_error *error) {
    struct sp_bytes bytes;
    json_t *change = NULL;
    sp_arena_reset(arena);
    enum sp_status status = sp_rpc_stream_receive(stream, arena, &bytes, error);
    if (status != SP_OK)
        return status;
    status = sp_cli_unpack_json("Admin/WatchChanges", bytes, arena, &change, error);
    if (status != SP_OK)
        return status;
    note_shown_change(call, change);
    show_change(call, change);
    json_decref(change);
    return SP_OK;
}

/* Until the stream ends. */
static enum sp_status watch_changes(struct cli_call *call, struct sp_rpc_client *client, struct sp_arena *arena,
                                    struct sp_error *error) {
    struct sp_rpc_stream *stream = NULL;
    enum sp_status status = sp_cli_open_stream(client, "Admin/WatchChanges", call->request, &stream, error);
    if (status != SP_OK)
        return status;
    do
        status = show_next_change(call, stream, arena, error);
    while (status == SP_OK);
    if (status == SP_STREAM_END)
        status =
            sp_error_set(error, SP_ERR_UNAVAILABLE, "the server ended the call: follow again from the last change");
    sp_rpc_stream_close(stream);
    return status;
}

/* Servers end streams at an age, and when they stop: then it goes on with the next, behind the last
 * change. What did not work before is not tried again. */
static enum sp_status follow_changes(struct cli_call *call, struct sp_rpc_client *client, struct sp_error *error) {
    enum { CONNECT_MS = 10 * 1000, WORKED_MS = 500, PAUSE_MS = 1000, PATIENCE_MS = 60 * 1000 };
    struct sp_arena arena;
    enum sp_status status;
    int64_t give_up_ms = 0;
    if (sp_arena_init(&arena, 1 << 16, (size_t)64 << 20) != SP_OK)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    for (;;) {
        bool connected = sp_rpc_client_connect(client, CONNECT_MS);
        int64_t begin_ms = sp_clock_monotonic_ms();
        status = watch_changes(call, client, &arena, error);
        int64_t now_ms = sp_clock_monotonic_ms();
        if (connected && now_ms - begin_ms > WORKED_MS)
            give_up_ms = now_ms + PATIENCE_MS;
        if (status != SP_ERR_UNAVAILABLE || now_ms >= give_up_ms)
            break;
        sp_clock_sleep_ms(PAUSE_MS);
    }
    sp_arena_fini(&arena);
    return status;
}

static enum sp_status show_all_changes(struct cli_call *call, struct sp_rpc_client *client, struct sp_error *error) {
    json_t *rows = NULL, *change;
    size_t i;
    enum sp_status status = sp_cli_list(call, client, &rows, error);
    if (status != SP_OK)
        return status;
    if (strcmp(call->output, "table") == 0) {
        json_array_foreach(rows, i, change) {
            sp_cli_add_change_texts(change);
        }
    }
    sp_cli_print_rows(call->output, call->wide, rows, call->command->columns, stdout);
    json_decref(rows);
    return SP_OK;
}

/* Both lists and watches begin with the oldest change kept unless something else is asked for. */
static enum sp_status check_start(const struct cli_call *call, struct sp_error *error) {
    bool from = json_object_get(call->request, "fromNumber") != NULL;
    bool since = json_object_get(call->request, "since") != NULL;
    bool follow = sp_cli_local_flag(call, "follow");
    if (from && since)
        return sp_error_set(error, SP_ERR_INVALID, "--from and --since cannot be combined");
    if (follow && json_object_get(call->request, "actorDescendants") != NULL)
        return sp_error_set(error, SP_ERR_INVALID, "--descendants cannot be combined with --follow");
    if (follow && !from && !since && json_object_set_new(call->request, "fromOldest", json_true()) != 0)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    return SP_OK;
}

static int run_changes(struct cli_call *call) {
    struct sp_error error = {0};
    struct sp_rpc_client *client = NULL;
    if (check_start(call, &error) != SP_OK)
        return sp_cli_report_error(call, &error);
    if (sp_cli_open_admin(call, &client, &error) != SP_OK)
        return sp_cli_report_error(call, &error);
    enum sp_status status = sp_cli_local_flag(call, "follow") ? follow_changes(call, client, &error)
                                                              : show_all_changes(call, client, &error);
    sp_rpc_client_close(client);
    if (status != SP_OK)
        return sp_cli_report_error(call, &error);
    return CLI_OK;
}

const struct cli_command sp_cli_trail_commands[] = {
    {.noun = "changes",
     .summary = "Show the audit trail: who changed what, when, and from where.",
     .method = "ListChanges",
     .list = "changes",
     .columns = "REVISION=revision,TIME=time:time,~WHO=who:raw,+FROM=address:raw,~WHAT=method:raw,"
                "~WORKSPACE=workspace:raw,~THINGS=things:raw",
     .example = "  sallyport changes\n"
                "  sallyport changes --workspace acme --from 100 -o ndjson > trail.ndjson\n"
                "  sallyport changes --follow --since 1:41 -o ndjson >> trail.ndjson\n"
                "  sallyport changes --actor key_7SV0p9OCiF2mTWS6bYZT --descendants\n"
                "  sallyport changes --object voice/rachel --since-time 2026-11-01\n"
                "  sallyport changes --actor operator:alice --kind api-key",
     .options = {{.name = "from",
                  .kind = CLI_NUMBER,
                  .path = "fromNumber",
                  .value = "REVISION",
                  .help = "start at this revision number (default: the oldest kept)"},
                 {.name = "since",
                  .kind = CLI_REVISION,
                  .path = "since",
                  .value = "EPOCH:NUMBER",
                  .help = "only changes after this revision, such as the last that you have"},
                 {.name = "actor",
                  .kind = CLI_TEXT,
                  .path = "actor",
                  .value = "ID",
                  .help = "only changes by this principal, operator (also operator:NAME) or key"},
                 {.name = "descendants",
                  .kind = CLI_FLAG,
                  .path = "actorDescendants",
                  .help = "also changes made with the keys that were rotated from or made by the key of --actor, and "
                          "so on"},
                 {.name = "kind",
                  .kind = CLI_ENUM,
                  .path = "kind",
                  .choices = "workspace|principal|group|membership|resource|grant|api-key|schema|operator",
                  .prefix = "ENTITY_",
                  .value = "KIND",
                  .help = "only changes that touched a thing of this kind"},
                 {.name = "object",
                  .kind = CLI_TEXT,
                  .path = "object",
                  .value = "ID",
                  .help = "only changes that touched this resource (TYPE/ID), principal, group or key"},
                 {.name = "since-time",
                  .kind = CLI_TIME,
                  .path = "sinceTime",
                  .value = "TIME",
                  .help = "only changes from this time on"},
                 {.name = "until-time",
                  .kind = CLI_TIME,
                  .path = "untilTime",
                  .value = "TIME",
                  .help = "only changes before this time"},
                 {.name = "follow",
                  .kind = CLI_LOCAL_FLAG,
                  .fills = "from_oldest",
                  .help = "after the changes there are, show new ones until Ctrl-C"},
                 CLI_WORKSPACE("workspace")},
     .run = run_changes},
    {.noun = NULL},
};
