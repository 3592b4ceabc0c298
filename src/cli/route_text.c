#include "cli/route_text.h"

#include "base/text.h"
#include "core/route_match.h"

static json_t *copy_route_text(struct sp_str text) {
    return json_stringn(text.data != NULL ? text.data : "", text.size);
}

json_t *sp_cli_describe_route(const struct sp_schema *schema, const struct sp_route *route, struct sp_str id) {
    const struct sp_schema_type *type = sp_schema_find_type(schema, route->type);
    const struct sp_schema_action *action = type == NULL ? NULL : sp_schema_find_action(type, route->action);
    if (action == NULL)
        return NULL;
    struct sp_str permission =
        action->needs_permission ? schema->permissions[action->permission].name : SP_STR_LITERAL("");
    return json_pack("{s:o, s:o, s:I, s:o, s:{s:o, s:o}, s:o, s:s}", "method", copy_route_text(route->method), "path",
                     copy_route_text(route->path), "line", (json_int_t)route->line, "action",
                     copy_route_text(route->action), "resource", "type", copy_route_text(route->type), "id",
                     copy_route_text(id), "permission", copy_route_text(permission), "role",
                     sp_role_name(action->role));
}

json_t *sp_cli_route_in_words(json_t *described) {
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

json_t *sp_cli_list_routes(const struct sp_schema *schema, uint64_t limit, bool words) {
    json_t *rows = json_array();
    for (size_t i = 0; i < schema->route_count && (limit == 0 || i < limit); i++) {
        const struct sp_route *route = &schema->routes[i];
        json_t *row = sp_cli_describe_route(schema, route, route->id);
        if (json_array_append_new(rows, words && row != NULL ? sp_cli_route_in_words(row) : row) != 0) {
            json_decref(rows);
            return NULL;
        }
    }
    return rows;
}

const char *sp_cli_route_outcome_name(enum sp_route_outcome outcome) {
    static const char *const names[] = {[SP_ROUTE_UNKNOWN] = "UNKNOWN",
                                        [SP_ROUTE_OTHER_METHOD] = "OTHER_METHOD",
                                        [SP_ROUTE_REFUSED] = "REFUSED",
                                        [SP_ROUTE_FOUND] = "FOUND"};
    return names[outcome];
}
