/* sallyport apply, sallyport export */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/command_rows.h"
#include "cli/connection.h"
#include "cli/policy_export.h"
#include "cli/policy_link.h"
#include "cli/policy_show.h"
#include "cli/print.h"
#include "cli/report.h"
#include "policy/files.h"

enum { MODEL_FIRST_BYTES = 1 << 20 };
static const size_t model_budget_bytes = (size_t)4 << 30; /* some ten million shares */

/* Two policies, and what is wrong with the first. */
struct application {
    struct cli_call *call;
    struct sp_rpc_client *client;
    struct sp_arena want_arena, have_arena;
    struct sp_policy want, have;
    struct sp_policy_errors errors;
    struct sp_policy_edits edits;
    struct sp_policy_revision revision;
};

static enum sp_status open_application(struct application *application, struct sp_error *error) {
    if (sp_arena_init(&application->want_arena, MODEL_FIRST_BYTES, model_budget_bytes) != SP_OK ||
        sp_arena_init(&application->have_arena, MODEL_FIRST_BYTES, model_budget_bytes) != SP_OK)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    application->want.arena = application->errors.arena = &application->want_arena;
    application->have.arena = &application->have_arena;
    return SP_OK;
}

static void close_application(struct application *application) {
    sp_rpc_client_close(application->client);
    sp_arena_fini(&application->want_arena);
    sp_arena_fini(&application->have_arena);
}

/* ---- apply ---- */

/* A line each, and how many more there are. */
static void print_file_errors(const struct sp_policy_errors *errors) {
    for (size_t i = 0; i < errors->count && i < SP_POLICY_ERRORS_MAX; i++) {
        sp_cli_put_text(errors->texts[i], stderr);
        (void)fputc('\n', stderr);
    }
    if (errors->count > SP_POLICY_ERRORS_MAX)
        (void)fprintf(stderr, "… and %zu more\n", errors->count - SP_POLICY_ERRORS_MAX);
}

static enum sp_status refuse_file_errors(const struct application *application, struct sp_error *error) {
    size_t count = application->errors.count;
    if (count == 0)
        return SP_OK;
    print_file_errors(&application->errors);
    return sp_error_set(error, SP_ERR_INVALID, "%zu error%s in the files; nothing was changed", count,
                        count == 1 ? "" : "s");
}

