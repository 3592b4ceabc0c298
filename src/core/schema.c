#include "core/schema.h"

#include <stdlib.h>

#include "base/text.h"
#include "config/yaml.h"
#include "core/permission_set.h"
#include "core/route_compile.h"

extern const unsigned char sp_embedded_schema_bytes[];
extern const unsigned long sp_embedded_schema_size;

enum { DESCRIPTION_MAX_BYTES = 512 };

const struct sp_schema_permission sp_schema_builtin_permissions[4] = {
    {{"api_key_rotate", 14}, {"Rotate the key itself", 21}},
    {{"resource_register", 17}, {"Register and delete resources of the workspace", 46}},
    {{"workspace_read", 14}, {"Read the workspace as its admin", 31}},
    {{"workspace_write", 15}, {"Change the workspace as its admin", 33}},
};

/* What is common to named things while they are gathered: lists, newest first. */
struct draft {
    struct draft *next;
    struct sp_yaml_scalar name;
};

struct draft_list {
    struct draft *newest;
    size_t count;
};

struct draft_permission {
    struct draft draft;
    struct sp_str description;
};

struct draft_action {
    struct draft draft;
    struct sp_yaml_scalar permission; /* empty: none */
    enum sp_role role;
    unsigned seen;
};

struct draft_type {
    struct draft draft;
    struct sp_str description;
    bool workspace_scoped;
    enum sp_register register_level; /* 0: not given */
    struct draft_list actions;
    unsigned seen;
};

struct draft_route {
    struct draft_route *next;
    struct sp_route route;
    struct sp_yaml_scalar key, target;
};

/* What was read, before anything is looked up in it: sp_yaml's `user`. */
struct drafts {
    struct draft_list permissions;
    struct draft_list types;
    size_t action_count;
    struct draft_route *first_route, *last_route;
    size_t route_count;
    unsigned seen; /* of the keys on top */
    unsigned version;
    bool stored; /* the text was accepted once */
};

static struct drafts *drafts_of(const struct sp_yaml *yaml) {
    return yaml->user;
}

static enum sp_status check_word(const struct sp_yaml *yaml, const struct sp_yaml_scalar *word, const char *what) {
    struct sp_error why = {0};
    if (sp_text_check_word(word->text, what, &why) == SP_OK)
        return SP_OK;
    return sp_yaml_refuse_because(yaml, word, &why);
}

static enum sp_status read_description(struct sp_yaml *yaml, struct sp_str *ret_description) {
    struct sp_yaml_scalar scalar = {0};
    enum sp_status status = sp_yaml_read_scalar(yaml, &scalar);
    if (status != SP_OK)
        return status;
    if (scalar.text.size > DESCRIPTION_MAX_BYTES)
        return sp_yaml_refuse(yaml, &scalar, "the description", "is longer than 512 bytes; shorten it");
    if (!sp_text_is_printable(scalar.text))
        return sp_yaml_refuse(yaml, &scalar, "the description",
                              "contains control characters or a line break; remove them");
    *ret_description = scalar.text;
    return SP_OK;
}

/* Makes a zeroed draft of `size` bytes with the name, at the head of the list. */
static enum sp_status add_draft(const struct sp_yaml *yaml, const struct sp_yaml_scalar *name, const char *what,
                                size_t size, struct draft_list *list, struct draft **ret_draft) {
    enum sp_status status = check_word(yaml, name, what);
    if (status != SP_OK)
        return status;
    struct draft *draft = sp_arena_calloc(yaml->arena, 1, size);
    if (draft == NULL)
        return sp_yaml_refuse_memory(yaml);
    draft->name = *name;
    draft->next = list->newest;
    list->newest = draft;
    list->count++;
    *ret_draft = draft;
    return SP_OK;
}

static enum sp_status read_permission(struct sp_yaml *yaml, const struct sp_yaml_scalar *key, void *context) {
    (void)context;
    struct draft *draft = NULL;
    enum sp_status status =
        add_draft(yaml, key, "permission", sizeof(struct draft_permission), &drafts_of(yaml)->permissions, &draft);
    if (status != SP_OK)
        return status;
    if (drafts_of(yaml)->permissions.count > SP_PERMISSIONS_MAX)
        return sp_yaml_refuse(yaml, key, "more than 256 permissions,", "with the four that are built in");
    return read_description(yaml, &((struct draft_permission *)(void *)draft)->description);
}

