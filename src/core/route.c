#include "core/route.h"

#include <stdio.h>

#include "base/text.h"
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
        if (!letter && (i == 0 || folded < '0' || folded > '9'))
            return false;
    }
    return name.size > 0 && name.size <= SP_ID_MAX_BYTES;
}

/* Takes the braces off; whether they were there with a good name between them. */
static bool read_capture(struct sp_str text, struct sp_str *ret_name) {
    if (text.size < 3 || text.data[0] != '{' || text.data[text.size - 1] != '}')
        return false;
    *ret_name = (struct sp_str){text.data + 1, text.size - 2};
    return is_capture_name(*ret_name);
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

/* Checks one segment; of a capture, that its name is not among those before. */
static enum sp_status check_segment(struct sp_str segment, struct sp_str *names, size_t *name_count, bool last,
                                    struct sp_error *error) {
    struct sp_str name;
    if (!has_brace(segment))
        return check_literal(segment, last, error);
    if (!read_capture(segment, &name))
        return sp_error_set(
            error, SP_ERR_INVALID,
            "a capture must be an entire segment, such as {voice_id}, of at most 64 letters, digits and _");
    for (size_t i = 0; i < *name_count; i++)
        if (sp_str_equal(names[i], name))
            return sp_error_set(error, SP_ERR_INVALID, "the path captures {%.*s} twice", SP_STR_ARG(name));
    names[(*name_count)++] = name;
    return SP_OK;
}

static enum sp_status check_template(struct sp_str path, struct sp_error *error) {
    struct sp_str names[SP_ROUTE_MAX_SEGMENTS];
    size_t name_count = 0, count = 0;
    if (path.size == 0 || path.data[0] != '/')
        return sp_error_set(error, SP_ERR_INVALID, "the path must begin with '/'");
    if (path.size > SP_ROUTE_TEMPLATE_MAX_BYTES)
        return sp_error_set(error, SP_ERR_INVALID, "the path is longer than 512 bytes");
    for (struct sp_str rest = path; rest.size > 0; count++) {
        struct sp_str segment = sp_route_next_segment(&rest);
        if (count == SP_ROUTE_MAX_SEGMENTS)
            return sp_error_set(error, SP_ERR_INVALID, "the path has more than 32 segments");
        enum sp_status status = check_segment(segment, names, &name_count, rest.size == 0, error);
        if (status != SP_OK)
            return status;
    }
    return SP_OK;
}

/* Finds which segment is captured under the name. */
static enum sp_status find_capture(struct sp_route *route, struct sp_error *error) {
    struct sp_str rest = route->path;
    for (uint8_t i = 0; rest.size > 0; i++) {
        struct sp_str segment = sp_route_next_segment(&rest);
        struct sp_str name;
        if (read_capture(segment, &name) && sp_str_equal(name, route->id)) {
            route->id_segment = i;
            return SP_OK;
        }
    }
    return sp_error_set(error, SP_ERR_INVALID, "the path does not capture {%.*s}", SP_STR_ARG(route->id));
}

/* "voice", "voice/abc", "voice/{voice_id}". */
static enum sp_status read_target_resource(struct sp_str resource, struct sp_route *route, struct sp_error *error) {
    const char *slash = resource.size > 0 ? memchr(resource.data, '/', resource.size) : NULL;
    route->type = resource;
    if (slash != NULL)
        route->type.size = (size_t)(slash - resource.data);
    enum sp_status status = sp_text_check_word(route->type, "type", error);
    if (status != SP_OK || slash == NULL)
        return status;
    struct sp_str id = {slash + 1, resource.size - route->type.size - 1};
    route->id = id;
    route->id_kind = SP_ROUTE_ID_CONSTANT;
    if (!has_brace(id))
        return sp_text_check_resource_id(id, "resource id", error);
    if (!read_capture(id, &route->id))
        return sp_error_set(error, SP_ERR_INVALID,
                            "a resource id must be one capture, such as {voice_id}, or a constant");
    route->id_kind = SP_ROUTE_ID_CAPTURE;
    return find_capture(route, error);
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
    status = check_template(route.path, error);
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

const char *sp_route_target(const struct sp_route *route, char text[static SP_ROUTE_TARGET_BYTES]) {
    static const char *const opening[] = {"", "/", "/{"}, *const closing[] = {"", "", "}"}; /* by enum sp_route_id */
    (void)snprintf(text, SP_ROUTE_TARGET_BYTES, "%.*s %.*s%s%.*s%s", SP_STR_ARG(route->action), SP_STR_ARG(route->type),
                   opening[route->id_kind], SP_STR_ARG(route->id), closing[route->id_kind]);
    return text;
}
