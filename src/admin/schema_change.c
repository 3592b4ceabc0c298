/* What a new schema changes, in words. */
#include "admin/schema_change.h"

enum sp_status sp_admin_add_line(struct sp_admin_lines *lines, const char *format, ...) {
    if (lines->count == lines->room) {
        size_t room = lines->room == 0 ? 32 : lines->room * 2;
        char **grown = sp_arena_calloc(lines->arena, room, sizeof(*grown));
        if (grown == NULL)
            return SP_ERR_MEMORY;
        if (lines->count > 0)
            memcpy(grown, lines->lines, lines->count * sizeof(*grown));
        lines->lines = grown;
        lines->room = room;
    }
    struct sp_error text; /* names have 64 bytes; the end of a very long route may be cut off */
    va_list arguments;
    va_start(arguments, format);
    (void)sp_error_vset(&text, SP_OK, format, arguments);
    va_end(arguments);
    char *line = sp_arena_strdup(lines->arena, sp_str_from(text.message));
    if (line == NULL)
        return SP_ERR_MEMORY;
    lines->lines[lines->count++] = line;
    return SP_OK;
}

static const char *ids_of(const struct sp_schema_type *type) {
    return type->workspace_scoped ? "workspace" : "global";
}

/* ---- permissions ---- */

static enum sp_status compare_permissions(const struct sp_schema *before, const struct sp_schema *after,
                                          struct sp_admin_lines *lines) {
    enum sp_status status = SP_OK;
    for (size_t i = 0; status == SP_OK && i < before->permission_count; i++) {
        const struct sp_schema_permission *old = &before->permissions[i];
        const struct sp_schema_permission *new = sp_schema_find_permission(after, old->name);
        if (new == NULL)
            status = sp_admin_add_line(lines, "permission %.*s removed", SP_STR_ARG(old->name));
        else if (!sp_str_equal(old->description, new->description))
            status = sp_admin_add_line(lines, "permission %.*s changed: its description", SP_STR_ARG(old->name));
    }
    for (size_t i = 0; status == SP_OK && i < after->permission_count; i++)
        if (sp_schema_find_permission(before, after->permissions[i].name) == NULL)
            status = sp_admin_add_line(lines, "permission %.*s added", SP_STR_ARG(after->permissions[i].name));
    return status;
}

/* ---- actions ---- */

static struct sp_str permission_of(const struct sp_schema *schema, const struct sp_schema_action *action) {
    return action->needs_permission ? schema->permissions[action->permission].name : SP_STR_LITERAL("none");
}

/* An action as its schema declares it. */
struct declared {
    const struct sp_schema *schema;
    const struct sp_schema_type *type;
    const struct sp_schema_action *action;
};

static enum sp_status say_action(struct sp_admin_lines *lines, const struct declared *of, const char *what) {
    return sp_admin_add_line(lines, "action %.*s.%.*s %s: permission %.*s, role %s", SP_STR_ARG(of->type->name),
                             SP_STR_ARG(of->action->name), what, SP_STR_ARG(permission_of(of->schema, of->action)),
                             sp_role_name(of->action->role));
}

static enum sp_status compare_action(struct sp_admin_lines *lines, const struct declared *old,
                                     const struct declared *new) {
    struct sp_str old_permission = permission_of(old->schema, old->action);
    struct sp_str new_permission = permission_of(new->schema, new->action);
    if (old->action->needs_permission == new->action->needs_permission &&
        sp_str_equal(old_permission, new_permission) && old->action->role == new->action->role)
        return SP_OK;
    return sp_admin_add_line(lines, "action %.*s.%.*s changed: permission %.*s, role %s; was permission %.*s, role %s",
                             SP_STR_ARG(new->type->name), SP_STR_ARG(new->action->name), SP_STR_ARG(new_permission),
                             sp_role_name(new->action->role), SP_STR_ARG(old_permission),
                             sp_role_name(old->action->role));
}