static enum sp_status read_action_entry(struct sp_yaml *yaml, const struct sp_yaml_scalar *key, void *context) {
    static const char *const keys[] = {"permission", "role"};
    struct draft_action *action = context;
    size_t index = 0;
    enum sp_status status = sp_yaml_find_key(yaml, key, keys, 2, "permission or role", &action->seen, &index);
    if (status != SP_OK)
        return status;
    if (index == 1)
        return sp_role_read(yaml, &action->role);
    status = sp_yaml_read_scalar(yaml, &action->permission);
    if (status != SP_OK)
        return status;
    return check_word(yaml, &action->permission, "permission");
}

static enum sp_status read_action_draft(struct sp_yaml *yaml, const struct sp_yaml_scalar *key, void *context) {
    struct draft_type *type = context;
    struct draft *draft = NULL;
    enum sp_status status = add_draft(yaml, key, "action", sizeof(struct draft_action), &type->actions, &draft);
    if (status != SP_OK)
        return status;
    if (++drafts_of(yaml)->action_count > SP_SCHEMA_MAX_ACTIONS)
        return sp_yaml_refuse(yaml, key, "more than 10,000 actions;", "remove some");
    return sp_yaml_read_mapping(yaml, "an action is a mapping, such as {permission: name, role: viewer} or {}",
                                read_action_entry, draft);
}

static enum sp_status read_ids(struct sp_yaml *yaml, bool *ret_workspace_scoped) {
    struct sp_yaml_scalar scalar = {0};
    enum sp_status status = sp_yaml_read_scalar(yaml, &scalar);
    if (status != SP_OK)
        return status;
    *ret_workspace_scoped = sp_str_equal(scalar.text, SP_STR_LITERAL("workspace"));
    if (*ret_workspace_scoped || sp_str_equal(scalar.text, SP_STR_LITERAL("global")))
        return SP_OK;
    return sp_yaml_refuse(yaml, &scalar, "ids", "must be global or workspace");
}

static const char *const register_names[] = {
    [SP_REGISTER_OPERATOR] = "operator", [SP_REGISTER_PERMITTED] = "permitted", [SP_REGISTER_ADMIN] = "admin"};

const char *sp_register_name(enum sp_register level) {
    return level >= SP_REGISTER_OPERATOR && level <= SP_REGISTER_ADMIN ? register_names[level] : "nobody";
}

static enum sp_status read_register_level(struct sp_yaml *yaml, enum sp_register *ret_level) {
    struct sp_yaml_scalar scalar = {0};
    enum sp_status status = sp_yaml_read_scalar(yaml, &scalar);
    if (status != SP_OK)
        return status;
    for (enum sp_register level = SP_REGISTER_OPERATOR; level <= SP_REGISTER_ADMIN; level++)
        if (sp_str_equal(scalar.text, sp_str_from(register_names[level]))) {
            *ret_level = level;
            return SP_OK;
        }
    return sp_yaml_refuse(yaml, &scalar, "register", "must be operator, permitted or admin");
}

static enum sp_status read_type_entry(struct sp_yaml *yaml, const struct sp_yaml_scalar *key, void *context) {
    static const char *const keys[] = {"ids", "register", "description", "actions"};
    struct draft_type *type = context;
    size_t index = 0;
    enum sp_status status =
        sp_yaml_find_key(yaml, key, keys, 4, "ids, register, description or actions", &type->seen, &index);
    if (status != SP_OK)
        return status;
    if (index == 0)
        return read_ids(yaml, &type->workspace_scoped);
    if (index == 1)
        return read_register_level(yaml, &type->register_level);
    if (index == 2)
        return read_description(yaml, &type->description);
    return sp_yaml_read_mapping(yaml, "actions are a mapping of names", read_action_draft, type);
}

static enum sp_status read_type(struct sp_yaml *yaml, const struct sp_yaml_scalar *key, void *context) {
    (void)context;
    struct draft *draft = NULL;
    enum sp_status status = add_draft(yaml, key, "type", sizeof(struct draft_type), &drafts_of(yaml)->types, &draft);
    if (status != SP_OK)
        return status;
    if (drafts_of(yaml)->types.count > SP_SCHEMA_MAX_TYPES)
        return sp_yaml_refuse(yaml, key, "more than 1,000 types;", "remove some");
    status = sp_yaml_read_mapping(yaml, "a type is a mapping with its actions", read_type_entry, draft);
    if (status != SP_OK)
        return status;
    if (((struct draft_type *)(void *)draft)->actions.count == 0)
        return sp_yaml_refuse(yaml, key, draft->name.text.data, "has no actions; add one or remove the type");
    return SP_OK;
}

