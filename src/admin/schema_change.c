#include "admin/schema_change.h"

static const char *name_scope(const struct sp_schema_type *type) {
    return type->workspace_scoped ? "workspace" : "global";
}

/* ---- permissions ---- */

static enum sp_status compare_permission(const struct sp_schema_permission *old, const struct sp_schema_permission *new,
                                         struct sp_admin_lines *lines) {
    if (new == NULL)
        return sp_admin_add_line(lines, "permission %.*s removed", SP_STR_ARG(old->name));
    if (!sp_str_equal(old->description, new->description))
        return sp_admin_add_line(lines, "permission %.*s changed: its description", SP_STR_ARG(old->name));
    return SP_OK;
}

static enum sp_status compare_permissions(const struct sp_schema *before, const struct sp_schema *after,
                                          struct sp_admin_lines *lines) {
    for (size_t i = 0; i < before->permission_count; i++) {
        const struct sp_schema_permission *old = &before->permissions[i];
        enum sp_status status = compare_permission(old, sp_schema_find_permission(after, old->name), lines);
        if (status != SP_OK)
            return status;
    }
    for (size_t i = 0; i < after->permission_count; i++) {
        struct sp_str name = after->permissions[i].name;
        if (sp_schema_find_permission(before, name) != NULL)
            continue;
        enum sp_status status = sp_admin_add_line(lines, "permission %.*s added", SP_STR_ARG(name));
        if (status != SP_OK)
            return status;
    }
    return SP_OK;
}

/* ---- actions ---- */

static struct sp_str name_permission(const struct sp_schema *schema, const struct sp_schema_action *action) {
    return action->needs_permission ? schema->permissions[action->permission].name : SP_STR_LITERAL("none");
}

/* An action as its schema declares it; `action` NULL: it does not. */
struct declared {
    const struct sp_schema *schema;
    const struct sp_schema_type *type;
    const struct sp_schema_action *action;
};

static enum sp_status add_action_line(struct sp_admin_lines *lines, const struct declared *new) {
    return sp_admin_add_line(lines, "action %.*s.%.*s added: permission %.*s, role %s", SP_STR_ARG(new->type->name),
                             SP_STR_ARG(new->action->name), SP_STR_ARG(name_permission(new->schema, new->action)),
                             sp_role_name(new->action->role));
}

static enum sp_status compare_action(struct sp_admin_lines *lines, const struct declared *old,
                                     const struct declared *new) {
    if (new->action == NULL)
        return sp_admin_add_line(lines, "action %.*s.%.*s removed", SP_STR_ARG(old->type->name),
                                 SP_STR_ARG(old->action->name));
    struct sp_str old_permission = name_permission(old->schema, old->action);
    struct sp_str new_permission = name_permission(new->schema, new->action);
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
    for (size_t i = 0; i < old_type->action_count; i++) {
        struct declared old = {before, old_type, &old_type->actions[i]};
        struct declared new = {after, new_type, sp_schema_find_action(new_type, old.action->name)};
        enum sp_status status = compare_action(lines, &old, &new);
        if (status != SP_OK)
            return status;
    }
    for (size_t i = 0; i < new_type->action_count; i++) {
        struct declared new = {after, new_type, &new_type->actions[i]};
        if (sp_schema_find_action(old_type, new.action->name) != NULL)
            continue;
        enum sp_status status = add_action_line(lines, &new);
        if (status != SP_OK)
            return status;
    }
    return SP_OK;
}

/* ---- types ---- */

