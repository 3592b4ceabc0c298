#include "core/schema.h"

#include <stdlib.h>
#include <yaml.h>

#include "base/text.h"
#include "core/permission_set.h"

extern const unsigned char sp_embedded_schema_bytes[];
extern const unsigned long sp_embedded_schema_size;

enum { DESCRIPTION_MAX_BYTES = 512 };

const struct sp_schema_permission sp_schema_builtin_permissions[4] = {
    {{"api_key_rotate", 14}, {"Rotate the key itself", 21}},
    {{"resource_register", 17}, {"Register and delete resources of the workspace", 46}},
    {{"workspace_read", 14}, {"Read the workspace as its admin", 31}},
    {{"workspace_write", 15}, {"Change the workspace as its admin", 33}},
};

/* Text of the file and where it stands, counted from 1. */
struct scalar {
    struct sp_str text;
    size_t line;
    size_t column;
};

/* What is common to named things while they are gathered: lists, newest first. */
struct draft {
    struct draft *next;
    struct scalar name;
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
    struct scalar permission; /* empty: none */
    enum sp_role role;
    unsigned seen;
};

struct draft_type {
    struct draft draft;
    struct sp_str description;
    bool workspace_scoped;
    struct draft_list actions;
    unsigned seen;
};

struct parser {
    yaml_parser_t yaml;
    struct sp_str text;
    struct sp_arena *arena;
    struct sp_error *error;
    struct draft_list permissions;
    struct draft_list types;
    size_t action_count;
    unsigned seen; /* of the keys on top */
};

static enum sp_status refuse_mark(const struct parser *parser, const yaml_mark_t *mark, const char *what) {
    sp_error_set(parser->error, SP_ERR_INVALID, "line %zu, column %zu: %s", mark->line + 1, mark->column + 1, what);
    return SP_ERR_INVALID;
}

/* Refuses with "line L, column C: subject what". */
static enum sp_status refuse_scalar(const struct parser *parser, const struct scalar *at, const char *subject,
                                    const char *what) {
    sp_error_set(parser->error, SP_ERR_INVALID, "line %zu, column %zu: %s %s", at->line, at->column, subject, what);
    return SP_ERR_INVALID;
}

static enum sp_status refuse_memory(const struct parser *parser) {
    sp_error_set(parser->error, SP_ERR_MEMORY, "out of memory");
    return SP_ERR_MEMORY;
}

/* The reader, which looks at bytes before there are lines, gives an offset only. */
static enum sp_status refuse_bytes(const struct parser *parser) {
    yaml_mark_t mark = {0};
    for (size_t i = 0; i < parser->text.size && i < parser->yaml.problem_offset; i++) {
        mark.column = parser->text.data[i] == '\n' ? 0 : mark.column + 1;
        mark.line += parser->text.data[i] == '\n';
    }
    return refuse_mark(parser, &mark, parser->yaml.problem);
}

static enum sp_status refuse_yaml(const struct parser *parser) {
    if (parser->yaml.error == YAML_MEMORY_ERROR)
        return refuse_memory(parser);
    if (parser->yaml.error == YAML_READER_ERROR)
        return refuse_bytes(parser);
    return refuse_mark(parser, &parser->yaml.problem_mark, parser->yaml.problem);
}

/* What is refused wherever it stands; NULL for nothing. */
static const char *fault_of_event(const yaml_event_t *event) {
    switch ((int)event->type) {
    case YAML_ALIAS_EVENT:
        return "aliases are not allowed; write the value out";
    case YAML_SCALAR_EVENT:
        if (event->data.scalar.anchor != NULL)
            return "anchors are not allowed; write the value out";
        return event->data.scalar.tag != NULL ? "tags are not allowed; remove it" : NULL;
    case YAML_MAPPING_START_EVENT:
        if (event->data.mapping_start.anchor != NULL)
            return "anchors are not allowed; write the value out";
        return event->data.mapping_start.tag != NULL ? "tags are not allowed; remove it" : NULL;
    case YAML_SEQUENCE_START_EVENT:
        return "a list is not expected here";
    case YAML_DOCUMENT_START_EVENT:
        if (event->data.document_start.version_directive != NULL ||
            event->data.document_start.tag_directives.start != event->data.document_start.tag_directives.end)
            return "directives are not allowed; remove it";
        return NULL;
    default:
        return NULL;
    }
}