/* "METHOD PATH: ACTION RESOURCE". */
static enum sp_status read_route(struct sp_yaml *yaml, const struct sp_yaml_scalar *key, void *context) {
    struct drafts *drafts = drafts_of(yaml);
    struct sp_error why = {0};
    (void)context;
    struct draft_route *draft = sp_arena_calloc(yaml->arena, 1, sizeof(*draft));
    if (draft == NULL)
        return sp_yaml_refuse_memory(yaml);
    if (++drafts->route_count > SP_ROUTES_MAX)
        return sp_yaml_refuse(yaml, key, "more than 25,000 routes;", "remove some");
    if (sp_route_read_path(key->text, &draft->route, &why) != SP_OK)
        return sp_yaml_refuse_because(yaml, key, &why);
    enum sp_status status = sp_yaml_read_scalar(yaml, &draft->target);
    if (status != SP_OK)
        return status;
    if (sp_route_read_target(draft->target.text, &draft->route, &why) != SP_OK)
        return sp_yaml_refuse_because(yaml, &draft->target, &why);
    draft->key = *key;
    draft->route.line = key->line;
    draft->route.column = key->column;
    if (drafts->last_route != NULL)
        drafts->last_route->next = draft;
    else
        drafts->first_route = draft;
    drafts->last_route = draft;
    return SP_OK;
}

static enum sp_status read_version(struct sp_yaml *yaml) {
    struct sp_yaml_scalar scalar = {0};
    enum sp_status status = sp_yaml_read_scalar(yaml, &scalar);
    if (status != SP_OK)
        return status;
    bool second = sp_str_equal(scalar.text, SP_STR_LITERAL("2"));
    if (!second && !sp_str_equal(scalar.text, SP_STR_LITERAL("1")))
        return sp_yaml_refuse(yaml, &scalar, "version", "must be 1 or 2");
    drafts_of(yaml)->version = second ? 2 : 1;
    return SP_OK;
}

static enum sp_status read_top(struct sp_yaml *yaml, const struct sp_yaml_scalar *key, void *context) {
    static const char *const keys[] = {"version", "permissions", "types", "routes"};
    (void)context;
    size_t index = 0;
    enum sp_status status =
        sp_yaml_find_key(yaml, key, keys, 4, "version, permissions, types or routes", &drafts_of(yaml)->seen, &index);
    if (status != SP_OK)
        return status;
    if (index == 0)
        return read_version(yaml);
    if (index == 1)
        return sp_yaml_read_mapping(yaml, "permissions are a mapping of names to descriptions", read_permission, NULL);
    if (index == 2)
        return sp_yaml_read_mapping(yaml, "types are a mapping of names", read_type, NULL);
    return sp_yaml_read_mapping(yaml, "routes are a mapping, such as GET /v1/voices/{voice_id}: read voice/{voice_id}",
                                read_route, NULL);
}

/* By name, and then by place, so that of two equals the later one is refused. */
static int compare_drafts(const void *left, const void *right) {
    const struct sp_yaml_scalar *a = &(*(struct draft *const *)left)->name, *b = &(*(struct draft *const *)right)->name;
    int order = sp_str_compare(a->text, b->text);
    if (order == 0)
        order = (a->line > b->line) - (a->line < b->line);
    return order != 0 ? order : (a->column > b->column) - (a->column < b->column);
}

/* The list's drafts in an array sorted by name; a name given twice is refused. */
static enum sp_status sort_drafts(const struct sp_yaml *yaml, const struct draft_list *list,
                                  struct draft ***ret_sorted) {
    struct draft **sorted = sp_arena_calloc(yaml->arena, list->count + 1, sizeof(struct draft *));
    if (sorted == NULL)
        return sp_yaml_refuse_memory(yaml);
    size_t count = 0;
    for (struct draft *draft = list->newest; draft != NULL; draft = draft->next)
        sorted[count++] = draft;
    qsort(sorted, count, sizeof(struct draft *), compare_drafts);
    for (size_t i = 1; i < count; i++)
        if (sp_str_equal(sorted[i - 1]->name.text, sorted[i]->name.text))
            return sp_yaml_refuse(yaml, &sorted[i]->name, sorted[i]->name.text.data, "is given twice; remove one");
    *ret_sorted = sorted;
    return SP_OK;
}

