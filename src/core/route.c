#include "core/route.h"

#include <stdio.h>

#include "base/text.h"
#include "core/route_host.h"
#include "core/route_path.h"
#include "core/route_segment.h"

static enum sp_status check_route_method(struct sp_str method, struct sp_error *error) {
    bool good = method.size > 0 && method.size <= SP_ROUTE_METHOD_MAX_BYTES;
    if (sp_str_equal(method, SP_STR_LITERAL("*")))
        return SP_OK;
    for (size_t i = 0; good && i < method.size; i++) {
        char c = method.data[i];
        bool upper = c >= 'A' && c <= 'Z';
        good = upper || (i > 0 && ((c >= '0' && c <= '9') || c == '-' || c == '_'));
    }
    return good ? SP_OK
                : sp_error_set(error, SP_ERR_INVALID,
                               "the method must be upper-case letters, such as GET, of at most 32 bytes, or \"*\"");
}

/* Whether the text between braces is a name. */
static bool is_capture_name(struct sp_str name) {
    for (size_t i = 0; i < name.size; i++) {
        char folded = sp_route_fold(name.data[i]);
        bool letter = (folded >= 'a' && folded <= 'z') || folded == '_';
        if (!letter && (i == 0 || ((folded < '0' || folded > '9') && folded != '-')))
            return false;
    }
    return name.size > 0 && name.size <= SP_ROUTE_NAME_MAX_BYTES;
}

/* ":verb" or ".json": a separator, and none later. */
static bool is_suffix(struct sp_str suffix) {
    for (size_t i = 1; i < suffix.size; i++) {
        char folded = sp_route_fold(suffix.data[i]);
        bool word = (folded >= 'a' && folded <= 'z') || (folded >= '0' && folded <= '9');
        if (!word && folded != '_' && folded != '-')
            return false;
    }
    return sp_route_is_separator(suffix.data[0]) && suffix.size > 1 && suffix.size <= SP_ROUTE_NAME_MAX_BYTES;
}

static bool has_brace(struct sp_str text) {
    return text.size > 0 && (memchr(text.data, '{', text.size) != NULL || memchr(text.data, '}', text.size) != NULL);
}

static enum sp_status check_literal(struct sp_str segment, bool last, struct sp_error *error) {
    if (segment.size == 0 && !last)
        return sp_error_set(error, SP_ERR_INVALID, "the path has an empty segment; remove one '/'");
    if (sp_str_equal(segment, SP_STR_LITERAL(".")) || sp_str_equal(segment, SP_STR_LITERAL("..")))
        return sp_error_set(error, SP_ERR_INVALID,
                            "the path has a segment \".\" or \"..\", which no request can have; remove it");
    for (size_t i = 0; i < segment.size; i++) {
        if (segment.data[i] == '%')
            return sp_error_set(error, SP_ERR_INVALID, "the path has a '%%'; write the character itself");
        if (!sp_route_is_literal_char(segment.data[i]))
            return sp_error_set(
                error, SP_ERR_INVALID,
                "the path has a character that cannot occur in a request's path; use letters, digits and "
                "-._~!$&'()*+,=:@");
    }
    return SP_OK;
}

/* What is wrong with a segment that has braces; NULL for nothing. */
static const char *find_capture_fault(const struct sp_route_piece *piece, bool last) {
    if (piece->kind == SP_ROUTE_LITERAL || !is_capture_name(piece->name))
        return "a capture must begin a segment, such as {voice_id}, with a name of at most 64 letters, digits, _ and -";
    if (piece->kind == SP_ROUTE_SUFFIX && !is_suffix(piece->text))
        return "behind a capture only a suffix can follow, such as {id}:verb or {id}.json: ':' or '.', and at most 63 "
               "letters, digits, _ and -";
    if (piece->kind == SP_ROUTE_REST && !last)
        return "a capture of the rest of the path, such as {name...}, must be the last segment";
    return NULL;
}

/* Checks one segment; of a capture, that its name is not among those before. */
static enum sp_status check_segment(struct sp_str segment, struct sp_str *names, size_t *name_count, bool last,
                                    struct sp_error *error) {
    struct sp_route_piece piece = sp_route_piece_of(segment);
    if (!has_brace(segment))
        return check_literal(segment, last, error);
    const char *fault = find_capture_fault(&piece, last);
    if (fault != NULL)
        return sp_error_set(error, SP_ERR_INVALID, "%s", fault);
    for (size_t i = 0; i < *name_count; i++)
        if (sp_str_equal(names[i], piece.name))
            return sp_error_set(error, SP_ERR_INVALID, "the path captures {%.*s} twice", SP_STR_ARG(piece.name));
    names[(*name_count)++] = piece.name;
    return SP_OK;
}