/* Reads an event, which the caller deletes. */
static enum sp_status next_event(struct parser *parser, yaml_event_t *ret_event) {
    yaml_event_t event = {.type = YAML_NO_EVENT};
    if (!yaml_parser_parse(&parser->yaml, &event))
        return refuse_yaml(parser);
    const char *fault = fault_of_event(&event);
    if (fault != NULL) {
        enum sp_status status = refuse_mark(parser, &event.start_mark, fault);
        yaml_event_delete(&event);
        return status;
    }
    *ret_event = event;
    return SP_OK;
}

/* Reads an event that must be of the type, and forgets it. */
static enum sp_status expect_event(struct parser *parser, yaml_event_type_t type, const char *otherwise) {
    yaml_event_t event = {.type = YAML_NO_EVENT};
    enum sp_status status = next_event(parser, &event);
    if (status != SP_OK)
        return status;
    if (event.type != type)
        status = refuse_mark(parser, &event.start_mark, otherwise);
    yaml_event_delete(&event);
    return status;
}

static enum sp_status copy_scalar(const struct parser *parser, const yaml_event_t *event, struct scalar *ret_scalar) {
    struct sp_str text = {(const char *)event->data.scalar.value, event->data.scalar.length};
    char *copy = sp_arena_strdup(parser->arena, text);
    if (copy == NULL)
        return refuse_memory(parser);
    *ret_scalar = (struct scalar){{copy, text.size}, event->start_mark.line + 1, event->start_mark.column + 1};
    return SP_OK;
}

static enum sp_status read_scalar(struct parser *parser, struct scalar *ret_scalar) {
    yaml_event_t event = {.type = YAML_NO_EVENT};
    enum sp_status status = next_event(parser, &event);
    if (status != SP_OK)
        return status;
    status = event.type == YAML_SCALAR_EVENT
                 ? copy_scalar(parser, &event, ret_scalar)
                 : refuse_mark(parser, &event.start_mark, "text is expected here, not a mapping");
    yaml_event_delete(&event);
    return status;
}

/* Reads a key; none at the mapping's end. */
static enum sp_status read_key(struct parser *parser, struct scalar *ret_key, bool *ret_end) {
    yaml_event_t event = {.type = YAML_NO_EVENT};
    enum sp_status status = next_event(parser, &event);
    if (status != SP_OK)
        return status;
    if (event.type == YAML_SCALAR_EVENT)
        status = copy_scalar(parser, &event, ret_key);
    else if (event.type != YAML_MAPPING_END_EVENT)
        status = refuse_mark(parser, &event.start_mark, "a key must be text");
    if (status == SP_OK)
        *ret_end = event.type == YAML_MAPPING_END_EVENT;
    yaml_event_delete(&event);
    return status;
}

/* Reads the value of the key, to whatever `context` is. */
typedef enum sp_status read_entry(struct parser *parser, const struct scalar *key, void *context);

static enum sp_status read_mapping(struct parser *parser, const char *otherwise, read_entry *read, void *context) {
    enum sp_status status = expect_event(parser, YAML_MAPPING_START_EVENT, otherwise);
    bool end = false;
    while (status == SP_OK) {
        struct scalar key = {0};
        status = read_key(parser, &key, &end);
        if (status != SP_OK || end)
            break;
        status = read(parser, &key, context);
    }
    return status;
}

/* The key's place among `keys`, each of which may be given once. */
static enum sp_status find_key(const struct parser *parser, const struct scalar *key, const char *const *keys,
                               size_t count, const char *expected, unsigned *seen, size_t *ret_index) {
    for (size_t i = 0; i < count; i++) {
        if (!sp_str_equal(key->text, sp_str_from(keys[i])))
            continue;
        if (*seen >> i & 1)
            return refuse_scalar(parser, key, keys[i], "is given twice; remove one");
        *seen |= 1U << i;
        *ret_index = i;
        return SP_OK;
    }
    return refuse_scalar(parser, key, "unknown key; expected is", expected);
}

