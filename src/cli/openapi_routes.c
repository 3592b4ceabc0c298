#include "cli/openapi_routes.h"

#include <string.h>

#include "cli/openapi_document.h"
#include "cli/print.h"
#include "core/route.h"
#include "policy/write.h"

/* What is made of one document. */
struct importing {
    const struct sp_openapi_import *import;
    struct openapi_document document;
    struct openapi_mapping *map;
    struct sp_str prefix;
    FILE *errors;
    size_t error_count;
};

/* An operation as a route. */
struct imported {
    struct imported *next;
    const struct openapi_operation *operation;
    const char *key;    /* "GET /v1/voices/{voice_id}" */
    const char *target; /* NULL: nobody says where it leads */
    const char *fault;  /* why it cannot be written; else NULL */
};

static void report_import_error(struct importing *importing, const char *file, const struct sp_yaml_scalar *at,
                                const char *what) {
    (void)fprintf(importing->errors, "%s:%zu:%zu: ", file, at->line, at->column);
    sp_cli_put_text(what, importing->errors);
    (void)fputc('\n', importing->errors);
    importing->error_count++;
}

/* ---- texts ---- */

static bool is_name_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

/* Makes the names between braces such as routes have. */
static void correct_names(char *text) {
    bool inside = false, begins = false;
    for (; *text != '\0'; text++) {
        inside = *text == '{' || (inside && *text != '}' && *text != '/');
        bool wrong = !is_name_char(*text) || (begins && (*text == '-' || (*text >= '0' && *text <= '9')));
        if (inside && *text != '{' && wrong)
            *text = '_';
        begins = *text == '{';
    }
}

/* The path of a URL, without a slash at its end. */
static struct sp_str path_of_url(struct sp_str url) {
    const char *scheme = url.size > 0 ? memmem(url.data, url.size, "://", 3) : NULL;
    if (scheme != NULL) {
        url.size -= (size_t)(scheme + 3 - url.data);
        url.data = scheme + 3;
        const char *slash = url.size > 0 ? memchr(url.data, '/', url.size) : NULL;
        if (slash == NULL)
            return (struct sp_str){"", 0};
        url.size -= (size_t)(slash - url.data);
        url.data = slash;
    }
    while (url.size > 0 && url.data[url.size - 1] == '/')
        url.size--;
    return url;
}

static enum sp_status find_prefix(struct importing *importing, struct sp_error *error) {
    const char *given = importing->import->prefix;
    importing->prefix = given != NULL ? sp_str_from(given) : path_of_url(importing->document.server);
    struct sp_str prefix = importing->prefix;
    if (prefix.size == 0)
        return SP_OK;
    if (prefix.data[0] == '/' && prefix.data[prefix.size - 1] != '/' && memchr(prefix.data, '{', prefix.size) == NULL)
        return SP_OK;
    return sp_error_set(error, SP_ERR_INVALID,
                        "\"%.*s\" cannot stand before the paths; give --prefix, such as --prefix /v1, or --prefix ''",
                        SP_STR_ARG(prefix));
}

/* ---- where operations lead ---- */

static bool mapping_names(const struct openapi_mapping *mapping, const struct openapi_operation *operation,
                          bool by_path) {
    struct sp_str key = mapping->key.text, method = sp_str_from(operation->method);
    if (!by_path)
        return operation->id.text.size > 0 && sp_str_equal(key, operation->id.text);
    return key.size == method.size + 1 + operation->path.text.size && sp_str_begins_with(key, method) &&
           key.data[method.size] == ' ' &&
           memcmp(key.data + method.size + 1, operation->path.text.data, operation->path.text.size) == 0;
}

/* The mapping file comes before the document, and a path in it before an id. */
static struct openapi_hint find_hint(const struct importing *importing, const struct openapi_operation *operation) {
    struct openapi_hint hint = operation->hint;
    bool by_path = false;
    for (struct openapi_mapping *mapping = importing->map; mapping != NULL; mapping = mapping->next) {
        bool path = mapping_names(mapping, operation, true), id = mapping_names(mapping, operation, false);
        mapping->used |= path || id;
        if (path || (id && !by_path))
            hint = (struct openapi_hint){.target = mapping->target, .file = importing->import->map_name};
        by_path |= path;
    }
    return hint;
}

