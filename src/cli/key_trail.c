#include "cli/key_trail.h"

#include <string.h>

#include "cli/change_text.h"
#include "cli/command_rows.h"
#include "cli/connection.h"
#include "cli/json_path.h"
#include "cli/print.h"
#include "cli/report.h"
#include "cli/single_call.h"

/* As `changes --actor KEY --descendants`. */
static enum sp_status read_key_trail(const struct cli_call *call, struct sp_rpc_client *client, const json_t *reply,
                                     json_t **ret_changes, struct sp_error *error) {
    struct cli_call trail = *call;
    trail.command = sp_cli_trail_commands;
    trail.output = "json"; /* all rows, none of which is printed */
    trail.limit = 0;
    trail.request = json_pack("{s:O,s:O,s:b}", "workspace", sp_cli_at(reply, "apiKey.workspace"), "actor",
                              sp_cli_at(reply, "apiKey.id"), "actorDescendants", true);
    if (trail.request == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    enum sp_status status = sp_cli_list(&trail, client, ret_changes, error);
    json_decref(trail.request);
    return status;
}

static void print_key_trail(json_t *changes) {
    size_t i;
    json_t *change;
    if (json_array_size(changes) == 0) {
        (void)puts("\nThe audit trail shows no changes made with the key or its descendants.");
        return;
    }
    (void)puts("\nChanges made with the key and its descendants stay in effect. Review each:");
    json_array_foreach(changes, i, change) {
        sp_cli_add_change_texts(change);
    }
    sp_cli_print_rows("table", false, changes, sp_cli_trail_commands[0].columns, stdout);
}

static void note_missing_trail(const struct sp_error *error) {
    (void)fprintf(stderr,
                  "The key is disabled, but the changes made with it cannot be read (%s). Review them with `sallyport "
                  "changes --actor KEY --descendants`.\n",
                  error->message);
}

static void show_key_and_trail(const struct cli_call *call, json_t *reply, json_t *changes) {
    if (strcmp(call->output, "table") == 0) {
        sp_cli_show_reply(call, reply);
        print_key_trail(changes);
        return;
    }
    (void)json_object_set(reply, "changes", changes);
    sp_cli_show_reply(call, reply);
}

int sp_cli_disable_and_show_trail(struct cli_call *call) {
    struct sp_error error = {0};
    struct sp_rpc_client *client = NULL;
    json_t *reply = NULL, *changes = NULL;
    if (sp_cli_open_admin(call, &client, &error) != SP_OK)
        return sp_cli_report_error(call, &error);
    if (sp_cli_call_json(client, "Admin/DisableApiKey", call->request, &reply, &error) != SP_OK) {
        sp_rpc_client_close(client);
        return sp_cli_report_error(call, &error);
    }
    if (read_key_trail(call, client, reply, &changes, &error) == SP_OK) {
        show_key_and_trail(call, reply, changes);
    } else {
        sp_cli_show_reply(call, reply);
        note_missing_trail(&error);
    }
    json_decref(changes);
    json_decref(reply);
    sp_rpc_client_close(client);
    return CLI_OK;
}