/* Whether schemas of version 1 lack the segment's form. */
static bool is_newer_form(const struct sp_route_piece *piece) {
    return piece->kind == SP_ROUTE_SUFFIX || piece->kind == SP_ROUTE_REST ||
           (piece->kind == SP_ROUTE_CAPTURE && memchr(piece->name.data, '-', piece->name.size) != NULL);
}

static enum sp_status check_template(struct sp_route *route, struct sp_error *error) {
    struct sp_str names[SP_ROUTE_MAX_SEGMENTS];
    size_t name_count = 0, count = 0;
    for (struct sp_str rest = sp_route_template(route); rest.size > 0; count++) {
        struct sp_str segment = sp_route_next_segment(&rest);
        struct sp_route_piece piece = sp_route_piece_of(segment);
        if (count == SP_ROUTE_MAX_SEGMENTS)
            return sp_error_set(error, SP_ERR_INVALID, "the path has more than 32 segments");
        enum sp_status status = check_segment(segment, names, &name_count, rest.size == 0, error);
        if (status != SP_OK)
            return status;
        route->needs_version_2 |= is_newer_form(&piece);
    }
    return SP_OK;
}

/* Checks what stands before the template: nothing, a name, or a name behind "*.". */
static enum sp_status check_host(struct sp_route *route, struct sp_error *error) {
    struct sp_str path = route->path;
    const char *slash = path.size > 0 ? memchr(path.data, '/', path.size) : NULL;
    if (slash == path.data && slash != NULL)
        return SP_OK;
    struct sp_str name = {path.data, slash == NULL ? 0 : (size_t)(slash - path.data)};
    size_t host_size = name.size;
    bool has_dot = name.size > 0 && memchr(name.data, '.', name.size) != NULL; /* or a '/' may just be missing */
    if (sp_str_begins_with(name, SP_STR_LITERAL("*.")))
        name = (struct sp_str){name.data + 2, name.size - 2};
    if (!has_dot || !sp_route_host_is_name(name) || host_size > SP_ROUTE_HOST_MAX_BYTES)
        return sp_error_set(error, SP_ERR_INVALID,
                            "the path must begin with '/', or with a host in lower case and without a port, such as "
                            "api.example.com/v1 or *.example.com/v1");
    route->host_size = (uint8_t)host_size;
    route->needs_version_2 = true;
    return SP_OK;
}

/* Finds which segment is captured under the name. */
static enum sp_status find_capture(const struct sp_route *route, struct sp_str name, struct sp_route_part *ret_part,
                                   struct sp_error *error) {
    struct sp_str rest = sp_route_template(route);
    for (uint8_t i = 0; rest.size > 0; i++) {
        struct sp_route_piece piece = sp_route_piece_of(sp_route_next_segment(&rest));
        if (piece.kind != SP_ROUTE_LITERAL && sp_str_equal(piece.name, name)) {
            *ret_part = (struct sp_route_part){.segment = i, .kind = (uint8_t)piece.kind};
            return SP_OK;
        }
    }
    return sp_error_set(error, SP_ERR_INVALID, "the path does not capture {%.*s}", SP_STR_ARG(name));
}

/* "{owner}/{repo}". */
static enum sp_status read_captured_id(struct sp_route *route, struct sp_error *error) {
    const struct sp_str id = route->id;
    for (struct sp_str rest = {id.data - 1, id.size + 1}; rest.size > 0; route->part_count++) {
        struct sp_route_piece piece = sp_route_piece_of(sp_route_next_segment(&rest));
        if (piece.kind != SP_ROUTE_CAPTURE || !is_capture_name(piece.name))
            return sp_error_set(error, SP_ERR_INVALID,
                                "a resource id must be a constant, a capture, such as {voice_id}, or captures, such as "
                                "{owner}/{repo}");
        if (route->part_count == SP_ROUTE_ID_MAX_PARTS)
            return sp_error_set(error, SP_ERR_INVALID, "a resource id can have at most 8 captures");
        enum sp_status status = find_capture(route, piece.name, &route->parts[route->part_count], error);
        if (status != SP_OK)
            return status;
    }
    route->id_kind = SP_ROUTE_ID_CAPTURE;
    route->needs_version_2 |= route->part_count > 1;
    return SP_OK;
}

