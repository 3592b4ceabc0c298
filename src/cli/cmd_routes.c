/* sallyport routes … */
#include <stdlib.h>
#include <string.h>

#include "cli/command_rows.h"
#include "cli/connection.h"
#include "cli/file.h"
#include "cli/openapi_routes.h"
#include "cli/print.h"
#include "cli/report.h"
#include "cli/route_text.h"
#include "core/route_match.h"
#include "core/schema.h"

/* Requests are matched here, with the same matcher that sallyportd uses. */

enum { ARENA_FIRST_BYTES = 1 << 20, ARENA_BUDGET_BYTES = 64 << 20 };

static enum sp_status read_schema_file(const char *path, struct sp_arena *arena, struct sp_schema *ret_schema,
                                       struct sp_error *error) {
    struct sp_error why = {0};
    char *text = NULL;
    size_t size = 0;
    enum sp_status status = sp_cli_read_file(path, SP_SCHEMA_MAX_BYTES, &text, &size, error);
    if (status != SP_OK)
        return status;
    status = sp_schema_parse((struct sp_str){text, size}, arena, ret_schema, &why);
    free(text);
    if (status != SP_OK)
        return sp_error_set(error, status, "%s: %s", path, why.message);
    return SP_OK;
}

static enum sp_status fetch_schema(struct cli_call *call, struct sp_arena *arena, struct sp_schema *ret_schema,
                                   struct sp_error *error) {
    json_t *reply = NULL;
    enum sp_status status = sp_cli_call_once(call, "Admin/GetSchema", call->request, &reply, error);
    if (status != SP_OK)
        return status;
    const json_t *yaml = json_object_get(reply, "yaml");
    struct sp_str text = {json_string_value(yaml), json_string_length(yaml)};
    status = sp_schema_parse_stored(text, arena, ret_schema, error);
    json_decref(reply);
    return status;
}

static enum sp_status load_schema_for_routes(struct cli_call *call, struct sp_arena *arena,
                                             struct sp_schema *ret_schema, struct sp_error *error) {
    const char *path = sp_cli_local(call, "file");
    if (sp_arena_init(arena, ARENA_FIRST_BYTES, ARENA_BUDGET_BYTES) != SP_OK)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    enum sp_status status =
        path != NULL ? read_schema_file(path, arena, ret_schema, error) : fetch_schema(call, arena, ret_schema, error);
    if (status != SP_OK)
        sp_arena_fini(arena);
    return status;
}

static int print_no_route(const struct cli_call *call, const struct sp_route_match *match) {
    if (strcmp(call->output, "table") == 0) {
        (void)printf("No route: %s\n", match->why);
        return CLI_DENIED;
    }
    json_t *json = json_pack("{s:s, s:s}", "outcome", sp_cli_route_outcome_name(match->outcome), "why", match->why);
    sp_cli_print_reply(call->output, json, stdout);
    json_decref(json);
    return CLI_DENIED;
}

static int print_route(const struct cli_call *call, const struct sp_schema *schema,
                       const struct sp_route_match *match) {
    json_t *json = sp_cli_describe_route(schema, match->route, match->id);
    if (json == NULL)
        return sp_cli_report_error(call, &(struct sp_error){.status = SP_ERR_MEMORY, .message = "out of memory"});
    if (strcmp(call->output, "table") == 0) {
        (void)printf("%.*s %.*s\n", SP_STR_ARG(match->route->method), SP_STR_ARG(match->route->path));
        sp_cli_print_lines(sp_cli_route_in_words(json),
                           "  line=line,  action=action:raw,  resource=resource:raw,  permission=permission:raw,"
                           "  least role=role:raw",
                           stdout);
    } else {
        (void)json_object_set_new(json, "outcome", json_string(sp_cli_route_outcome_name(match->outcome)));
        sp_cli_print_reply(call->output, json, stdout);
    }
    json_decref(json);
    return CLI_OK;
}

static int run_routes_test(struct cli_call *call) {
    struct sp_error error = {0};
    struct sp_arena arena;
    struct sp_schema schema;
    char scratch[SP_ROUTE_SCRATCH_BYTES];
    if (load_schema_for_routes(call, &arena, &schema, &error) != SP_OK)
        return sp_cli_report_error(call, &error);
    const char *host = sp_cli_local(call, "host");
    const struct sp_route_request request = {.method = sp_str_from(sp_cli_local(call, "method")),
                                             .host = sp_str_from(host != NULL ? host : ""),
                                             .target = sp_str_from(sp_cli_local(call, "path"))};
    struct sp_route_match match = sp_routes_match(schema.matcher, &request, scratch);
    int result = match.outcome == SP_ROUTE_FOUND ? print_route(call, &schema, &match) : print_no_route(call, &match);
    sp_arena_fini(&arena);
    return result;
}