static bool is_listed(const struct draft_list *list, struct sp_str name) {
    const struct draft *draft = list->newest;
    while (draft != NULL && !sp_str_equal(draft->name.text, name))
        draft = draft->next;
    return draft != NULL;
}

/* The built-in permissions that the text does not describe itself. */
static enum sp_status add_builtin_permissions(struct sp_yaml *yaml) {
    for (size_t i = 0; i < sizeof(sp_schema_builtin_permissions) / sizeof(*sp_schema_builtin_permissions); i++) {
        const struct sp_schema_permission *builtin = &sp_schema_builtin_permissions[i];
        struct sp_yaml_scalar name = {.text = builtin->name};
        struct draft *draft = NULL;
        if (is_listed(&drafts_of(yaml)->permissions, builtin->name))
            continue;
        enum sp_status status = add_draft(yaml, &name, "permission", sizeof(struct draft_permission),
                                          &drafts_of(yaml)->permissions, &draft);
        if (status != SP_OK)
            return status;
        ((struct draft_permission *)(void *)draft)->description = builtin->description;
    }
    if (drafts_of(yaml)->permissions.count > SP_PERMISSIONS_MAX)
        return sp_error_set(yaml->error, SP_ERR_INVALID,
                            "line 1, column 1: more than 256 permissions, with the four that are built in");
    return SP_OK;
}

static enum sp_status build_permissions(struct sp_yaml *yaml, struct sp_schema *schema) {
    struct draft **sorted = NULL;
    enum sp_status status = add_builtin_permissions(yaml);
    if (status != SP_OK)
        return status;
    status = sort_drafts(yaml, &drafts_of(yaml)->permissions, &sorted);
    if (status != SP_OK)
        return status;
    schema->permission_count = drafts_of(yaml)->permissions.count;
    schema->permissions = sp_arena_calloc(yaml->arena, schema->permission_count, sizeof(*schema->permissions));
    if (schema->permissions == NULL)
        return sp_yaml_refuse_memory(yaml);
    for (size_t i = 0; i < schema->permission_count; i++) {
        const struct draft_permission *draft = (const struct draft_permission *)(const void *)sorted[i];
        schema->permissions[i] = (struct sp_schema_permission){draft->draft.name.text, draft->description};
    }
    return SP_OK;
}

static enum sp_status build_action(const struct sp_yaml *yaml, const struct sp_schema *schema,
                                   const struct draft_action *draft, struct sp_schema_action *ret_action) {
    *ret_action = (struct sp_schema_action){.name = draft->draft.name.text, .role = draft->role};
    if (draft->permission.text.size == 0)
        return SP_OK;
    const struct sp_schema_permission *permission = sp_schema_find_permission(schema, draft->permission.text);
    if (permission == NULL)
        return sp_yaml_refuse(yaml, &draft->permission, draft->permission.text.data,
                              "is not a permission; add it to permissions or correct the name");
    ret_action->needs_permission = true;
    ret_action->permission = (uint32_t)(permission - schema->permissions);
    return SP_OK;
}

static enum sp_status build_type(const struct sp_yaml *yaml, const struct sp_schema *schema,
                                 const struct draft_type *draft, struct sp_schema_type *ret_type) {
    struct draft **sorted = NULL;
    enum sp_status status = sort_drafts(yaml, &draft->actions, &sorted);
    if (status != SP_OK)
        return status;
    size_t count = draft->actions.count;
    struct sp_schema_action *actions = sp_arena_calloc(yaml->arena, count, sizeof(*actions));
    if (actions == NULL)
        return sp_yaml_refuse_memory(yaml);
    for (size_t i = 0; i < count; i++) {
        status = build_action(yaml, schema, (const struct draft_action *)(const void *)sorted[i], &actions[i]);
        if (status != SP_OK)
            return status;
    }
    enum sp_register by_default = draft->workspace_scoped ? SP_REGISTER_ADMIN : SP_REGISTER_OPERATOR;
    *ret_type =
        (struct sp_schema_type){.name = draft->draft.name.text,
                                .description = draft->description,
                                .workspace_scoped = draft->workspace_scoped,
                                .register_level = draft->register_level == 0 ? by_default : draft->register_level,
                                .actions = actions,
                                .action_count = count};
    return SP_OK;
}