static enum sp_status check_word(const struct parser *parser, const struct scalar *word, const char *what) {
    struct sp_error why = {0};
    if (sp_text_check_word(word->text, what, &why) == SP_OK)
        return SP_OK;
    sp_error_set(parser->error, SP_ERR_INVALID, "line %zu, column %zu: %s", word->line, word->column, why.message);
    return SP_ERR_INVALID;
}

static enum sp_status read_description(struct parser *parser, struct sp_str *ret_description) {
    struct scalar scalar = {0};
    enum sp_status status = read_scalar(parser, &scalar);
    if (status != SP_OK)
        return status;
    if (scalar.text.size > DESCRIPTION_MAX_BYTES)
        return refuse_scalar(parser, &scalar, "the description", "is longer than 512 bytes; shorten it");
    if (!sp_text_is_printable(scalar.text))
        return refuse_scalar(parser, &scalar, "the description",
                             "holds control characters or a line break; remove them");
    *ret_description = scalar.text;
    return SP_OK;
}

/* Makes a zeroed draft of `size` bytes with the name, at the head of the list. */
static enum sp_status add_draft(const struct parser *parser, const struct scalar *name, const char *what, size_t size,
                                struct draft_list *list, struct draft **ret_draft) {
    enum sp_status status = check_word(parser, name, what);
    if (status != SP_OK)
        return status;
    struct draft *draft = sp_arena_calloc(parser->arena, 1, size);
    if (draft == NULL)
        return refuse_memory(parser);
    draft->name = *name;
    draft->next = list->newest;
    list->newest = draft;
    list->count++;
    *ret_draft = draft;
    return SP_OK;
}

static enum sp_status read_permission(struct parser *parser, const struct scalar *key, void *context) {
    (void)context;
    struct draft *draft = NULL;
    enum sp_status status =
        add_draft(parser, key, "permission", sizeof(struct draft_permission), &parser->permissions, &draft);
    if (status == SP_OK && parser->permissions.count > SP_PERMISSIONS_MAX)
        status = refuse_scalar(parser, key, "more than 256 permissions,", "with the four that are built in");
    struct draft_permission *permission = (struct draft_permission *)(void *)draft;
    return status != SP_OK ? status : read_description(parser, &permission->description);
}

static enum sp_status read_role(struct parser *parser, enum sp_role *ret_role) {
    struct scalar scalar = {0};
    struct sp_error why = {0};
    enum sp_status status = read_scalar(parser, &scalar);
    if (status != SP_OK)
        return status;
    if (sp_role_parse(scalar.text, ret_role, &why) == SP_OK)
        return SP_OK;
    return refuse_scalar(parser, &scalar, "role:", why.message);
}

static enum sp_status read_action_entry(struct parser *parser, const struct scalar *key, void *context) {
    static const char *const keys[] = {"permission", "role"};
    struct draft_action *action = context;
    size_t index = 0;
    enum sp_status status = find_key(parser, key, keys, 2, "permission or role", &action->seen, &index);
    if (status != SP_OK)
        return status;
    if (index == 1)
        return read_role(parser, &action->role);
    status = read_scalar(parser, &action->permission);
    return status != SP_OK ? status : check_word(parser, &action->permission, "permission");
}

static enum sp_status read_action(struct parser *parser, const struct scalar *key, void *context) {
    struct draft_type *type = context;
    struct draft *draft = NULL;
    enum sp_status status = add_draft(parser, key, "action", sizeof(struct draft_action), &type->actions, &draft);
    if (status == SP_OK && ++parser->action_count > SP_SCHEMA_MAX_ACTIONS)
        status = refuse_scalar(parser, key, "more than 10,000 actions;", "remove some");
    return status != SP_OK
               ? status
               : read_mapping(parser, "an action is a mapping, such as {permission: name, role: viewer} or {}",
                              read_action_entry, draft);
}

