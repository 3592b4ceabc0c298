/* sallyport share … */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command_rows.h"
#include "cli/file.h"
#include "cli/json_path.h"
#include "cli/report.h"
#include "cli/single_call.h"
#include "sallyport/v1/admin.pb-c.h"
#include "wire/json_read.h"
#include "wire/json_text.h"

/* The line as an object that is a ShareUpdate, so that an error can name the line. */
static enum sp_status read_share(struct sp_str line, struct sp_arena *arena, json_t **ret_json,
                                 struct sp_error *error) {
    json_t *json = NULL;
    ProtobufCMessage *message;
    enum sp_status status = sp_json_parse_line(line, &json, error);
    if (status != SP_OK)
        return status;
    sp_arena_reset(arena);
    status = sp_json_to_message(&sallyport__v1__share_update__descriptor, json, arena, &message, error);
    if (status != SP_OK) {
        json_decref(json);
        return status;
    }
    *ret_json = json;
    return SP_OK;
}

/* One share a line; empty lines are skipped. */
static enum sp_status read_shares(FILE *file, const char *path, struct sp_arena *arena, json_t *array, json_t *places,
                                  struct sp_error *error) {
    char *line = NULL;
    size_t room = 0, number = 0;
    ssize_t size;
    enum sp_status status = SP_OK;
    while ((size = getline(&line, &room, file)) > 0) {
        json_t *json = NULL;
        struct sp_error why = {0};
        number++;
        if (strspn(line, " \t\r\n") == (size_t)size)
            continue;
        status = read_share((struct sp_str){line, (size_t)size}, arena, &json, &why);
        if (status != SP_OK) {
            (void)sp_error_set(error, status, "%s: line %zu: %s", path, number, why.message);
            goto out;
        }
        if (json_array_append_new(array, json) != 0 ||
            json_array_append_new(places, json_sprintf("%s, line %zu", path, number)) != 0) {
            status = sp_error_set(error, SP_ERR_MEMORY, "out of memory");
            goto out;
        }
    }
    if (ferror(file) != 0)
        status = sp_error_set(error, SP_ERR_IO, "cannot read %s: %s", path, strerror(errno));
    else if (json_array_size(array) == 0)
        status = sp_error_set(error, SP_ERR_INVALID, "%s contains no shares", path);
out:
    free(line);
    return status;
}

/* Puts the file's shares into the request. */
static enum sp_status put_shares(struct cli_call *call, struct sp_error *error) {
    struct sp_arena arena;
    FILE *file = NULL;
    const char *path = sp_cli_local(call, "file");
    json_t *updates = json_array(), *places = json_array();
    if (updates == NULL || json_object_set_new(call->local, SP_CLI_PLACES, places) != 0 ||
        sp_cli_put(call->request, "updates", updates, false) != SP_OK || sp_arena_init(&arena, 4096, 1 << 20) != SP_OK)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    enum sp_status status = sp_cli_open_file(path, &file, error);
    if (status != SP_OK)
        goto out;
    status = read_shares(file, path, &arena, updates, places, error);
    sp_cli_close(file);
out:
    sp_arena_fini(&arena);
    return status;
}

static int run_share_apply(struct cli_call *call) {
    struct sp_error error = {0};
    if (put_shares(call, &error) != SP_OK)
        return sp_cli_report_error(call, &error);
    return sp_cli_run_single_call(call);
}

/* Rows that several commands here have. */
#define SUBJECT_GROUP                                                                                                  \
    { .name = "group", .kind = CLI_TEXT, .path = "subject.group", .value = "ID", .help = "group of the share" }
#define SUBJECT_PRINCIPAL                                                                                              \
    {                                                                                                                  \
        .name = "principal", .kind = CLI_TEXT, .path = "subject.principal", .value = "ID",                             \
        .help = "user or service account of the share"                                                                 \
    }

const struct cli_command sp_cli_share_commands[] = {
    {.noun = "share",
     .verb = "add",
     .summary = "Share a resource with a group or principal, or change the role of a share.",
     .method = "ShareResource",
     .mutation = true,
     .main = "grant",
     .columns = "resource=resource,with=subject,role=role",
     .example = "  sallyport share add voice/rachel --group studio --role viewer",
     .one_of = "group|principal",
     .positionals = {CLI_RESOURCE_ARGUMENT},
     .options = {SUBJECT_GROUP,
                 SUBJECT_PRINCIPAL,
                 {.name = "role",
                  .kind = CLI_ENUM,
                  .path = "role",
                  .prefix = "ROLE_",
                  .choices = "viewer|commenter|editor|admin",
                  .value = "ROLE",
                  .help = "viewer, commenter, editor or admin",
                  .required = true},
                 CLI_WORKSPACE("workspace")}},
    {.noun = "share",
     .verb = "remove",
     .summary = "Remove a share.",
     .method = "UnshareResource",
     .mutation = true,
     .example = "  sallyport share remove voice/rachel --group studio",
     .one_of = "group|principal",
     .positionals = {CLI_RESOURCE_ARGUMENT},
     .options = {SUBJECT_GROUP, SUBJECT_PRINCIPAL, CLI_WORKSPACE("workspace")}},
    {.noun = "share",
     .verb = "list",
     .summary = "List the shares of a resource, or those of a group or principal.",
     .method = "ListShares",
     .list = "grants",
     .columns = "~RESOURCE=resource,~WITH=subject,ROLE=role,+CREATOR=creator,SINCE=grantedAt:time",
     .example = "  sallyport share list voice/rachel\n"
                "  sallyport share list --group studio",
     .one_of = "resource|group|principal",
     .positionals =
         {{.name = "resource", .kind = CLI_RESOURCE, .path = "resource", .value = "TYPE/ID", .help = "the resource"}},
     .options = {{.name = "resource",
                  .kind = CLI_RESOURCE,
                  .path = "resource",
                  .value = "TYPE/ID",
                  .help = "the same as the argument"},
                 SUBJECT_GROUP,
                 SUBJECT_PRINCIPAL,
                 CLI_WORKSPACE("workspace")}},
    {.noun = "share",
     .verb = "apply",
     .summary = "Add and remove many shares in one atomic change, from a file of JSON lines.",
     .method = "UpdateShares",
     .mutation = true,
     .details = "A line: {\"resource\":{\"type\":\"voice\",\"id\":\"rachel\"}, \"subject\":{\"group\":\"studio\"}, "
                "\"role\":\"ROLE_VIEWER\"}",
     .example = "  sallyport share apply moves.ndjson",
     .positionals = {{.name = "file",
                      .kind = CLI_LOCAL,
                      .fills = "updates",
                      .value = "FILE",
                      .help =
                          "one {\"resource\":…,\"subject\":…,\"role\":…} per line, up to 1,000; without a role, the "
                          "share is removed; - for standard input",
                      .required = true}},
     .options = {CLI_WORKSPACE("workspace")},
     .run = run_share_apply},
    {.noun = NULL},
};
