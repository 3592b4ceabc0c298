/* sallyport schema … */
#include <stdlib.h>
#include <string.h>

#include "cli/command_rows.h"
#include "cli/connection.h"
#include "cli/file.h"
#include "cli/json_path.h"
#include "cli/print.h"
#include "cli/report.h"
#include "core/schema.h"

static int run_schema_get(struct cli_call *call) {
    struct sp_error error = {0};
    json_t *reply = NULL;
    if (sp_cli_call_once(call, "Admin/GetSchema", call->request, &reply, &error) != SP_OK)
        return sp_cli_report_error(call, &error);
    if (strcmp(call->output, "table") == 0)
        (void)fputs(json_string_value(json_object_get(reply, "yaml")), stdout);
    else
        sp_cli_print_reply(call->output, reply, stdout);
    json_decref(reply);
    return CLI_OK;
}

static void print_titled_list(const char *title, const json_t *words) {
    size_t i;
    json_t *word;
    if (json_array_size(words) > 0)
        (void)printf("%s\n", title);
    json_array_foreach(words, i, word) {
        (void)printf("  %s\n", json_string_value(word));
    }
}

static void print_schema_changes(struct cli_call *call, const json_t *reply) {
    bool dry = json_is_true(json_object_get(call->request, "dryRun"));
    const json_t *changes = json_object_get(reply, "changes");
    if (json_array_size(changes) == 0)
        (void)puts("No changes: the file matches the schema in force.");
    print_titled_list(dry ? "Would change:" : "Changed:", changes);
    print_titled_list(dry ? "In use; removing these requires --force:" : "Were in use, and now grant nothing:",
                      json_object_get(reply, "inUse"));
    print_titled_list("Warning:", json_object_get(reply, "warnings"));
}

/* Puts the file's text into the request. */
static enum sp_status put_schema_text(struct cli_call *call, struct sp_error *error) {
    char *text = NULL;
    size_t size = 0;
    enum sp_status status = sp_cli_read_file(sp_cli_local(call, "file"), SP_SCHEMA_MAX_BYTES, &text, &size, error);
    if (status != SP_OK)
        return status;
    json_t *yaml = json_stringn(text, size);
    free(text);
    if (yaml == NULL)
        return sp_error_set(error, SP_ERR_INVALID, "%s is not UTF-8", sp_cli_local(call, "file"));
    if (sp_cli_put(call->request, "yaml", yaml, false) != SP_OK)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    return SP_OK;
}

/* A dry run fails where the put would. */
static enum sp_status check_dry_run(const struct cli_call *call, const json_t *reply, struct sp_error *error) {
    size_t in_use = json_array_size(json_object_get(reply, "inUse"));
    bool dry = json_is_true(json_object_get(call->request, "dryRun"));
    if (!dry || in_use == 0 || json_is_true(json_object_get(call->request, "force")))
        return SP_OK;
    return sp_error_set(error, SP_ERR_PRECONDITION,
                        "the schema would be refused: %zu removed name%s still in use; --force removes %s anyway",
                        in_use, in_use == 1 ? " is" : "s are", in_use == 1 ? "it" : "them");
}

/* What the server says of a place in the text. */
static void name_schema_file(const struct cli_call *call, struct sp_error *error) {
    char why[sizeof(error->message)];
    if (error->status != SP_ERR_INVALID || !sp_str_begins_with(sp_str_from(error->message), SP_STR_LITERAL("line ")))
        return;
    memcpy(why, error->message, sizeof(why));
    (void)sp_error_set(error, error->status, "%s: %s", sp_cli_local(call, "file"), why);
}

static int run_schema_put(struct cli_call *call) {
    struct sp_error error = {0};
    json_t *reply = NULL;
    if (put_schema_text(call, &error) != SP_OK)
        return sp_cli_report_error(call, &error);
    if (sp_cli_call_once(call, "Admin/PutSchema", call->request, &reply, &error) != SP_OK) {
        name_schema_file(call, &error);
        return sp_cli_report_error(call, &error);
    }
    if (strcmp(call->output, "table") == 0)
        print_schema_changes(call, reply);
    else
        sp_cli_print_reply(call->output, reply, stdout);
    enum sp_status status = check_dry_run(call, reply, &error);
    json_decref(reply);
    return status == SP_OK ? CLI_OK : sp_cli_report_error(call, &error);
}