static enum sp_status read_ids(struct parser *parser, bool *ret_workspace_scoped) {
    struct scalar scalar = {0};
    enum sp_status status = read_scalar(parser, &scalar);
    if (status != SP_OK)
        return status;
    *ret_workspace_scoped = sp_str_equal(scalar.text, SP_STR_LITERAL("workspace"));
    if (*ret_workspace_scoped || sp_str_equal(scalar.text, SP_STR_LITERAL("global")))
        return SP_OK;
    return refuse_scalar(parser, &scalar, "ids", "must be global or workspace");
}

static enum sp_status read_type_entry(struct parser *parser, const struct scalar *key, void *context) {
    static const char *const keys[] = {"ids", "description", "actions"};
    struct draft_type *type = context;
    size_t index = 0;
    enum sp_status status = find_key(parser, key, keys, 3, "ids, description or actions", &type->seen, &index);
    if (status != SP_OK)
        return status;
    if (index == 0)
        return read_ids(parser, &type->workspace_scoped);
    if (index == 1)
        return read_description(parser, &type->description);
    return read_mapping(parser, "actions are a mapping of names", read_action, type);
}

static enum sp_status read_type(struct parser *parser, const struct scalar *key, void *context) {
    (void)context;
    struct draft *draft = NULL;
    enum sp_status status = add_draft(parser, key, "type", sizeof(struct draft_type), &parser->types, &draft);
    if (status == SP_OK && parser->types.count > SP_SCHEMA_MAX_TYPES)
        status = refuse_scalar(parser, key, "more than 1,000 types;", "remove some");
    if (status == SP_OK)
        status = read_mapping(parser, "a type is a mapping with its actions", read_type_entry, draft);
    if (status == SP_OK && ((struct draft_type *)(void *)draft)->actions.count == 0)
        status = refuse_scalar(parser, key, draft->name.text.data, "has no actions; add one or remove the type");
    return status;
}

static enum sp_status read_version(struct parser *parser) {
    struct scalar scalar = {0};
    enum sp_status status = read_scalar(parser, &scalar);
    if (status == SP_OK && !sp_str_equal(scalar.text, SP_STR_LITERAL("1")))
        status = refuse_scalar(parser, &scalar, "version", "must be 1");
    return status;
}

static enum sp_status read_top(struct parser *parser, const struct scalar *key, void *context) {
    static const char *const keys[] = {"version", "permissions", "types"};
    (void)context;
    size_t index = 0;
    enum sp_status status = find_key(parser, key, keys, 3, "version, permissions or types", &parser->seen, &index);
    if (status != SP_OK)
        return status;
    if (index == 0)
        return read_version(parser);
    if (index == 1)
        return read_mapping(parser, "permissions are a mapping of names to descriptions", read_permission, NULL);
    return read_mapping(parser, "types are a mapping of names", read_type, NULL);
}

static enum sp_status read_document(struct parser *parser) {
    enum sp_status status = expect_event(parser, YAML_STREAM_START_EVENT, "not YAML");
    if (status == SP_OK)
        status = expect_event(parser, YAML_DOCUMENT_START_EVENT, "the schema is empty; begin with \"version: 1\"");
    if (status == SP_OK)
        status = read_mapping(parser, "a schema is a mapping; begin with \"version: 1\"", read_top, NULL);
    if (status == SP_OK)
        status = expect_event(parser, YAML_DOCUMENT_END_EVENT, "the end is expected here");
    if (status == SP_OK)
        status = expect_event(parser, YAML_STREAM_END_EVENT, "several documents are not allowed; keep one");
    if (status == SP_OK && (parser->seen & 1) == 0)
        status =
            sp_error_set(parser->error, SP_ERR_INVALID, "line 1, column 1: version is missing; add \"version: 1\"");
    return status;
}