static enum sp_status build_types(const struct sp_yaml *yaml, struct sp_schema *schema) {
    struct draft **sorted = NULL;
    enum sp_status status = sort_drafts(yaml, &drafts_of(yaml)->types, &sorted);
    if (status != SP_OK)
        return status;
    schema->type_count = drafts_of(yaml)->types.count;
    schema->types = sp_arena_calloc(yaml->arena, schema->type_count + 1, sizeof(*schema->types));
    if (schema->types == NULL)
        return sp_yaml_refuse_memory(yaml);
    for (size_t i = 0; i < schema->type_count; i++) {
        status = build_type(yaml, schema, (const struct draft_type *)(const void *)sorted[i], &schema->types[i]);
        if (status != SP_OK)
            return status;
    }
    return SP_OK;
}

/* ---- routes ---- */

/* Nobody has a role on nothing. */
static enum sp_status check_route_id(const struct sp_yaml *yaml, const struct draft_route *draft,
                                     const struct sp_schema_action *action) {
    const struct sp_route *route = &draft->route;
    struct sp_error why;
    if (route->id_kind != SP_ROUTE_ID_NONE || action->role == SP_ROLE_NONE)
        return SP_OK;
    sp_error_set(&why, SP_ERR_INVALID,
                 "%.*s of %.*s needs the role %s on a resource, and the route names none, so it can never allow; write "
                 "%.*s/{segment} or %.*s/ID, or choose an action without a role",
                 SP_STR_ARG(route->action), SP_STR_ARG(route->type), sp_role_name(action->role),
                 SP_STR_ARG(route->type), SP_STR_ARG(route->type));
    return sp_yaml_refuse_because(yaml, &draft->target, &why);
}

#define NEEDS_VERSION_2                                                                                                \
    "hosts, suffixes behind captures, {name...}, '-' in names of captures, and ids of several captures require "       \
    "\"version: 2\" at the top, which earlier releases do not read"

static enum sp_status check_route(const struct sp_yaml *yaml, const struct sp_schema *schema,
                                  const struct draft_route *draft) {
    const struct sp_route *route = &draft->route;
    const struct sp_schema_type *type = sp_schema_find_type(schema, route->type);
    struct sp_error why;
    if (route->needs_version_2 && drafts_of(yaml)->version < 2)
        return sp_yaml_refuse_because(yaml, &draft->key, &(struct sp_error){.message = NEEDS_VERSION_2});
    const struct sp_schema_action *action = type == NULL ? NULL : sp_schema_find_action(type, route->action);
    if (action != NULL)
        return drafts_of(yaml)->stored ? SP_OK : check_route_id(yaml, draft, action);
    if (type == NULL)
        sp_error_set(&why, SP_ERR_INVALID, "there is no type %.*s; add it to types or correct the name",
                     SP_STR_ARG(route->type));
    else
        sp_error_set(&why, SP_ERR_INVALID, "type %.*s has no action %.*s; add it or correct the name",
                     SP_STR_ARG(route->type), SP_STR_ARG(route->action));
    return sp_yaml_refuse_because(yaml, &draft->target, &why);
}

static int compare_by_path(const void *left, const void *right) {
    const struct sp_route *a = *(const struct sp_route *const *)left, *b = *(const struct sp_route *const *)right;
    int order = sp_str_compare(a->path, b->path);
    return order != 0 ? order : sp_str_compare(a->method, b->method);
}

static enum sp_status build_routes(const struct sp_yaml *yaml, struct sp_schema *schema) {
    const struct drafts *drafts = drafts_of(yaml);
    size_t count = 0;
    schema->routes = sp_arena_calloc(yaml->arena, drafts->route_count + 1, sizeof(*schema->routes));
    schema->sorted_routes = sp_arena_calloc(yaml->arena, drafts->route_count + 1, sizeof(*schema->sorted_routes));
    if (schema->routes == NULL || schema->sorted_routes == NULL)
        return sp_yaml_refuse_memory(yaml);
    for (const struct draft_route *draft = drafts->first_route; draft != NULL; draft = draft->next) {
        enum sp_status status = check_route(yaml, schema, draft);
        if (status != SP_OK)
            return status;
        schema->routes[count] = draft->route;
        schema->sorted_routes[count] = &schema->routes[count];
        count++;
    }
    schema->route_count = count;
    qsort(schema->sorted_routes, schema->route_count, sizeof(*schema->sorted_routes), compare_by_path);
    return sp_routes_compile(schema->routes, schema->route_count, yaml->arena, &schema->matcher, yaml->error);
}