static enum sp_status make_route_key(const struct importing *importing, struct imported *imported) {
    const struct openapi_operation *operation = imported->operation;
    const char *host = importing->import->host != NULL ? importing->import->host : "";
    char *key = sp_arena_printf(importing->import->arena, "%s %s%.*s%.*s", operation->method, host,
                                SP_STR_ARG(importing->prefix), SP_STR_ARG(operation->path.text));
    if (key == NULL)
        return SP_ERR_MEMORY;
    correct_names(key);
    imported->key = key;
    return SP_OK;
}

static enum sp_status keep_fault(const struct importing *importing, const struct sp_error *why,
                                 struct imported *imported) {
    imported->fault = sp_arena_strdup(importing->import->arena, sp_str_from(why->message));
    return imported->fault == NULL ? SP_ERR_MEMORY : SP_OK;
}

/* Reads what was made as the schema will. */
static enum sp_status check_imported(struct importing *importing, const struct openapi_hint *hint,
                                     struct imported *imported) {
    struct sp_route route;
    struct sp_error why = {0};
    enum sp_status status = sp_route_read_path(sp_str_from(imported->key), &route, &why);
    if (imported->operation->is_reference)
        status = sp_error_set(&why, SP_ERR_INVALID, "its operations are elsewhere ($ref); write them at the path");
    if (status != SP_OK) {
        if (imported->target != NULL)
            report_import_error(importing, importing->document.name, &imported->operation->path, why.message);
        return keep_fault(importing, &why, imported);
    }
    if (imported->target != NULL && sp_route_read_target(sp_str_from(imported->target), &route, &why) != SP_OK)
        report_import_error(importing, hint->file, &hint->target, why.message);
    return SP_OK;
}

static enum sp_status import_operation(struct importing *importing, const struct openapi_operation *operation,
                                       struct imported ***end) {
    const struct openapi_hint hint = find_hint(importing, operation);
    if (sp_str_equal(hint.target.text, SP_STR_LITERAL("none")))
        return SP_OK;
    struct imported *imported = sp_arena_calloc(importing->import->arena, 1, sizeof(*imported));
    if (imported == NULL)
        return SP_ERR_MEMORY;
    imported->operation = operation;
    if (hint.target.text.data != NULL) {
        char *target = sp_arena_strdup(importing->import->arena, hint.target.text);
        if (target == NULL)
            return SP_ERR_MEMORY;
        correct_names(target);
        imported->target = target;
    }
    **end = imported;
    *end = &imported->next;
    enum sp_status status = make_route_key(importing, imported);
    return status != SP_OK ? status : check_imported(importing, &hint, imported);
}

static enum sp_status import_operations(struct importing *importing, struct imported **ret_first) {
    struct imported **end = ret_first;
    for (const struct openapi_operation *at = importing->document.first; at != NULL; at = at->next) {
        enum sp_status status = import_operation(importing, at, &end);
        if (status != SP_OK)
            return status;
    }
    for (const struct openapi_mapping *mapping = importing->map; mapping != NULL; mapping = mapping->next)
        if (!mapping->used)
            report_import_error(importing, importing->import->map_name, &mapping->key,
                                "no operation of the document has this name");
    return SP_OK;
}

/* ---- what is written ---- */

/* Others' text: only what cannot end a comment. */
static void put_comment_text(struct sp_str text, size_t most, FILE *out) {
    for (size_t i = 0; i < text.size && i < most; i++)
        (void)fputc(text.data[i] > ' ' && text.data[i] < 0x7f ? text.data[i] : ' ', out);
}

/* Its id, or method and path as the document has them. */
static void put_operation_name(const struct openapi_operation *operation, FILE *out) {
    if (operation->id.text.size > 0) {
        put_comment_text(operation->id.text, 80, out);
        return;
    }
    (void)fprintf(out, "%s ", operation->method);
    put_comment_text(operation->path.text, 512, out);
}

static const char *guess_action(const char *method, bool has_id) {
    static const char *const actions[][2] = {
        {"POST", "create"}, {"PUT", "edit"}, {"PATCH", "edit"}, {"DELETE", "delete"}};
    for (size_t i = 0; i < sizeof(actions) / sizeof(*actions); i++)
        if (strcmp(method, actions[i][0]) == 0)
            return actions[i][1];
    return has_id ? "read" : "list";
}

