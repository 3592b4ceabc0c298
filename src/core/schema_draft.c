#include "core/schema_draft.h"

#include "base/text.h"
#include "core/permission_set.h"
#include "core/schema_limits.h"

enum { DESCRIPTION_MAX_BYTES = 512 };

/* ---- findings ---- */

void sp_schema_add_finding(struct sp_schema_findings *findings, const struct sp_schema_finding *finding) {
    if (findings == NULL)
        return;
    if (findings->count < SP_SCHEMA_FINDINGS_MAX)
        findings->items[findings->count] = *finding;
    findings->count++;
    findings->error_count += !finding->warning;
}

enum sp_status sp_schema_keep_error(const struct sp_yaml *yaml, enum sp_status status) {
    struct sp_schema_findings *findings = sp_drafts_of(yaml)->findings;
    struct sp_schema_finding finding = {.line = 1, .column = 1};
    if (status != SP_ERR_INVALID || findings == NULL || yaml->broken)
        return status;
    const char *what = sp_yaml_split_place(yaml->error->message, &finding.line, &finding.column);
    finding.what = sp_arena_strdup(yaml->arena, sp_str_from(what));
    if (finding.what == NULL)
        return sp_yaml_refuse_memory(yaml);
    sp_schema_add_finding(findings, &finding);
    return SP_OK;
}

/* The same of a key whose value was not read yet. */
static enum sp_status keep_key_error(struct sp_yaml *yaml, enum sp_status status) {
    status = sp_schema_keep_error(yaml, status);
    return status != SP_OK ? status : sp_yaml_skip(yaml);
}

/* ---- the text ---- */

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
enum sp_status sp_draft_add(const struct sp_yaml *yaml, const struct sp_yaml_scalar *name, const char *what,
                            size_t size, struct sp_draft_list *list, struct sp_draft **ret_draft) {
    enum sp_status status = check_word(yaml, name, what);
    if (status != SP_OK)
        return status;
    struct sp_draft *draft = sp_arena_calloc(yaml->arena, 1, size);
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
    struct sp_draft *draft = NULL;
    enum sp_status status = sp_draft_add(yaml, key, "permission", sizeof(struct sp_draft_permission),
                                         &sp_drafts_of(yaml)->permissions, &draft);
    if (status == SP_OK && sp_drafts_of(yaml)->permissions.count > SP_PERMISSIONS_MAX)
        status = sp_yaml_refuse(yaml, key, "more than 256 permissions,", "with the four that are built in");
    if (status != SP_OK)
        return keep_key_error(yaml, status);
    return sp_schema_keep_error(yaml,
                                read_description(yaml, &((struct sp_draft_permission *)(void *)draft)->description));
}

static enum sp_status read_action_entry(struct sp_yaml *yaml, const struct sp_yaml_scalar *key, void *context) {
    static const char *const keys[] = {"permission", "role"};
    struct sp_draft_action *action = context;
    size_t index = 0;
    enum sp_status status = sp_yaml_find_key(yaml, key, keys, 2, "permission or role", &action->seen, &index);
    if (status != SP_OK)
        return keep_key_error(yaml, status);
    status = index == 1 ? sp_role_read(yaml, &action->role) : sp_yaml_read_scalar(yaml, &action->permission);
    if (status == SP_OK && index == 0)
        status = check_word(yaml, &action->permission, "permission");
    return sp_schema_keep_error(yaml, status);
}