static int compare_text(struct sp_str a, struct sp_str b) {
    size_t least = a.size < b.size ? a.size : b.size;
    int order = least == 0 ? 0 : memcmp(a.data, b.data, least);
    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

/* By name, and then by place, so that of two equals the later one is refused. */
static int compare_drafts(const void *left, const void *right) {
    const struct scalar *a = &(*(struct draft *const *)left)->name, *b = &(*(struct draft *const *)right)->name;
    int order = compare_text(a->text, b->text);
    if (order == 0)
        order = (a->line > b->line) - (a->line < b->line);
    return order != 0 ? order : (a->column > b->column) - (a->column < b->column);
}

/* The list's drafts in an array sorted by name; a name given twice is refused. */
static enum sp_status sort_drafts(const struct parser *parser, const struct draft_list *list,
                                  struct draft ***ret_sorted) {
    struct draft **sorted = sp_arena_calloc(parser->arena, list->count + 1, sizeof(struct draft *));
    if (sorted == NULL)
        return refuse_memory(parser);
    size_t count = 0;
    for (struct draft *draft = list->newest; draft != NULL; draft = draft->next)
        sorted[count++] = draft;
    qsort(sorted, count, sizeof(struct draft *), compare_drafts);
    for (size_t i = 1; i < count; i++)
        if (sp_str_equal(sorted[i - 1]->name.text, sorted[i]->name.text))
            return refuse_scalar(parser, &sorted[i]->name, sorted[i]->name.text.data, "is given twice; remove one");
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
static enum sp_status add_builtin_permissions(struct parser *parser) {
    for (size_t i = 0; i < sizeof(sp_schema_builtin_permissions) / sizeof(sp_schema_builtin_permissions[0]); i++) {
        const struct sp_schema_permission *builtin = &sp_schema_builtin_permissions[i];
        struct scalar name = {.text = builtin->name};
        struct draft *draft = NULL;
        if (is_listed(&parser->permissions, builtin->name))
            continue;
        enum sp_status status =
            add_draft(parser, &name, "permission", sizeof(struct draft_permission), &parser->permissions, &draft);
        if (status != SP_OK)
            return status;
        ((struct draft_permission *)(void *)draft)->description = builtin->description;
    }
    if (parser->permissions.count > SP_PERMISSIONS_MAX)
        return sp_error_set(parser->error, SP_ERR_INVALID,
                            "line 1, column 1: more than 256 permissions, with the four that are built in");
    return SP_OK;
}

static enum sp_status build_permissions(struct parser *parser, struct sp_schema *schema) {
    struct draft **sorted = NULL;
    enum sp_status status = add_builtin_permissions(parser);
    if (status == SP_OK)
        status = sort_drafts(parser, &parser->permissions, &sorted);
    if (status != SP_OK)
        return status;
    schema->permission_count = parser->permissions.count;
    schema->permissions = sp_arena_calloc(parser->arena, schema->permission_count, sizeof(*schema->permissions));
    if (schema->permissions == NULL)
        return refuse_memory(parser);
    for (size_t i = 0; i < schema->permission_count; i++) {
        const struct draft_permission *draft = (const struct draft_permission *)(const void *)sorted[i];
        schema->permissions[i] = (struct sp_schema_permission){draft->draft.name.text, draft->description};
    }
    return SP_OK;
}

static enum sp_status build_action(const struct parser *parser, const struct sp_schema *schema,
                                   const struct draft_action *draft, struct sp_schema_action *ret_action) {
    *ret_action = (struct sp_schema_action){.name = draft->draft.name.text, .role = draft->role};
    if (draft->permission.text.size == 0)
        return SP_OK;
    const struct sp_schema_permission *permission = sp_schema_find_permission(schema, draft->permission.text);
    if (permission == NULL)
        return refuse_scalar(parser, &draft->permission, draft->permission.text.data,
                             "is no permission; add it to permissions or correct the name");
    ret_action->needs_permission = true;
    ret_action->permission = (uint32_t)(permission - schema->permissions);
    return SP_OK;
}

static enum sp_status build_type(const struct parser *parser, const struct sp_schema *schema,
                                 const struct draft_type *draft, struct sp_schema_type *ret_type) {
    struct draft **sorted = NULL;
    enum sp_status status = sort_drafts(parser, &draft->actions, &sorted);
    if (status != SP_OK)
        return status;
    size_t count = draft->actions.count;
    struct sp_schema_action *actions = sp_arena_calloc(parser->arena, count, sizeof(*actions));
    if (actions == NULL)
        return refuse_memory(parser);
    for (size_t i = 0; i < count && status == SP_OK; i++)
        status = build_action(parser, schema, (const struct draft_action *)(const void *)sorted[i], &actions[i]);
    *ret_type = (struct sp_schema_type){.name = draft->draft.name.text,
                                        .description = draft->description,
                                        .workspace_scoped = draft->workspace_scoped,
                                        .actions = actions,
                                        .action_count = count};
    return status;
}

static enum sp_status build_types(const struct parser *parser, struct sp_schema *schema) {
    struct draft **sorted = NULL;
    enum sp_status status = sort_drafts(parser, &parser->types, &sorted);
    if (status != SP_OK)
        return status;
    schema->type_count = parser->types.count;
    schema->types = sp_arena_calloc(parser->arena, schema->type_count + 1, sizeof(*schema->types));
    if (schema->types == NULL)
        return refuse_memory(parser);
    for (size_t i = 0; i < schema->type_count && status == SP_OK; i++)
        status = build_type(parser, schema, (const struct draft_type *)(const void *)sorted[i], &schema->types[i]);
    return status;
}

enum sp_status sp_schema_parse(struct sp_str yaml, struct sp_arena *arena, struct sp_schema *ret_schema,
                               struct sp_error *error) {
    struct parser parser = {.text = yaml, .arena = arena, .error = error};
    struct sp_schema schema = {0};
    if (yaml.size > SP_SCHEMA_MAX_BYTES)
        return sp_error_set(error, SP_ERR_INVALID, "line 1, column 1: longer than 256 KiB");
    if (!yaml_parser_initialize(&parser.yaml))
        return refuse_memory(&parser);
    yaml_parser_set_encoding(&parser.yaml, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser.yaml, (const unsigned char *)(yaml.size > 0 ? yaml.data : ""), yaml.size);
    enum sp_status status = read_document(&parser);
    yaml_parser_delete(&parser.yaml);
    if (status == SP_OK)
        status = build_permissions(&parser, &schema);
    if (status == SP_OK)
        status = build_types(&parser, &schema);
    if (status == SP_OK)
        *ret_schema = schema;
    return status;
}

/* Names come first in all that is looked up, so that one search serves them all. */
_Static_assert(offsetof(struct sp_schema_permission, name) == 0, "name first");
_Static_assert(offsetof(struct sp_schema_type, name) == 0, "name first");
_Static_assert(offsetof(struct sp_schema_action, name) == 0, "name first");

static int compare_name(const void *name, const void *named) {
    return compare_text(*(const struct sp_str *)name, *(const struct sp_str *)named);
}

static const void *find_name(struct sp_str name, const void *sorted, size_t count, size_t size) {
    return count == 0 ? NULL : bsearch(&name, sorted, count, size, compare_name);
}

const struct sp_schema_permission *sp_schema_find_permission(const struct sp_schema *schema, struct sp_str name) {
    return find_name(name, schema->permissions, schema->permission_count, sizeof(*schema->permissions));
}

const struct sp_schema_type *sp_schema_find_type(const struct sp_schema *schema, struct sp_str name) {
    return find_name(name, schema->types, schema->type_count, sizeof(*schema->types));
}

const struct sp_schema_action *sp_schema_find_action(const struct sp_schema_type *type, struct sp_str name) {
    return find_name(name, type->actions, type->action_count, sizeof(*type->actions));
}

struct sp_str sp_schema_default_yaml(void) {
    return (struct sp_str){(const char *)sp_embedded_schema_bytes, sp_embedded_schema_size};
}