static enum sp_status compare_type(const struct sp_schema *before, const struct sp_schema_type *old,
                                   const struct sp_schema *after, struct sp_admin_lines *lines) {
    const struct sp_schema_type *new = sp_schema_find_type(after, old->name);
    if (new == NULL)
        return sp_admin_add_line(lines, "type %.*s removed", SP_STR_ARG(old->name));
    if (old->workspace_scoped != new->workspace_scoped) {
        enum sp_status status = sp_admin_add_line(lines, "type %.*s changed: ids %s; were %s", SP_STR_ARG(old->name),
                                                  name_scope(new), name_scope(old));
        if (status != SP_OK)
            return status;
    }
    if (old->register_level != new->register_level) {
        enum sp_status status =
            sp_admin_add_line(lines, "type %.*s changed: register %s; was %s", SP_STR_ARG(old->name),
                              sp_register_name(new->register_level), sp_register_name(old->register_level));
        if (status != SP_OK)
            return status;
    }
    if (!sp_str_equal(old->description, new->description)) {
        enum sp_status status = sp_admin_add_line(lines, "type %.*s changed: its description", SP_STR_ARG(old->name));
        if (status != SP_OK)
            return status;
    }
    return compare_actions(before, old, after, new, lines);
}

static enum sp_status add_type_lines(const struct sp_schema *after, const struct sp_schema_type *new,
                                     struct sp_admin_lines *lines) {
    enum sp_status status = sp_admin_add_line(lines, "type %.*s added: ids %s, register %s", SP_STR_ARG(new->name),
                                              name_scope(new), sp_register_name(new->register_level));
    if (status != SP_OK)
        return status;
    for (size_t i = 0; i < new->action_count; i++) {
        status = add_action_line(lines, &(struct declared){after, new, &new->actions[i]});
        if (status != SP_OK)
            return status;
    }
    return SP_OK;
}

static enum sp_status compare_types(const struct sp_schema *before, const struct sp_schema *after,
                                    struct sp_admin_lines *lines) {
    for (size_t i = 0; i < before->type_count; i++) {
        enum sp_status status = compare_type(before, &before->types[i], after, lines);
        if (status != SP_OK)
            return status;
    }
    for (size_t i = 0; i < after->type_count; i++) {
        if (sp_schema_find_type(before, after->types[i].name) != NULL)
            continue;
        enum sp_status status = add_type_lines(after, &after->types[i], lines);
        if (status != SP_OK)
            return status;
    }
    return SP_OK;
}

/* ---- routes ---- */

static enum sp_status compare_schema_route(struct sp_admin_lines *lines, const struct sp_route *old,
                                           const struct sp_route *new) {
    char was[SP_ROUTE_TARGET_BYTES];
    char is[SP_ROUTE_TARGET_BYTES];
    if (new == NULL)
        return sp_admin_add_line(lines, "route %.*s %.*s removed", SP_STR_ARG(old->method), SP_STR_ARG(old->path));
    if (strcmp(sp_route_target(old, was), sp_route_target(new, is)) == 0)
        return SP_OK;
    return sp_admin_add_line(lines, "route %.*s %.*s changed: %s; was %s", SP_STR_ARG(old->method),
                             SP_STR_ARG(old->path), is, was);
}

static enum sp_status compare_schema_routes(const struct sp_schema *before, const struct sp_schema *after,
                                            struct sp_admin_lines *lines) {
    for (size_t i = 0; i < before->route_count; i++) {
        const struct sp_route *old = &before->routes[i];
        enum sp_status status = compare_schema_route(lines, old, sp_schema_find_route(after, old->method, old->path));
        if (status != SP_OK)
            return status;
    }
    for (size_t i = 0; i < after->route_count; i++) {
        const struct sp_route *new = &after->routes[i];
        char target[SP_ROUTE_TARGET_BYTES];
        if (sp_schema_find_route(before, new->method, new->path) != NULL)
            continue;
        enum sp_status status = sp_admin_add_line(lines, "route %.*s %.*s added: %s", SP_STR_ARG(new->method),
                                                  SP_STR_ARG(new->path), sp_route_target(new, target));
        if (status != SP_OK)
            return status;
    }
    return SP_OK;
}

enum sp_status sp_admin_compare_schemas(const struct sp_schema *before, const struct sp_schema *after,
                                        struct sp_admin_lines *lines) {
    enum sp_status status = compare_permissions(before, after, lines);
    if (status != SP_OK)
        return status;
    status = compare_types(before, after, lines);
    if (status != SP_OK)
        return status;
    return compare_schema_routes(before, after, lines);
}