static enum sp_status read_given_files(struct application *application, struct sp_error *error) {
    const json_t *given = json_object_get(application->call->local, "file");
    size_t count = json_array_size(given);
    const char **paths = sp_arena_calloc(&application->want_arena, count, sizeof(*paths));
    if (paths == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    for (size_t i = 0; i < count; i++)
        paths[i] = json_string_value(json_array_get(given, i));
    enum sp_status status = sp_policy_read_files(paths, count, &application->want, &application->errors, error);
    if (status != SP_OK)
        return status;
    return refuse_file_errors(application, error);
}

/* --workspace, else the files', else the key's. */
static enum sp_status choose_workspace(const struct application *application, const char **ret_workspace,
                                       struct sp_error *error) {
    const char *given = sp_cli_local(application->call, "workspace"), *in_files = application->want.workspace;
    if (given != NULL && in_files != NULL && strcmp(given, in_files) != 0)
        return sp_error_set(error, SP_ERR_INVALID, "the files are for workspace %s, not for %s", in_files, given);
    *ret_workspace = given != NULL ? given : in_files;
    return SP_OK;
}

static enum sp_status compare_with_store(struct application *application, const char *workspace,
                                         struct sp_error *error) {
    enum sp_status status = sp_cli_open_admin(application->call, &application->client, error);
    if (status != SP_OK)
        return status;
    const struct sp_policy_link link = sp_cli_policy_link(application->client);
    status = sp_policy_read_store(&link, workspace, &application->have, &application->revision, error);
    if (status != SP_OK)
        return status;
    status = sp_policy_diff(&application->have, &application->want, sp_cli_local_flag(application->call, "prune"),
                            &application->edits, &application->errors);
    if (status != SP_OK)
        return sp_error_set(error, status, "the difference does not fit into memory");
    return refuse_file_errors(application, error);
}

/* Whoever forgot to list themselves would lock themselves out. */
static enum sp_status check_actor_stays(const struct application *application, struct sp_error *error) {
    json_t *request = json_object(), *reply = NULL;
    enum sp_status status = sp_cli_call_json(application->client, "Admin/WhoAmI", request, &reply, error);
    json_decref(request);
    if (status != SP_OK)
        return status;
    const char *actor = json_string_value(json_object_get(json_object_get(reply, "actor"), "id"));
    for (size_t i = 0; i < application->edits.count && actor != NULL; i++) {
        const struct sp_policy_edit *edit = &application->edits.list[i];
        if (edit->kind == SP_POLICY_PRINCIPAL && edit->operation == SP_POLICY_REMOVE &&
            strcmp(((const struct sp_policy_principal *)edit->before)->id, actor) == 0)
            status =
                sp_error_set(error, SP_ERR_INVALID,
                             "the files do not list %s, whose key you use; add it, or act with another key", actor);
    }
    json_decref(reply);
    return status;
}

static bool is_for_people(const struct cli_call *call) {
    return strcmp(call->output, "table") == 0;
}

/* After the change, or instead of it. */
static void show_application(const struct application *application, size_t made) {
    const struct cli_call *call = application->call;
    if (is_for_people(call))
        return;
    json_t *json =
        json_pack("{s:o?, s:I, s:I, s:{s:I, s:I}}", "changes", sp_cli_edits_json(&application->edits), "kept",
                  (json_int_t)application->edits.kept, "made", (json_int_t)made, "revision", "epoch",
                  (json_int_t)application->revision.epoch, "number", (json_int_t)application->revision.number);
    sp_cli_print_reply(call->output, json, stdout);
    json_decref(json);
}

/* Whether somebody at the terminal agrees. */
static bool ask_to_remove(size_t count) {
    char answer[16] = "";
    (void)fprintf(stderr, "Remove %zu %s? [y/N] ", count, count == 1 ? "entry" : "entries");
    (void)fflush(stderr);
    return fgets(answer, sizeof(answer), stdin) != NULL && (answer[0] == 'y' || answer[0] == 'Y');
}

static enum sp_status agree_to_removals(const struct application *application, struct sp_error *error) {
    const struct sp_policy_edits *edits = &application->edits;
    size_t removals = edits->counts[SP_POLICY_REMOVE];
    if (edits->kept > 0 && !sp_cli_local_flag(application->call, "keep"))
        return sp_error_set(
            error, SP_ERR_INVALID,
            "the files do not list %zu %s of the workspace; nothing was changed: remove with --prune, or keep "
            "with --keep",
            edits->kept, edits->kept == 1 ? "entry" : "entries");
    enum sp_status status = removals == 0 ? SP_OK : check_actor_stays(application, error);
    if (status != SP_OK || removals == 0 || sp_cli_local_flag(application->call, "yes"))
        return status;
    if (isatty(STDIN_FILENO) == 0)
        return sp_error_set(error, SP_ERR_INVALID, "%zu %s would be removed; nothing was changed: confirm with --yes",
                            removals, removals == 1 ? "entry" : "entries");
    return ask_to_remove(removals) ? SP_OK : sp_error_set(error, SP_ERR_CANCELLED, "nothing was changed");
}

static enum sp_status make_edits(struct application *application, const char *workspace, size_t *ret_made,
                                 struct sp_error *error) {
    const struct sp_policy_change change = {
        .workspace = workspace,
        .want = &application->want,
        .edits = &application->edits,
        .in_parts = sp_cli_local_flag(application->call, "in-parts"),
        .request_id = json_string_value(json_object_get(application->call->request, "requestId"))};
    enum sp_status status = agree_to_removals(application, error);
    if (status != SP_OK || application->edits.count == 0)
        return status;
    const struct sp_policy_link link = sp_cli_policy_link(application->client);
    return sp_policy_change_store(&link, &change, &application->revision, ret_made, error);
}

static enum sp_status apply_policy(struct application *application, struct sp_error *error) {
    const struct cli_call *call = application->call;
    const char *workspace = NULL;
    size_t made = 0;
    enum sp_status status = read_given_files(application, error);
    if (status != SP_OK)
        return status;
    status = choose_workspace(application, &workspace, error);
    if (status != SP_OK)
        return status;
    status = compare_with_store(application, workspace, error);
    if (status != SP_OK)
        return status;
    if (is_for_people(call))
        sp_cli_print_edits(&application->edits, sp_cli_wants_colour(stdout), stdout);
    (void)fflush(stdout);
    if (sp_cli_local_flag(call, "dry-run")) {
        show_application(application, 0);
        (void)fprintf(stderr, "Dry run: nothing was changed.\n");
        return SP_OK;
    }
    status = make_edits(application, workspace, &made, error);
    if (status != SP_OK) {
        if (made > 0)
            (void)fprintf(stderr, "Edits made before the error: %zu; run the command again to go on\n", made);
        return status;
    }
    show_application(application, made);
    (void)fprintf(stderr, "%s at revision %" PRIu64 ":%" PRIu64 ".\n",
                  application->edits.count == 0 ? "Nothing to change" : "Applied", application->revision.epoch,
                  application->revision.number);
    return SP_OK;
}

static int run_apply(struct cli_call *call) {
    struct application application = {.call = call};
    struct sp_error error = {0};
    int result = CLI_OK;
    if (open_application(&application, &error) != SP_OK || apply_policy(&application, &error) != SP_OK)
        result = sp_cli_report_error(call, &error);
    close_application(&application);
    return result;
}

/* ---- export ---- */

static enum sp_status export_policy(struct application *application, struct sp_error *error) {
    struct cli_call *call = application->call;
    const char *workspace = NULL, *folder = sp_cli_local(call, "dir"), *updated = sp_cli_local(call, "update");
    enum sp_status status = SP_OK;
    if (folder != NULL && updated != NULL)
        return sp_error_set(error, SP_ERR_INVALID, "--dir cannot be combined with --update");
    if (updated != NULL)
        status = sp_cli_read_updated_folder(updated, &application->want, error);
    if (status == SP_OK)
        status = choose_workspace(application, &workspace, error);
    if (status == SP_OK)
        status = sp_cli_open_admin(call, &application->client, error);
    if (status != SP_OK)
        return status;
    const struct sp_policy_link link = sp_cli_policy_link(application->client);
    status = sp_policy_read_store(&link, workspace, &application->have, &application->revision, error);
    if (status != SP_OK)
        return status;
    if (updated != NULL)
        return sp_cli_update_folder(&application->have, &application->want, updated, error);
    if (folder == NULL)
        return sp_cli_export_to_stdout(&application->have, error);
    return sp_cli_export_to_folder(&application->have, folder, error);
}

static int run_export(struct cli_call *call) {
    struct application application = {.call = call};
    struct sp_error error = {0};
    int result = CLI_OK;
    if (open_application(&application, &error) != SP_OK || export_policy(&application, &error) != SP_OK)
        result = sp_cli_report_error(call, &error);
    else
        (void)fprintf(stderr, "Exported at revision %" PRIu64 ":%" PRIu64 ".\n", application.revision.epoch,
                      application.revision.number);
    close_application(&application);
    return result;
}

#define FILES_HELP "policy files, and folders of them; - for standard input"

const struct cli_command sp_cli_policy_commands[] = {
    {.noun = "apply",
     .summary = "Make a workspace's policy equal to files.",
     .details =
         "The files hold users, service accounts, groups, members, resources and shares (docs/policy.md); a kind "
         "that no file mentions is left alone. All of it is one change, and ABORTED if somebody else changes the "
         "policy meanwhile.",
     .method = "ApplyPolicy",
     .mutation = true,
     .example = "  sallyport apply -f policy/ --dry-run\n"
                "  sallyport apply -f policy/ --prune\n"
                "  sallyport apply -f users.yaml -f shares.yaml --keep",
     .positionals = {{.name = "file", .kind = CLI_LOCALS, .fills = "edits", .value = "FILE", .help = FILES_HELP}},
     .one_of = "file",
     .options =
         {{.name = "file", .kind = CLI_LOCALS, .value = "FILE", .help = "the same; short: -f"},
          {.name = "dry-run", .kind = CLI_LOCAL_FLAG, .help = "show the difference, and change nothing"},
          {.name = "prune", .kind = CLI_LOCAL_FLAG, .help = "remove what the files do not list"},
          {.name = "keep", .kind = CLI_LOCAL_FLAG, .help = "keep what the files do not list"},
          {.name = "yes", .kind = CLI_LOCAL_FLAG, .help = "do not ask before anything is removed"},
          {.name = "in-parts",
           .kind = CLI_LOCAL_FLAG,
           .help =
               "split the edits into several changes if one cannot hold them; if interrupted, run the command again"},
          {.name = "workspace",
           .kind = CLI_LOCAL,
           .fills = "workspace",
           .value = "ID",
           .help = "workspace (default: the files', else your key's)"}},
     .run = run_apply},
    {.noun = "export",
     .summary = "Write a workspace's policy as files that apply reads.",
     .method = "ExportPolicy",
     .example = "  sallyport export > acme.yaml\n"
                "  sallyport export --dir policy\n"
                "  sallyport export --update policy",
     .options = {{.name = "dir",
                  .kind = CLI_LOCAL,
                  .value = "DIR",
                  .help =
                      "write a file for each kind to this folder, which is made; files of those names are replaced"},
                 {.name = "update",
                  .kind = CLI_LOCAL,
                  .value = "DIR",
                  .help = "write into the files of this folder: entries stay in their files, and comments with them"},
                 {.name = "workspace",
                  .kind = CLI_LOCAL,
                  .fills = "workspace",
                  .value = "ID",
                  .help = "workspace (default: your key's; required for operators)"}},
     .run = run_export},
    {.noun = NULL},
};