/* "voice", "voice/abc", "voice/{voice_id}", "repo/{owner}/{repo}". */
static enum sp_status read_target_resource(struct sp_str resource, struct sp_route *route, struct sp_error *error) {
    const char *slash = resource.size > 0 ? memchr(resource.data, '/', resource.size) : NULL;
    route->type = resource;
    if (slash != NULL)
        route->type.size = (size_t)(slash - resource.data);
    enum sp_status status = sp_text_check_word(route->type, "type", error);
    if (status != SP_OK || slash == NULL)
        return status;
    route->id = (struct sp_str){slash + 1, resource.size - route->type.size - 1};
    if (has_brace(route->id))
        return read_captured_id(route, error);
    route->id_kind = SP_ROUTE_ID_CONSTANT;
    return sp_text_check_resource_id(route->id, "resource id", error);
}

/* Cuts at the first space. */
static bool cut_at_space(struct sp_str text, struct sp_str *ret_before, struct sp_str *ret_after) {
    const char *space = text.size > 0 ? memchr(text.data, ' ', text.size) : NULL;
    if (space == NULL)
        return false;
    *ret_before = (struct sp_str){text.data, (size_t)(space - text.data)};
    *ret_after = (struct sp_str){space + 1, text.size - ret_before->size - 1};
    return true;
}

enum sp_status sp_route_read_path(struct sp_str method_and_path, struct sp_route *ret_route, struct sp_error *error) {
    struct sp_route route = {0};
    if (!cut_at_space(method_and_path, &route.method, &route.path))
        return sp_error_set(error, SP_ERR_INVALID,
                            "a route must be a method and a path, such as GET /v1/voices/{voice_id}");
    enum sp_status status = check_route_method(route.method, error);
    if (status != SP_OK)
        return status;
    if (route.path.size > SP_ROUTE_TEMPLATE_MAX_BYTES)
        return sp_error_set(error, SP_ERR_INVALID, "the path is longer than 512 bytes");
    status = check_host(&route, error);
    if (status != SP_OK)
        return status;
    status = check_template(&route, error);
    if (status != SP_OK)
        return status;
    *ret_route = route;
    return SP_OK;
}

enum sp_status sp_route_read_target(struct sp_str action_and_resource, struct sp_route *route, struct sp_error *error) {
    struct sp_str resource;
    struct sp_route made = *route;
    if (!cut_at_space(action_and_resource, &made.action, &resource))
        return sp_error_set(error, SP_ERR_INVALID,
                            "a route's target must be an action and a resource, such as \"use voice/{voice_id}\"");
    enum sp_status status = sp_text_check_word(made.action, "action", error);
    if (status != SP_OK)
        return status;
    status = read_target_resource(resource, &made, error);
    if (status != SP_OK)
        return status;
    *route = made;
    return SP_OK;
}

const char *sp_route_find_doubt(const struct sp_route *route, struct sp_str *ret_literal) {
    for (struct sp_str rest = sp_route_template(route); rest.size > 0;) {
        struct sp_str segment = sp_route_next_segment(&rest);
        const char *doubt = NULL;
        if (sp_str_equal(segment, SP_STR_LITERAL("*")) || sp_str_equal(segment, SP_STR_LITERAL("**")))
            doubt = "matches only itself; {name} takes any segment, and {name...} the rest of the path";
        else if (segment.size > 1 && segment.data[0] == ':')
            doubt = "matches only itself; a capture is written {name}";
        if (doubt == NULL)
            continue;
        *ret_literal = segment;
        return doubt;
    }
    return NULL;
}

const char *sp_route_target(const struct sp_route *route, char text[static SP_ROUTE_TARGET_BYTES]) {
    (void)snprintf(text, SP_ROUTE_TARGET_BYTES, "%.*s %.*s%s%.*s", SP_STR_ARG(route->action), SP_STR_ARG(route->type),
                   route->id_kind == SP_ROUTE_ID_NONE ? "" : "/", SP_STR_ARG(route->id));
    return text;
}