/* "FILE:LINE:COLUMN: what", a line each, and how many more there are. */
static void print_findings(const char *path, const struct sp_schema_findings *findings) {
    for (size_t i = 0; i < findings->count && i < SP_SCHEMA_FINDINGS_MAX; i++) {
        const struct sp_schema_finding *finding = &findings->items[i];
        (void)fprintf(stderr, "%s:%zu:%zu: %s", path, finding->line, finding->column,
                      finding->warning ? "warning: " : "");
        sp_cli_put_text(finding->what, stderr);
        (void)fputc('\n', stderr);
    }
    if (findings->count > SP_SCHEMA_FINDINGS_MAX)
        (void)fprintf(stderr, "… and %zu more\n", findings->count - SP_SCHEMA_FINDINGS_MAX);
}

static enum sp_status check_schema_text(const char *path, struct sp_str text, struct sp_arena *arena,
                                        struct sp_error *error) {
    struct sp_schema_findings findings;
    struct sp_schema schema;
    enum sp_status status = sp_schema_check(text, arena, &findings, &schema);
    if (status == SP_ERR_MEMORY)
        return sp_error_set(error, status, "out of memory");
    print_findings(path, &findings);
    if (status != SP_OK)
        return sp_error_set(error, status, "%s: %zu error%s", path, findings.error_count,
                            findings.error_count == 1 ? "" : "s");
    (void)printf("%s: %zu permissions, %zu types, %zu routes\n", path, schema.permission_count, schema.type_count,
                 schema.route_count);
    return SP_OK;
}

static int run_schema_check(struct cli_call *call) {
    struct sp_error error = {0};
    struct sp_arena arena;
    char *text = NULL;
    size_t size = 0;
    const char *path = sp_cli_local(call, "file");
    if (sp_cli_read_file(path, SP_SCHEMA_MAX_BYTES, &text, &size, &error) != SP_OK)
        return sp_cli_report_error(call, &error);
    if (sp_arena_init(&arena, 1 << 20, 256 << 20) != SP_OK) {
        free(text);
        (void)sp_error_set(&error, SP_ERR_MEMORY, "out of memory");
        return sp_cli_report_error(call, &error);
    }
    enum sp_status status = check_schema_text(path, (struct sp_str){text, size}, &arena, &error);
    sp_arena_fini(&arena);
    free(text);
    return status == SP_OK ? CLI_OK : sp_cli_report_error(call, &error);
}

const struct cli_command sp_cli_schema_commands[] = {
    {.noun = "schema",
     .verb = "get",
     .summary = "Print the schema in force.",
     .method = "GetSchema",
     .example = "  sallyport schema get > schema.yaml",
     .run = run_schema_get},
    {.noun = "schema",
     .verb = "put",
     .summary = "Replace the schema in force.",
     .method = "PutSchema",
     .mutation = true,
     .example = "  sallyport schema put schema.yaml --dry-run\n"
                "  sallyport schema put schema.yaml",
     .positionals = {{.name = "file",
                      .kind = CLI_LOCAL,
                      .fills = "yaml",
                      .value = "FILE",
                      .help = "schema file; - for standard input",
                      .required = true}},
     .options = {{.name = "dry-run",
                  .kind = CLI_FLAG,
                  .path = "dryRun",
                  .help = "show what would change, without changing it"},
                 {.name = "force",
                  .kind = CLI_FLAG,
                  .path = "force",
                  .help = "remove names even if keys, resources or shares use them; they then grant nothing"}},
     .run = run_schema_put},
    {.noun = "schema",
     .verb = "check",
     .summary = "Show all errors of a schema file, without a server.",
     .details = "Exit status: 0 no errors, perhaps warnings; 2 errors.",
     .acts = "no key",
     .example = "  sallyport schema check schema.yaml",
     .positionals = {{.name = "file",
                      .kind = CLI_LOCAL,
                      .value = "FILE",
                      .help = "schema file; - for standard input",
                      .required = true}},
     .run = run_schema_check},
    {.noun = NULL},
};