static enum sp_status parse_schema_text(struct sp_str text, bool stored, struct sp_arena *arena,
                                        struct sp_schema *ret_schema, struct sp_error *error) {
    struct drafts drafts = {.stored = stored};
    struct sp_yaml yaml = {.arena = arena, .error = error, .user = &drafts, .stored = stored};
    struct sp_schema schema = {0};
    if (text.size > SP_SCHEMA_MAX_BYTES)
        return sp_error_set(error, SP_ERR_INVALID, "line 1, column 1: longer than 1 MiB");
    enum sp_status status = sp_yaml_read(&yaml, text, "the schema is empty; begin with \"version: 1\"",
                                         "a schema is a mapping; begin with \"version: 1\"", read_top);
    if (status != SP_OK)
        return status;
    if ((drafts.seen & 1) == 0)
        return sp_error_set(error, SP_ERR_INVALID, "line 1, column 1: version is missing; add \"version: 1\"");
    status = build_permissions(&yaml, &schema);
    if (status != SP_OK)
        return status;
    status = build_types(&yaml, &schema);
    if (status != SP_OK)
        return status;
    status = build_routes(&yaml, &schema);
    if (status != SP_OK)
        return status;
    *ret_schema = schema;
    return SP_OK;
}

enum sp_status sp_schema_parse(struct sp_str text, struct sp_arena *arena, struct sp_schema *ret_schema,
                               struct sp_error *error) {
    return parse_schema_text(text, false, arena, ret_schema, error);
}

enum sp_status sp_schema_parse_stored(struct sp_str text, struct sp_arena *arena, struct sp_schema *ret_schema,
                                      struct sp_error *error) {
    return parse_schema_text(text, true, arena, ret_schema, error);
}

/* Names come first in all that is looked up, so that one search serves them all. */
_Static_assert(offsetof(struct sp_schema_permission, name) == 0, "name first");
_Static_assert(offsetof(struct sp_schema_type, name) == 0, "name first");
_Static_assert(offsetof(struct sp_schema_action, name) == 0, "name first");

static int compare_name(const void *name, const void *named) {
    return sp_str_compare(*(const struct sp_str *)name, *(const struct sp_str *)named);
}

static const void *search_by_name(struct sp_str name, const void *sorted, size_t count, size_t size) {
    return count == 0 ? NULL : bsearch(&name, sorted, count, size, compare_name);
}

const struct sp_schema_permission *sp_schema_find_permission(const struct sp_schema *schema, struct sp_str name) {
    return search_by_name(name, schema->permissions, schema->permission_count, sizeof(*schema->permissions));
}

const struct sp_schema_type *sp_schema_find_type(const struct sp_schema *schema, struct sp_str name) {
    return search_by_name(name, schema->types, schema->type_count, sizeof(*schema->types));
}

const struct sp_schema_action *sp_schema_find_action(const struct sp_schema_type *type, struct sp_str name) {
    return search_by_name(name, type->actions, type->action_count, sizeof(*type->actions));
}

const struct sp_route *sp_schema_find_route(const struct sp_schema *schema, struct sp_str method, struct sp_str path) {
    const struct sp_route wanted = {.method = method, .path = path}, *key = &wanted;
    const struct sp_route **found = schema->route_count == 0 ? NULL
                                                             : bsearch(&key, schema->sorted_routes, schema->route_count,
                                                                       sizeof(*found), compare_by_path);
    return found == NULL ? NULL : *found;
}

bool sp_schema_permission_claims(struct sp_str name) {
    return sp_str_equal(name, SP_STR_LITERAL(SP_PERMISSION_REGISTER)) ||
           sp_str_equal(name, SP_STR_LITERAL(SP_PERMISSION_ROTATE));
}

struct sp_str sp_schema_default_yaml(void) {
    return (struct sp_str){(const char *)sp_embedded_schema_bytes, sp_embedded_schema_size};
}
