/* routes test and routes list: the schema in force, or one in a file, matched here with the server's own matcher. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cli/connection.h"
#include "cli/file.h"
#include "cli/print.h"
#include "cli/run.h"
#include "cli/single_call.h"
#include "core/schema.h"

enum { ARENA_FIRST_BYTES = 1 << 20, ARENA_BUDGET_BYTES = 64 << 20 };

/* ---- the schema ---- */

static enum sp_status read_offline(const char *path, struct sp_arena *arena, struct sp_schema *ret_schema,
                                   struct sp_error *error) {
    struct sp_error why = {0};
    char *text = NULL;
    size_t size = 0;
    enum sp_status status = cli_read_file(path, SP_SCHEMA_MAX_BYTES, &text, &size, error);
    if (status != SP_OK)
        return status;
    status = sp_schema_parse((struct sp_str){text, size}, arena, ret_schema, &why);
    free(text);
    return status == SP_OK ? SP_OK : sp_error_set(error, status, "%s: %s", path, why.message);
}

static enum sp_status ask_for_it(struct cli_call *call, struct sp_arena *arena, struct sp_schema *ret_schema,
                                 struct sp_error *error) {
    struct sp_rpc_client *client = NULL;
    json_t *reply = NULL;
    enum sp_status status = cli_open_admin(call, &client, error);
    if (status != SP_OK)
        return status;
    status = cli_call_json(client, "Admin/GetSchema", call->request, &reply, error);
    sp_rpc_client_close(client);
    if (status != SP_OK)
        return status;
    const json_t *yaml = json_object_get(reply, "yaml");
    struct sp_str text = {json_string_value(yaml), json_string_length(yaml)};
    status = sp_schema_parse(text, arena, ret_schema, error);
    json_decref(reply);
    return status;
}

static enum sp_status load_schema(struct cli_call *call, struct sp_arena *arena, struct sp_schema *ret_schema,
                                  struct sp_error *error) {
    const char *path = cli_local(call, "file");
    if (sp_arena_init(arena, ARENA_FIRST_BYTES, ARENA_BUDGET_BYTES) != SP_OK)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    enum sp_status status =
        path != NULL ? read_offline(path, arena, ret_schema, error) : ask_for_it(call, arena, ret_schema, error);
    if (status != SP_OK)
        sp_arena_fini(arena);
    return status;
}

/* ---- a route as JSON ---- */

static json_t *text_of(struct sp_str text) {
    return json_stringn(text.data != NULL ? text.data : "", text.size);
}

/* `id` is what the path gave, or what the route says of it. NULL when out of memory. */
static json_t *describe(const struct sp_schema *schema, const struct sp_route *route, struct sp_str id) {
    const struct sp_schema_type *type = sp_schema_find_type(schema, route->type);
    const struct sp_schema_action *action = type == NULL ? NULL : sp_schema_find_action(type, route->action);
    if (action == NULL)
        return NULL;
    struct sp_str permission =
        action->needs_permission ? schema->permissions[action->permission].name : SP_STR_LITERAL("");
    return json_pack("{s:o, s:o, s:I, s:o, s:{s:o, s:o}, s:o, s:s}", "method", text_of(route->method), "path",
                     text_of(route->path), "line", (json_int_t)route->line, "action", text_of(route->action),
                     "resource", "type", text_of(route->type), "id", text_of(id), "permission", text_of(permission),
                     "role", sp_role_name(action->role));
}

/* For people: "voice/rachel" and "voice" as one text, and a word where nothing is needed. Takes `described` over. */
static json_t *in_words(json_t *described) {
    const json_t *resource = json_object_get(described, "resource");
    const char *type = json_string_value(json_object_get(resource, "type"));
    const char *id = json_string_value(json_object_get(resource, "id"));
    const char *permission = json_string_value(json_object_get(described, "permission"));
    json_t *words = json_sprintf("%s%s%s", type, id[0] != '\0' ? "/" : "", id);
    (void)json_object_set_new(described, "resource", words);
    if (permission[0] == '\0')
        (void)json_object_set_new(described, "permission", json_string("none"));
    return described;
}

/* ---- routes test ---- */

