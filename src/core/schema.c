#include "core/schema.h"

#include <stdlib.h>

#include "base/text.h"
#include "core/permission_set.h"
#include "core/route_compile.h"
#include "core/schema_draft.h"

extern const unsigned char sp_embedded_schema_bytes[];
extern const unsigned long sp_embedded_schema_size;

const struct sp_schema_permission sp_schema_builtin_permissions[4] = {
    {{"api_key_rotate", 14}, {"Rotate the key itself", 21}},
    {{"resource_register", 17}, {"Register and delete resources of the workspace", 46}},
    {{"workspace_read", 14}, {"Read the workspace as its admin", 31}},
    {{"workspace_write", 15}, {"Change the workspace as its admin", 33}},
};

/* By name, and then by place, so that of two equals the later one is refused. */
static int compare_drafts(const void *left, const void *right) {
    const struct sp_yaml_scalar *a = &(*(struct sp_draft *const *)left)->name,
                                *b = &(*(struct sp_draft *const *)right)->name;
    int order = sp_str_compare(a->text, b->text);
    if (order == 0)
        order = (a->line > b->line) - (a->line < b->line);
    return order != 0 ? order : (a->column > b->column) - (a->column < b->column);
}

/* The list's drafts in an array sorted by name; a name given twice is refused. */
static enum sp_status sort_drafts(const struct sp_yaml *yaml, const struct sp_draft_list *list,
                                  struct sp_draft ***ret_sorted) {
    struct sp_draft **sorted = sp_arena_calloc(yaml->arena, list->count + 1, sizeof(struct sp_draft *));
    if (sorted == NULL)
        return sp_yaml_refuse_memory(yaml);
    size_t count = 0;
    for (struct sp_draft *draft = list->newest; draft != NULL; draft = draft->next)
        sorted[count++] = draft;
    qsort(sorted, count, sizeof(struct sp_draft *), compare_drafts);
    for (size_t i = 1; i < count; i++) {
        if (!sp_str_equal(sorted[i - 1]->name.text, sorted[i]->name.text))
            continue;
        enum sp_status status = sp_schema_keep_error(
            yaml, sp_yaml_refuse(yaml, &sorted[i]->name, sorted[i]->name.text.data, "is given twice; remove one"));
        if (status != SP_OK)
            return status;
    }
    *ret_sorted = sorted;
    return SP_OK;
}

static bool is_listed(const struct sp_draft_list *list, struct sp_str name) {
    const struct sp_draft *draft = list->newest;
    while (draft != NULL && !sp_str_equal(draft->name.text, name))
        draft = draft->next;
    return draft != NULL;
}

/* The built-in permissions that the text does not describe itself. */
static enum sp_status add_builtin_permissions(struct sp_yaml *yaml) {
    for (size_t i = 0; i < sizeof(sp_schema_builtin_permissions) / sizeof(*sp_schema_builtin_permissions); i++) {
        const struct sp_schema_permission *builtin = &sp_schema_builtin_permissions[i];
        struct sp_yaml_scalar name = {.text = builtin->name};
        struct sp_draft *draft = NULL;
        if (is_listed(&sp_drafts_of(yaml)->permissions, builtin->name))
            continue;
        enum sp_status status = sp_draft_add(yaml, &name, "permission", sizeof(struct sp_draft_permission),
                                             &sp_drafts_of(yaml)->permissions, &draft);
        if (status != SP_OK)
            return status;
        ((struct sp_draft_permission *)(void *)draft)->description = builtin->description;
    }
    if (sp_drafts_of(yaml)->permissions.count > SP_PERMISSIONS_MAX)
        return sp_error_set(yaml->error, SP_ERR_INVALID,
                            "line 1, column 1: more than 256 permissions, with the four that are built in");
    return SP_OK;
}

static enum sp_status build_permissions(struct sp_yaml *yaml, struct sp_schema *schema) {
    struct sp_draft **sorted = NULL;
    enum sp_status status = add_builtin_permissions(yaml);
    if (status != SP_OK)
        return status;
    status = sort_drafts(yaml, &sp_drafts_of(yaml)->permissions, &sorted);
    if (status != SP_OK)
        return status;
    schema->permission_count = sp_drafts_of(yaml)->permissions.count;
    schema->permissions = sp_arena_calloc(yaml->arena, schema->permission_count, sizeof(*schema->permissions));
    if (schema->permissions == NULL)
        return sp_yaml_refuse_memory(yaml);
    for (size_t i = 0; i < schema->permission_count; i++) {
        const struct sp_draft_permission *draft = (const struct sp_draft_permission *)(const void *)sorted[i];
        schema->permissions[i] = (struct sp_schema_permission){draft->draft.name.text, draft->description};
    }
    return SP_OK;
}