/* In lower case, or '_'. */
static char word_char(char c) {
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz";
    if (c >= 'A' && c <= 'Z')
        return letters[c - 'A'];
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))
        return c;
    return '_';
}

/* "read voice/{voice_id}": the last capture, and the literal before it without its 's'. */
static void put_guess(const struct imported *imported, FILE *out) {
    const char *begin = strchr(imported->key, '/'), *type = "thing", *id = NULL;
    size_t type_size = 5, id_size = 0, last_size = 5;
    const char *last = "thing";
    for (const char *at = begin; at != NULL; at = strchr(at + 1, '/')) {
        size_t size = strcspn(at + 1, "/"), braces = strcspn(at + 1, "}");
        if (at[1] == '{') {
            type = last, type_size = last_size;
            id = at + 1, id_size = braces + 1;
        } else if (size > 0) {
            last = at + 1, last_size = size;
        }
    }
    if (id == NULL)
        type = last, type_size = last_size;
    type_size -= type_size > 1 && type[type_size - 1] == 's';
    (void)fprintf(out, "%s ", guess_action(imported->operation->method, id != NULL));
    for (size_t i = 0; i < type_size; i++)
        (void)fputc(word_char(type[i]), out);
    if (id != NULL)
        (void)fprintf(out, "/%.*s", (int)id_size, id);
}

/* Plain where no reader of YAML can take it for anything else. */
static void put_route_text(const char *text, FILE *out) {
    size_t size = strlen(text);
    bool plain = size > 0 && text[size - 1] != ':' && strstr(text, ": ") == NULL;
    for (size_t i = 0; plain && i < size; i++)
        plain = is_name_char(text[i]) || strchr("./{}:~@$&()*+,= !", text[i]) != NULL;
    if (plain)
        (void)fputs(text, out);
    else
        sp_policy_write_text(text, out);
}

static void put_imported(const struct imported *imported, FILE *out) {
    (void)fputs("  # ", out);
    put_operation_name(imported->operation, out);
    if (imported->fault != NULL) {
        (void)fprintf(out, ": cannot be a route: %s\n", imported->fault);
    } else if (imported->target == NULL) {
        (void)fprintf(out, ": to do\n  # %s: ", imported->key);
        put_guess(imported, out);
        (void)fputc('\n', out);
    } else {
        (void)fputs("\n  ", out);
        put_route_text(imported->key, out);
        (void)fputs(": ", out);
        put_route_text(imported->target, out);
        (void)fputc('\n', out);
    }
}

static void put_imported_routes(const struct importing *importing, const struct imported *first, FILE *out) {
    size_t mapped = 0, open = 0, faulty = 0;
    for (const struct imported *at = first; at != NULL; at = at->next) {
        faulty += at->fault != NULL;
        open += at->fault == NULL && at->target == NULL;
        mapped += at->fault == NULL && at->target != NULL;
    }
    (void)fputs("# Routes of ", out);
    sp_cli_put_text(importing->document.name, out);
    (void)fprintf(out,
                  ": %zu mapped, %zu to do, %zu that cannot be routes. What is not mapped is denied.\nversion: 2\n",
                  mapped, open, faulty);
    (void)fputs(mapped == 0 ? "routes: {}\n" : "routes:\n", out);
    for (const struct imported *at = first; at != NULL; at = at->next)
        put_imported(at, out);
}

enum sp_status sp_cli_import_openapi(const struct sp_openapi_import *import, FILE *out, FILE *errors,
                                     struct sp_error *error) {
    struct importing importing = {.import = import, .errors = errors};
    struct imported *first = NULL;
    enum sp_status status =
        sp_openapi_read_document(import->document, import->document_name, import->arena, &importing.document, error);
    if (status != SP_OK)
        return status;
    if (import->map_name != NULL) {
        status = sp_openapi_read_map(import->map, import->map_name, import->arena, &importing.map, error);
        if (status != SP_OK)
            return status;
    }
    status = find_prefix(&importing, error);
    if (status != SP_OK)
        return status;
    if (import_operations(&importing, &first) != SP_OK)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    if (importing.error_count > 0)
        return sp_error_set(error, SP_ERR_INVALID, "%s: %zu error%s; no routes were written", import->document_name,
                            importing.error_count, importing.error_count == 1 ? "" : "s");
    put_imported_routes(&importing, first, out);
    return SP_OK;
}