static const char *outcome_name(enum sp_route_outcome outcome) {
    static const char *const names[] = {[SP_ROUTE_UNKNOWN] = "UNKNOWN",
                                        [SP_ROUTE_OTHER_METHOD] = "OTHER_METHOD",
                                        [SP_ROUTE_REFUSED] = "REFUSED",
                                        [SP_ROUTE_FOUND] = "FOUND"};
    return names[outcome];
}

static int print_none(const struct cli_call *call, const struct sp_route_match *match) {
    if (strcmp(call->output, "table") == 0) {
        (void)printf("No route: %s\n", match->why);
        return CLI_DENIED;
    }
    json_t *json = json_pack("{s:s, s:s}", "outcome", outcome_name(match->outcome), "why", match->why);
    cli_print_reply(call, json);
    json_decref(json);
    return CLI_DENIED;
}

static int print_found(const struct cli_call *call, const struct sp_schema *schema,
                       const struct sp_route_match *match) {
    json_t *json = describe(schema, match->route, match->id);
    if (json == NULL)
        return cli_complain(call, &(struct sp_error){.status = SP_ERR_MEMORY, .message = "out of memory"});
    if (strcmp(call->output, "table") == 0) {
        (void)printf("%.*s %.*s\n", SP_STR_ARG(match->route->method), SP_STR_ARG(match->route->path));
        cli_print_lines(in_words(json),
                        "  line=line,  action=action:raw,  resource=resource:raw,  permission=permission:raw,"
                        "  least role=role:raw",
                        stdout);
    } else {
        (void)json_object_set_new(json, "outcome", json_string(outcome_name(match->outcome)));
        cli_print_reply(call, json);
    }
    json_decref(json);
    return CLI_OK;
}

int cli_run_routes_test(struct cli_call *call) {
    struct sp_error error = {0};
    struct sp_arena arena;
    struct sp_schema schema;
    char scratch[SP_ROUTE_SCRATCH_BYTES];
    if (load_schema(call, &arena, &schema, &error) != SP_OK)
        return cli_complain(call, &error);
    struct sp_route_match match = sp_routes_match(schema.matcher, sp_str_from(cli_local(call, "method")),
                                                  sp_str_from(cli_local(call, "path")), scratch);
    int result = match.outcome == SP_ROUTE_FOUND ? print_found(call, &schema, &match) : print_none(call, &match);
    sp_arena_fini(&arena);
    return result;
}

/* ---- routes list ---- */

static json_t *list_routes(const struct sp_schema *schema, uint64_t limit, bool words) {
    json_t *rows = json_array();
    for (size_t i = 0; i < schema->route_count && (limit == 0 || i < limit); i++) {
        const struct sp_route *route = &schema->routes[i];
        char braced[SP_ID_MAX_BYTES + 3];
        struct sp_str id = route->id;
        if (route->id_kind == SP_ROUTE_ID_CAPTURE) {
            (void)snprintf(braced, sizeof(braced), "{%.*s}", SP_STR_ARG(id));
            id = sp_str_from(braced);
        }
        json_t *row = describe(schema, route, id);
        if (json_array_append_new(rows, words && row != NULL ? in_words(row) : row) != 0) {
            json_decref(rows);
            return NULL;
        }
    }
    return rows;
}

static void print_rows(const struct cli_call *call, const json_t *rows) {
    if (strcmp(call->output, "table") == 0) {
        cli_print_table(rows,
                        "METHOD=method:raw,PATH=path:raw,ACTION=action:raw,RESOURCE=resource:raw,"
                        "PERMISSION=permission:raw,LEAST ROLE=role:raw",
                        stdout);
    } else if (strcmp(call->output, "json") == 0) {
        cli_print_json(rows, stdout);
    } else {
        for (size_t i = 0; i < json_array_size(rows); i++)
            cli_print_line(json_array_get(rows, i), stdout);
    }
}

int cli_run_routes_list(struct cli_call *call) {
    struct sp_error error = {0};
    struct sp_arena arena;
    struct sp_schema schema;
    if (load_schema(call, &arena, &schema, &error) != SP_OK)
        return cli_complain(call, &error);
    json_t *rows = list_routes(&schema, call->limit, strcmp(call->output, "table") == 0);
    if (rows != NULL)
        print_rows(call, rows);
    else
        (void)sp_error_set(&error, SP_ERR_MEMORY, "out of memory");
    sp_arena_fini(&arena);
    if (rows == NULL)
        return cli_complain(call, &error);
    json_decref(rows);
    return CLI_OK;
}