static enum sp_status read_action_draft(struct sp_yaml *yaml, const struct sp_yaml_scalar *key, void *context) {
    struct sp_draft_type *type = context;
    struct sp_draft *draft = NULL;
    enum sp_status status = sp_draft_add(yaml, key, "action", sizeof(struct sp_draft_action), &type->actions, &draft);
    if (status == SP_OK && ++sp_drafts_of(yaml)->action_count > SP_SCHEMA_MAX_ACTIONS)
        status = sp_yaml_refuse(yaml, key, "more than 10,000 actions;", "remove some");
    if (status != SP_OK)
        return keep_key_error(yaml, status);
    return sp_schema_keep_error(
        yaml, sp_yaml_read_mapping(yaml, "an action is a mapping, such as {permission: name, role: viewer} or {}",
                                   read_action_entry, draft));
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

static enum sp_status read_register_level(struct sp_yaml *yaml, enum sp_register *ret_level) {
    struct sp_yaml_scalar scalar = {0};
    enum sp_status status = sp_yaml_read_scalar(yaml, &scalar);
    if (status != SP_OK)
        return status;
    if (sp_register_parse(scalar.text, ret_level))
        return SP_OK;
    return sp_yaml_refuse(yaml, &scalar, "register", "must be operator, permitted or admin");
}

static enum sp_status read_type_entry(struct sp_yaml *yaml, const struct sp_yaml_scalar *key, void *context) {
    static const char *const keys[] = {"ids", "register", "description", "actions"};
    struct sp_draft_type *type = context;
    size_t index = 0;
    enum sp_status status =
        sp_yaml_find_key(yaml, key, keys, 4, "ids, register, description or actions", &type->seen, &index);
    if (status != SP_OK)
        return keep_key_error(yaml, status);
    if (index == 0)
        status = read_ids(yaml, &type->workspace_scoped);
    else if (index == 1)
        status = read_register_level(yaml, &type->register_level);
    else if (index == 2)
        status = read_description(yaml, &type->description);
    else
        status = sp_yaml_read_mapping(yaml, "actions are a mapping of names", read_action_draft, type);
    return sp_schema_keep_error(yaml, status);
}

static enum sp_status read_type(struct sp_yaml *yaml, const struct sp_yaml_scalar *key, void *context) {
    (void)context;
    struct sp_draft *draft = NULL;
    enum sp_status status =
        sp_draft_add(yaml, key, "type", sizeof(struct sp_draft_type), &sp_drafts_of(yaml)->types, &draft);
    if (status == SP_OK && sp_drafts_of(yaml)->types.count > SP_SCHEMA_MAX_TYPES)
        status = sp_yaml_refuse(yaml, key, "more than 1,000 types;", "remove some");
    if (status != SP_OK)
        return keep_key_error(yaml, status);
    status = sp_yaml_read_mapping(yaml, "a type is a mapping with its actions", read_type_entry, draft);
    if (status == SP_OK && ((struct sp_draft_type *)(void *)draft)->actions.count == 0)
        status = sp_yaml_refuse(yaml, key, draft->name.text.data, "has no actions; add one or remove the type");
    return sp_schema_keep_error(yaml, status);
}

static enum sp_status read_route_key(const struct sp_yaml *yaml, const struct sp_yaml_scalar *key,
                                     struct sp_route *route) {
    struct sp_error why = {0};
    if (++sp_drafts_of(yaml)->route_count > SP_ROUTES_MAX)
        return sp_yaml_refuse(yaml, key, "more than 25,000 routes;", "remove some");
    if (sp_route_read_path(key->text, route, &why) != SP_OK)
        return sp_yaml_refuse_because(yaml, key, &why);
    route->line = key->line;
    route->column = key->column;
    return SP_OK;
}

static enum sp_status read_route_value(struct sp_yaml *yaml, struct sp_draft_route *draft) {
    struct sp_error why = {0};
    enum sp_status status = sp_yaml_read_scalar(yaml, &draft->target);
    if (status != SP_OK)
        return status;
    if (sp_route_read_target(draft->target.text, &draft->route, &why) != SP_OK)
        return sp_yaml_refuse_because(yaml, &draft->target, &why);
    return SP_OK;
}

/* "METHOD PATH: ACTION RESOURCE". */
static enum sp_status read_route(struct sp_yaml *yaml, const struct sp_yaml_scalar *key, void *context) {
    struct sp_drafts *drafts = sp_drafts_of(yaml);
    (void)context;
    struct sp_draft_route *draft = sp_arena_calloc(yaml->arena, 1, sizeof(*draft));
    if (draft == NULL)
        return sp_yaml_refuse_memory(yaml);
    draft->key = *key;
    enum sp_status status = read_route_key(yaml, key, &draft->route);
    if (status != SP_OK)
        return keep_key_error(yaml, status);
    status = read_route_value(yaml, draft);
    if (status != SP_OK)
        return sp_schema_keep_error(yaml, status);
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
    sp_drafts_of(yaml)->version = second ? 2 : 1;
    return SP_OK;
}

static enum sp_status read_top(struct sp_yaml *yaml, const struct sp_yaml_scalar *key, void *context) {
    static const char *const keys[] = {"version", "permissions", "types", "routes"};
    (void)context;
    size_t index = 0;
    enum sp_status status = sp_yaml_find_key(yaml, key, keys, 4, "version, permissions, types or routes",
                                             &sp_drafts_of(yaml)->seen, &index);
    if (status != SP_OK)
        return keep_key_error(yaml, status);
    if (index == 0)
        status = read_version(yaml);
    else if (index == 1)
        status =
            sp_yaml_read_mapping(yaml, "permissions are a mapping of names to descriptions", read_permission, NULL);
    else if (index == 2)
        status = sp_yaml_read_mapping(yaml, "types are a mapping of names", read_type, NULL);
    else
        status = sp_yaml_read_mapping(
            yaml, "routes are a mapping, such as GET /v1/voices/{voice_id}: read voice/{voice_id}", read_route, NULL);
    return sp_schema_keep_error(yaml, status);
}

enum sp_status sp_schema_read_drafts(struct sp_yaml *yaml, struct sp_str text) {
    if (text.size > SP_SCHEMA_MAX_BYTES)
        return sp_error_set(yaml->error, SP_ERR_INVALID, "line 1, column 1: longer than 1 MiB");
    enum sp_status status = sp_yaml_read(yaml, text, "the schema is empty; begin with \"version: 1\"",
                                         "a schema is a mapping; begin with \"version: 1\"", read_top);
    if (status != SP_OK)
        return status;
    if ((sp_drafts_of(yaml)->seen & 1) == 0)
        return sp_schema_keep_error(yaml, sp_error_set(yaml->error, SP_ERR_INVALID,
                                                       "line 1, column 1: version is missing; add \"version: 1\""));
    return SP_OK;
}