static enum sp_status build_action(const struct sp_yaml *yaml, const struct sp_schema *schema,
                                   const struct sp_draft_action *draft, struct sp_schema_action *ret_action) {
    *ret_action = (struct sp_schema_action){.name = draft->draft.name.text, .role = draft->role};
    if (draft->permission.text.size == 0)
        return SP_OK;
    const struct sp_schema_permission *permission = sp_schema_find_permission(schema, draft->permission.text);
    if (permission == NULL)
        return sp_schema_keep_error(yaml,
                                    sp_yaml_refuse(yaml, &draft->permission, draft->permission.text.data,
                                                   "is not a permission; add it to permissions or correct the name"));
    ret_action->needs_permission = true;
    ret_action->permission = (uint32_t)(permission - schema->permissions);
    return SP_OK;
}

static enum sp_status build_type(const struct sp_yaml *yaml, const struct sp_schema *schema,
                                 const struct sp_draft_type *draft, struct sp_schema_type *ret_type) {
    struct sp_draft **sorted = NULL;
    enum sp_status status = sort_drafts(yaml, &draft->actions, &sorted);
    if (status != SP_OK)
        return status;
    size_t count = draft->actions.count;
    struct sp_schema_action *actions = sp_arena_calloc(yaml->arena, count, sizeof(*actions));
    if (actions == NULL)
        return sp_yaml_refuse_memory(yaml);
    for (size_t i = 0; i < count; i++) {
        status = build_action(yaml, schema, (const struct sp_draft_action *)(const void *)sorted[i], &actions[i]);
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
    struct sp_draft **sorted = NULL;
    enum sp_status status = sort_drafts(yaml, &sp_drafts_of(yaml)->types, &sorted);
    if (status != SP_OK)
        return status;
    schema->type_count = sp_drafts_of(yaml)->types.count;
    schema->types = sp_arena_calloc(yaml->arena, schema->type_count + 1, sizeof(*schema->types));
    if (schema->types == NULL)
        return sp_yaml_refuse_memory(yaml);
    for (size_t i = 0; i < schema->type_count; i++) {
        status = build_type(yaml, schema, (const struct sp_draft_type *)(const void *)sorted[i], &schema->types[i]);
        if (status != SP_OK)
            return status;
    }
    return SP_OK;
}

/* ---- routes ---- */

/* Nobody has a role on nothing. */
static enum sp_status check_route_id(const struct sp_yaml *yaml, const struct sp_draft_route *draft,
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
                                  const struct sp_draft_route *draft) {
    const struct sp_route *route = &draft->route;
    const struct sp_schema_type *type = sp_schema_find_type(schema, route->type);
    struct sp_error why;
    if (route->needs_version_2 && sp_drafts_of(yaml)->version == 1)
        return sp_yaml_refuse_because(yaml, &draft->key, &(struct sp_error){.message = NEEDS_VERSION_2});
    const struct sp_schema_action *action = type == NULL ? NULL : sp_schema_find_action(type, route->action);
    if (action != NULL)
        return sp_drafts_of(yaml)->stored ? SP_OK : check_route_id(yaml, draft, action);
    if (type == NULL)
        sp_error_set(&why, SP_ERR_INVALID, "there is no type %.*s; add it to types or correct the name",
                     SP_STR_ARG(route->type));
    else
        sp_error_set(&why, SP_ERR_INVALID, "type %.*s has no action %.*s; add it or correct the name",
                     SP_STR_ARG(route->type), SP_STR_ARG(route->action));
    return sp_yaml_refuse_because(yaml, &draft->target, &why);
}

/* What was probably meant otherwise. */
static enum sp_status add_doubt(const struct sp_yaml *yaml, const struct sp_draft_route *draft) {
    struct sp_str literal;
    const char *doubt = sp_route_find_doubt(&draft->route, &literal);
    if (doubt == NULL || sp_drafts_of(yaml)->findings == NULL)
        return SP_OK;
    struct sp_error words;
    sp_error_set(&words, SP_ERR_INVALID, "\"%.*s\" %s", SP_STR_ARG(literal), doubt); /* which masks keys */
    const char *what = sp_arena_strdup(yaml->arena, sp_str_from(words.message));
    if (what == NULL)
        return sp_yaml_refuse_memory(yaml);
    const struct sp_schema_finding finding = {.line = draft->key.line,
                                              .column = sp_yaml_column(yaml, draft->key.line, draft->key.column),
                                              .warning = true,
                                              .what = what};
    sp_schema_add_finding(sp_drafts_of(yaml)->findings, &finding);
    return SP_OK;
}

/* Those that lead somewhere, in the order of the file. */
static enum sp_status take_routes(const struct sp_yaml *yaml, struct sp_schema *schema) {
    const struct sp_drafts *drafts = sp_drafts_of(yaml);
    schema->routes = sp_arena_calloc(yaml->arena, drafts->route_count + 1, sizeof(*schema->routes));
    if (schema->routes == NULL)
        return sp_yaml_refuse_memory(yaml);
    for (const struct sp_draft_route *draft = drafts->first_route; draft != NULL; draft = draft->next) {
        enum sp_status refused = check_route(yaml, schema, draft), status = sp_schema_keep_error(yaml, refused);
        if (status == SP_OK)
            status = add_doubt(yaml, draft);
        if (status != SP_OK)
            return status;
        if (refused == SP_OK)
            schema->routes[schema->route_count++] = draft->route;
    }
    return SP_OK;
}

static void drop_route_at(struct sp_schema *schema, size_t line, size_t column) {
    size_t i = 0;
    while (i < schema->route_count && (schema->routes[i].line != line || schema->routes[i].column != column))
        i++;
    if (i == schema->route_count) {
        schema->route_count = 0; /* the error is about all of them */
        return;
    }
    schema->route_count--;
    memmove(&schema->routes[i], &schema->routes[i + 1], (schema->route_count - i) * sizeof(*schema->routes));
}

/* Compiling finds one conflict at a time: the route that it blames is left out for the next. */
static enum sp_status compile_schema_routes(const struct sp_yaml *yaml, struct sp_schema *schema) {
    const struct sp_schema_findings *findings = sp_drafts_of(yaml)->findings;
    for (;;) {
        enum sp_status refused =
            sp_routes_compile(schema->routes, schema->route_count, yaml->arena, &schema->matcher, yaml->error);
        enum sp_status status = sp_schema_keep_error(yaml, refused);
        if (refused == SP_OK || status != SP_OK || findings->count >= SP_SCHEMA_FINDINGS_MAX)
            return status;
        const struct sp_schema_finding *last = &findings->items[findings->count - 1];
        drop_route_at(schema, last->line, last->column);
    }
}

static int compare_by_path(const void *left, const void *right) {
    const struct sp_route *a = *(const struct sp_route *const *)left, *b = *(const struct sp_route *const *)right;
    int order = sp_str_compare(a->path, b->path);
    return order != 0 ? order : sp_str_compare(a->method, b->method);
}

static enum sp_status build_routes(const struct sp_yaml *yaml, struct sp_schema *schema) {
    enum sp_status status = take_routes(yaml, schema);
    if (status != SP_OK)
        return status;
    status = compile_schema_routes(yaml, schema);
    if (status != SP_OK)
        return status;
    schema->sorted_routes = sp_arena_calloc(yaml->arena, schema->route_count + 1, sizeof(*schema->sorted_routes));
    if (schema->sorted_routes == NULL)
        return sp_yaml_refuse_memory(yaml);
    for (size_t i = 0; i < schema->route_count; i++)
        schema->sorted_routes[i] = &schema->routes[i];
    qsort(schema->sorted_routes, schema->route_count, sizeof(*schema->sorted_routes), compare_by_path);
    return SP_OK;
}

static enum sp_status build_schema(struct sp_yaml *yaml, struct sp_str text, struct sp_schema *schema) {
    enum sp_status status = sp_schema_read_drafts(yaml, text);
    if (status != SP_OK)
        return status;
    status = build_permissions(yaml, schema);
    if (status != SP_OK)
        return status;
    status = build_types(yaml, schema);
    if (status != SP_OK)
        return status;
    return build_routes(yaml, schema);
}

static enum sp_status parse_schema_text(struct sp_str text, bool stored, struct sp_arena *arena,
                                        struct sp_schema *ret_schema, struct sp_error *error) {
    struct sp_drafts drafts = {.stored = stored};
    struct sp_yaml yaml = {.arena = arena, .error = error, .user = &drafts, .stored = stored};
    struct sp_schema schema = {0};
    enum sp_status status = build_schema(&yaml, text, &schema);
    if (status == SP_OK)
        *ret_schema = schema;
    return status;
}

static int compare_findings(const void *left, const void *right) {
    const struct sp_schema_finding *a = left, *b = right;
    if (a->line != b->line)
        return a->line < b->line ? -1 : 1;
    return (a->column > b->column) - (a->column < b->column);
}

enum sp_status sp_schema_check(struct sp_str text, struct sp_arena *arena, struct sp_schema_findings *ret_findings,
                               struct sp_schema *ret_schema) {
    struct sp_error error = {0};
    struct sp_drafts drafts = {.findings = ret_findings};
    struct sp_yaml yaml = {.arena = arena, .error = &error, .user = &drafts, .lists = true};
    struct sp_schema schema = {0};
    *ret_findings = (struct sp_schema_findings){.count = 0};
    enum sp_status status = build_schema(&yaml, text, &schema);
    yaml.broken = false; /* nothing follows: the error that ended it is one of them */
    status = sp_schema_keep_error(&yaml, status);
    if (status != SP_OK)
        return status;
    size_t kept = ret_findings->count < SP_SCHEMA_FINDINGS_MAX ? ret_findings->count : SP_SCHEMA_FINDINGS_MAX;
    qsort(ret_findings->items, kept, sizeof(*ret_findings->items), compare_findings);
    if (ret_findings->error_count > 0)
        return SP_ERR_INVALID;
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