static enum sp_status compare_actions(const struct sp_schema *before, const struct sp_schema_type *old_type,
                                      const struct sp_schema *after, const struct sp_schema_type *new_type,
                                      struct sp_admin_lines *lines) {
    enum sp_status status = SP_OK;
    for (size_t i = 0; status == SP_OK && i < old_type->action_count; i++) {
        struct declared old = {before, old_type, &old_type->actions[i]};
        struct declared new = {after, new_type, sp_schema_find_action(new_type, old.action->name)};
        status = new.action == NULL ? sp_admin_add_line(lines, "action %.*s.%.*s removed", SP_STR_ARG(old_type->name),
                                                        SP_STR_ARG(old.action->name))
                                    : compare_action(lines, &old, &new);
    }
    for (size_t i = 0; status == SP_OK && i < new_type->action_count; i++) {
        struct declared new = {after, new_type, &new_type->actions[i]};
        if (sp_schema_find_action(old_type, new.action->name) == NULL)
            status = say_action(lines, &new, "added");
    }
    return status;
}

/* ---- types ---- */

static enum sp_status compare_type(const struct sp_schema *before, const struct sp_schema_type *old,
                                   const struct sp_schema *after, struct sp_admin_lines *lines) {
    const struct sp_schema_type *new = sp_schema_find_type(after, old->name);
    if (new == NULL)
        return sp_admin_add_line(lines, "type %.*s removed", SP_STR_ARG(old->name));
    enum sp_status status = SP_OK;
    if (old->workspace_scoped != new->workspace_scoped)
        status = sp_admin_add_line(lines, "type %.*s changed: ids %s; were %s", SP_STR_ARG(old->name), ids_of(new),
                                   ids_of(old));
    if (status == SP_OK && !sp_str_equal(old->description, new->description))
        status = sp_admin_add_line(lines, "type %.*s changed: its description", SP_STR_ARG(old->name));
    return status == SP_OK ? compare_actions(before, old, after, new, lines) : status;
}

static enum sp_status add_type(const struct sp_schema *after, const struct sp_schema_type *new,
                               struct sp_admin_lines *lines) {
    enum sp_status status = sp_admin_add_line(lines, "type %.*s added: ids %s", SP_STR_ARG(new->name), ids_of(new));
    for (size_t i = 0; status == SP_OK && i < new->action_count; i++) {
        struct declared action = {after, new, &new->actions[i]};
        status = say_action(lines, &action, "added");
    }
    return status;
}

/* ---- routes ---- */

static enum sp_status say_route(struct sp_admin_lines *lines, const struct sp_route *route, const char *what) {
    return sp_admin_add_line(lines, "route %.*s %.*s %s: %s", SP_STR_ARG(route->method), SP_STR_ARG(route->path), what,
                             sp_route_target(route, (char[SP_ROUTE_TARGET_BYTES]){0}));
}

static enum sp_status compare_route(struct sp_admin_lines *lines, const struct sp_route *old,
                                    const struct sp_route *new) {
    char was[SP_ROUTE_TARGET_BYTES], is[SP_ROUTE_TARGET_BYTES];
    if (strcmp(sp_route_target(old, was), sp_route_target(new, is)) == 0)
        return SP_OK;
    return sp_admin_add_line(lines, "route %.*s %.*s changed: %s; was %s", SP_STR_ARG(old->method),
                             SP_STR_ARG(old->path), is, was);
}

static enum sp_status compare_routes(const struct sp_schema *before, const struct sp_schema *after,
                                     struct sp_admin_lines *lines) {
    enum sp_status status = SP_OK;
    for (size_t i = 0; status == SP_OK && i < before->route_count; i++) {
        const struct sp_route *old = &before->routes[i];
        const struct sp_route *new = sp_schema_find_route(after, old->method, old->path);
        status = new == NULL ? sp_admin_add_line(lines, "route %.*s %.*s removed", SP_STR_ARG(old->method),
                                                 SP_STR_ARG(old->path))
                             : compare_route(lines, old, new);
    }
    for (size_t i = 0; status == SP_OK && i < after->route_count; i++)
        if (sp_schema_find_route(before, after->routes[i].method, after->routes[i].path) == NULL)
            status = say_route(lines, &after->routes[i], "added");
    return status;
}

enum sp_status sp_admin_compare_schemas(const struct sp_schema *before, const struct sp_schema *after,
                                        struct sp_admin_lines *lines) {
    enum sp_status status = compare_permissions(before, after, lines);
    for (size_t i = 0; status == SP_OK && i < before->type_count; i++)
        status = compare_type(before, &before->types[i], after, lines);
    for (size_t i = 0; status == SP_OK && i < after->type_count; i++)
        if (sp_schema_find_type(before, after->types[i].name) == NULL)
            status = add_type(after, &after->types[i], lines);
    return status == SP_OK ? compare_routes(before, after, lines) : status;
}
