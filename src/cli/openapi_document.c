#include "cli/openapi_document.h"

#include "base/text.h"

static struct openapi_document *document_of(const struct sp_yaml *yaml) {
    return yaml->user;
}

/* ---- operations ---- */

static enum sp_status read_operation_entry(struct sp_yaml *yaml, const struct sp_yaml_scalar *key, void *context) {
    struct openapi_operation *operation = context;
    if (sp_str_equal(key->text, SP_STR_LITERAL("operationId")))
        return sp_yaml_read_scalar(yaml, &operation->id);
    if (!sp_str_equal(key->text, SP_STR_LITERAL("x-sallyport-route")))
        return sp_yaml_skip(yaml);
    operation->hint.file = document_of(yaml)->name;
    return sp_yaml_read_scalar(yaml, &operation->hint.target);
}

static struct openapi_operation *add_operation(struct sp_yaml *yaml, const char *method) {
    struct openapi_document *document = document_of(yaml);
    struct openapi_operation *operation = sp_arena_calloc(yaml->arena, 1, sizeof(*operation));
    if (operation == NULL)
        return NULL;
    operation->method = method;
    operation->path = *document->path;
    if (document->last != NULL)
        document->last->next = operation;
    else
        document->first = operation;
    document->last = operation;
    return operation;
}

static enum sp_status read_operation(struct sp_yaml *yaml, const char *method) {
    struct openapi_operation *operation = add_operation(yaml, method);
    if (operation == NULL)
        return sp_yaml_refuse_memory(yaml);
    return sp_yaml_read_mapping(yaml, "an operation is a mapping", read_operation_entry, operation);
}

static enum sp_status read_path_reference(struct sp_yaml *yaml) {
    struct openapi_operation *operation = add_operation(yaml, "*");
    if (operation == NULL)
        return sp_yaml_refuse_memory(yaml);
    operation->is_reference = true;
    return sp_yaml_skip(yaml);
}

/* Anything else of a path is for all of its operations: parameters, descriptions. */
static enum sp_status read_openapi_path_entry(struct sp_yaml *yaml, const struct sp_yaml_scalar *key, void *context) {
    static const char *const methods[][2] = {{"get", "GET"},         {"put", "PUT"},     {"post", "POST"},
                                             {"delete", "DELETE"},   {"patch", "PATCH"}, {"head", "HEAD"},
                                             {"options", "OPTIONS"}, {"trace", "TRACE"}};
    (void)context;
    for (size_t i = 0; i < sizeof(methods) / sizeof(*methods); i++)
        if (sp_str_equal(key->text, sp_str_from(methods[i][0])))
            return read_operation(yaml, methods[i][1]);
    if (sp_str_equal(key->text, SP_STR_LITERAL("$ref")))
        return read_path_reference(yaml);
    return sp_yaml_skip(yaml);
}

static enum sp_status read_openapi_path(struct sp_yaml *yaml, const struct sp_yaml_scalar *key, void *context) {
    (void)context;
    if (key->text.size == 0 || key->text.data[0] != '/')
        return sp_yaml_skip(yaml);
    document_of(yaml)->path = key;
    return sp_yaml_read_mapping(yaml, "a path is a mapping of its operations", read_openapi_path_entry, NULL);
}

/* ---- the document ---- */

static enum sp_status read_server_entry(struct sp_yaml *yaml, const struct sp_yaml_scalar *key, void *context) {
    struct openapi_document *document = document_of(yaml);
    struct sp_yaml_scalar url = {0};
    (void)context;
    if (document->server.size > 0 || !sp_str_equal(key->text, SP_STR_LITERAL("url")))
        return sp_yaml_skip(yaml);
    enum sp_status status = sp_yaml_read_scalar(yaml, &url);
    if (status == SP_OK)
        document->server = url.text;
    return status;
}

static enum sp_status read_openapi_version(struct sp_yaml *yaml) {
    struct sp_yaml_scalar version = {0};
    enum sp_status status = sp_yaml_read_scalar(yaml, &version);
    if (status != SP_OK)
        return status;
    document_of(yaml)->is_version_3 = sp_str_begins_with(version.text, SP_STR_LITERAL("3."));
    return SP_OK;
}

static enum sp_status read_document_entry(struct sp_yaml *yaml, const struct sp_yaml_scalar *key, void *context) {
    static const struct sp_yaml_shapes servers = {.otherwise = "servers are a list of mappings",
                                                  .item_entry = read_server_entry};
    (void)context;
    if (sp_str_equal(key->text, SP_STR_LITERAL("openapi")))
        return read_openapi_version(yaml);
    if (sp_str_equal(key->text, SP_STR_LITERAL("servers")))
        return sp_yaml_read_value(yaml, &servers, NULL);
    if (sp_str_equal(key->text, SP_STR_LITERAL("paths")))
        return sp_yaml_read_mapping(yaml, "paths are a mapping", read_openapi_path, NULL);
    return sp_yaml_skip(yaml);
}

static enum sp_status read_file_text(struct sp_yaml *yaml, struct sp_str text, const char *name, sp_yaml_entry *read,
                                     struct sp_error *error) {
    struct sp_error why = {0};
    yaml->error = &why;
    yaml->lists = true;
    enum sp_status status = sp_yaml_read(yaml, text, "the file is empty", "the file is no mapping", read);
    return status == SP_OK ? SP_OK : sp_error_set(error, status, "%s: %s", name, why.message);
}

enum sp_status sp_openapi_read_document(struct sp_str text, const char *name, struct sp_arena *arena,
                                        struct openapi_document *ret_document, struct sp_error *error) {
    struct openapi_document document = {.name = name};
    struct sp_yaml yaml = {.arena = arena, .user = &document};
    enum sp_status status = read_file_text(&yaml, text, name, read_document_entry, error);
    if (status != SP_OK)
        return status;
    if (!document.is_version_3)
        return sp_error_set(error, SP_ERR_INVALID, "%s: not an OpenAPI 3 document; convert it first", name);
    document.path = NULL;
    *ret_document = document;
    return SP_OK;
}

/* ---- the mapping file ---- */

static enum sp_status read_map_entry(struct sp_yaml *yaml, const struct sp_yaml_scalar *key, void *context) {
    struct openapi_mapping ***end = yaml->user, *mapping = sp_arena_calloc(yaml->arena, 1, sizeof(*mapping));
    (void)context;
    if (mapping == NULL)
        return sp_yaml_refuse_memory(yaml);
    mapping->key = *key;
    **end = mapping;
    *end = &mapping->next;
    return sp_yaml_read_scalar(yaml, &mapping->target);
}

enum sp_status sp_openapi_read_map(struct sp_str text, const char *name, struct sp_arena *arena,
                                   struct openapi_mapping **ret_first, struct sp_error *error) {
    struct openapi_mapping *first = NULL, **end = &first;
    struct sp_yaml yaml = {.arena = arena, .user = &end};
    enum sp_status status = read_file_text(&yaml, text, name, read_map_entry, error);
    if (status == SP_OK)
        *ret_first = first;
    return status;
}