static int run_routes_list(struct cli_call *call) {
    struct sp_error error = {0};
    struct sp_arena arena;
    struct sp_schema schema;
    if (load_schema_for_routes(call, &arena, &schema, &error) != SP_OK)
        return sp_cli_report_error(call, &error);
    json_t *rows = sp_cli_list_routes(&schema, call->limit, strcmp(call->output, "table") == 0);
    sp_arena_fini(&arena);
    if (rows == NULL) {
        (void)sp_error_set(&error, SP_ERR_MEMORY, "out of memory");
        return sp_cli_report_error(call, &error);
    }
    sp_cli_print_rows(call->output, call->wide, rows,
                      "METHOD=method:raw,~PATH=path:raw,~ACTION=action:raw,+RESOURCE=resource:raw,"
                      "~PERMISSION=permission:raw,+LEAST ROLE=role:raw",
                      stdout);
    json_decref(rows);
    return CLI_OK;
}

/* ---- import ---- */

enum { MAP_MAX_BYTES = 4 * 1024 * 1024, IMPORT_BUDGET_BYTES = 512 << 20 };

static enum sp_status import_files(const struct cli_call *call, struct sp_openapi_import *import, char **document,
                                   char **map, struct sp_error *error) {
    enum sp_status status =
        sp_cli_read_file(import->document_name, SP_OPENAPI_MAX_BYTES, document, &import->document.size, error);
    if (status != SP_OK)
        return status;
    import->document.data = *document;
    if (import->map_name != NULL) {
        status = sp_cli_read_file(import->map_name, MAP_MAX_BYTES, map, &import->map.size, error);
        if (status != SP_OK)
            return status;
        import->map.data = *map;
    }
    import->prefix = sp_cli_local(call, "prefix");
    import->host = sp_cli_local(call, "host");
    return sp_cli_import_openapi(import, stdout, stderr, error);
}

static int run_routes_import(struct cli_call *call) {
    struct sp_error error = {0};
    struct sp_arena arena;
    char *document = NULL, *map = NULL;
    struct sp_openapi_import import = {
        .document_name = sp_cli_local(call, "document"), .map_name = sp_cli_local(call, "map"), .arena = &arena};
    if (sp_arena_init(&arena, ARENA_FIRST_BYTES, IMPORT_BUDGET_BYTES) != SP_OK) {
        (void)sp_error_set(&error, SP_ERR_MEMORY, "out of memory");
        return sp_cli_report_error(call, &error);
    }
    enum sp_status status = import_files(call, &import, &document, &map, &error);
    sp_arena_fini(&arena);
    free(document);
    free(map);
    return status == SP_OK ? CLI_OK : sp_cli_report_error(call, &error);
}

#define CLI_ACTS_UNLESS_FILE                                                                                           \
    "the key of a workspace's admin that permits workspace_read, or an operator's key; with --file, no key"
#define SCHEMA_FILE                                                                                                    \
    {                                                                                                                  \
        .name = "file", .kind = CLI_LOCAL, .value = "FILE",                                                            \
        .help = "read the schema from this file (- for standard input), not from sallyport-sync"                       \
    }

const struct cli_command sp_cli_routes_commands[] = {
    {.noun = "routes",
     .verb = "test",
     .summary = "Show which route a request matches, or why none does.",
     .details = "Exit status: 0 a route matches, 1 none does.",
     .acts = CLI_ACTS_UNLESS_FILE,
     .example = "  sallyport routes test POST /v1/text-to-speech/rachel\n"
                "  sallyport routes test GET '/v1/voices/rachel?with_settings=1' --file schema.yaml",
     .positionals = {{.name = "method", .kind = CLI_LOCAL, .value = "METHOD", .help = "HTTP method", .required = true},
                     {.name = "path",
                      .kind = CLI_LOCAL,
                      .value = "PATH",
                      .help = "path as sent: percent-encoded, with its query",
                      .required = true}},
     .options = {SCHEMA_FILE,
                 {.name = "host",
                  .kind = CLI_LOCAL,
                  .value = "HOST",
                  .help = "host of the request; required if any route names one"}},
     .run = run_routes_test},
    {.noun = "routes",
     .verb = "list",
     .summary = "List the routes of the schema with what each requires.",
     .acts = CLI_ACTS_UNLESS_FILE,
     .example = "  sallyport routes list\n"
                "  sallyport routes list --file schema.yaml -o ndjson",
     .options = {SCHEMA_FILE},
     .run = run_routes_list},
    {.noun = "routes",
     .verb = "import",
     .summary = "Write routes from an OpenAPI 3 document, without a server.",
     .details = "An operation leads where the mapping file (\"GET /path: ACTION TYPE/ID\" or \"operationId: ACTION "
                "TYPE/ID\") or its own x-sallyport-route says; \"none\" leaves it out. Others become comments.",
     .acts = "no key",
     .example = "  sallyport routes import openapi.yaml --map map.yaml > routes.yaml\n"
                "  sallyport routes import openapi.json --prefix /v1 --host api.example.com",
     .positionals = {{.name = "document",
                      .kind = CLI_LOCAL,
                      .value = "FILE",
                      .help = "OpenAPI 3 document, in YAML or JSON; - for standard input",
                      .required = true}},
     .options =
         {{.name = "map", .kind = CLI_LOCAL, .value = "FILE", .help = "mapping file: where operations lead"},
          {.name = "prefix",
           .kind = CLI_LOCAL,
           .value = "PATH",
           .help = "path before all others; default: that of the document's first server"},
          {.name = "host", .kind = CLI_LOCAL, .value = "HOST", .help = "host of the routes; default: all hosts"}},
     .run = run_routes_import},
    {.noun = NULL},
};
