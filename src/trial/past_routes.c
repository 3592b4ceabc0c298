#include "trial/past_routes.h"

#include <stdlib.h>
#include <string.h>

#include "core/route_match.h"
#include "core/schema.h"
#include "store/records/index.h"

enum { ARENA_FIRST_BYTES = 1 << 20, ARENA_BUDGET_BYTES = 512 << 20, PATH_BYTES = 4096 };

struct sp_trial_past_routes {
    struct sp_arena arena;
    struct sp_schema schemas[SP_TRIAL_STATES];
    char path[PATH_BYTES];
    char scratch[SP_TRIAL_STATES][SP_ROUTE_SCRATCH_BYTES];
};

/* ---- the path ---- */

/* Unreserved, or '/', which some captures take. */
static bool is_plain_in_path(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr("-._~/", c) != NULL;
}

static bool put_path_bytes(char *path, size_t *used, struct sp_str text) {
    if (text.size > PATH_BYTES - *used)
        return false;
    memcpy(path + *used, text.data, text.size);
    *used += text.size;
    return true;
}

static bool put_path_id(char *path, size_t *used, struct sp_str id) {
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < id.size; i++) {
        uint8_t c = (uint8_t)id.data[i];
        const char encoded[] = {'%', digits[c >> 4], digits[c & 15]};
        bool plain = c != '\0' && is_plain_in_path(id.data[i]);
        if (!put_path_bytes(path, used, plain ? (struct sp_str){&id.data[i], 1} : (struct sp_str){encoded, 3}))
            return false;
    }
    return true;
}

/* The next part of an id that several captures make; all of it for the last one. */
static struct sp_str take_id_part(struct sp_str *id, bool last) {
    const char *slash = last || id->size == 0 ? NULL : memchr(id->data, '/', id->size);
    struct sp_str part = {id->data, slash == NULL ? id->size : (size_t)(slash - id->data)};
    size_t taken = slash == NULL ? part.size : part.size + 1;
    *id = (struct sp_str){id->data + taken, id->size - taken};
    return part;
}

/* With the id's parts for the captures, in their order. False: it is too long, or there are fewer
 * parts than captures. Whether it is the right path, the caller finds out. */
static bool make_past_path(char path[static PATH_BYTES], struct sp_str template, struct sp_str id, size_t *ret_size) {
    size_t used = 0;
    *ret_size = 0;
    while (template.size > 0) {
        const char *open = memchr(template.data, '{', template.size), *end = template.data + template.size;
        if (!put_path_bytes(path, &used,
                            (struct sp_str){template.data, (size_t)((open == NULL ? end : open) - template.data)}))
            return false;
        if (open == NULL)
            break;
        const char *close = memchr(open, '}', (size_t)(end - open));
        if (close == NULL || id.size == 0)
            return false;
        template = (struct sp_str){close + 1, (size_t)(end - close - 1)};
        bool last = memchr(template.data, '{', template.size) == NULL;
        if (!put_path_id(path, &used, take_id_part(&id, last)))
            return false;
    }
    *ret_size = used;
    return true;
}

/* ---- finding ---- */

static bool leads_to_logged(const struct sp_route_match *match, const struct sp_trial_log_line *line) {
    return match->outcome == SP_ROUTE_FOUND &&
           sp_str_equal(match->route->type, line->texts[SP_TRIAL_LOG_RESOURCE_TYPE]) &&
           sp_str_equal(match->route->action, line->texts[SP_TRIAL_LOG_ACTION]) &&
           sp_str_equal(match->id, line->texts[SP_TRIAL_LOG_RESOURCE_ID]);
}

bool sp_trial_past_routes_find(struct sp_trial_past_routes *routes, const struct sp_trial_log_line *line,
                               struct sp_trial_past_route *ret_route) {
    struct sp_str name = line->texts[SP_TRIAL_LOG_ROUTE];
    const char *space = memchr(name.data, ' ', name.size);
    struct sp_route_match matches[SP_TRIAL_STATES];
    size_t size = 0;
    if (space == NULL)
        return false;
    struct sp_route_request request = {.method = {name.data, (size_t)(space - name.data)}};
    struct sp_str template = {space + 1, name.size - request.method.size - 1};
    const char *slash = memchr(template.data, '/', template.size);
    if (slash == NULL)
        return false;
    request.host = (struct sp_str){template.data, (size_t)(slash - template.data)};
    template = (struct sp_str){slash, template.size - request.host.size};
    if (request.host.size == 0)
        request.host = sp_str_from("host.invalid"); /* RFC 2606: nobody's */
    if (sp_str_equal(request.method, sp_str_from("*")) ||
        !make_past_path(routes->path, template, line->texts[SP_TRIAL_LOG_RESOURCE_ID], &size))
        return false;
    request.target = (struct sp_str){routes->path, size};
    for (enum sp_trial_state state = 0; state < SP_TRIAL_STATES; state++)
        matches[state] = sp_routes_match(routes->schemas[state].matcher, &request, routes->scratch[state]);
    if (!leads_to_logged(&matches[SP_TRIAL_BEFORE], line))
        return false;
    const struct sp_route_match *after = &matches[SP_TRIAL_AFTER];
    if (after->outcome != SP_ROUTE_FOUND) {
        *ret_route = (struct sp_trial_past_route){
            .reason = after->outcome == SP_ROUTE_REFUSED ? SP_REASON_REQUEST_MALFORMED : SP_REASON_ROUTE_UNKNOWN};
        return true;
    }
    *ret_route =
        (struct sp_trial_past_route){.type = after->route->type, .id = after->id, .action = after->route->action};
    return true;
}

/* ---- life ---- */

static bool is_same_route(const struct sp_route *a, const struct sp_route *b) {
    return sp_str_equal(a->method, b->method) && sp_str_equal(a->path, b->path) && sp_str_equal(a->type, b->type) &&
           a->id_kind == b->id_kind && sp_str_equal(a->id, b->id) && sp_str_equal(a->action, b->action);
}

static bool have_same_routes(const struct sp_schema *a, const struct sp_schema *b) {
    if (a->route_count != b->route_count)
        return false;
    for (size_t i = 0; i < a->route_count; i++)
        if (!is_same_route(a->sorted_routes[i], b->sorted_routes[i]))
            return false;
    return true;
}

static enum sp_status read_past_schemas(struct sp_trial_past_routes *routes,
                                        struct sp_view *const views[static SP_TRIAL_STATES]) {
    for (enum sp_trial_state state = 0; state < SP_TRIAL_STATES; state++) {
        struct sp_str yaml = {0};
        struct sp_error ignored;
        enum sp_status status = sp_index_schema_text(views[state], &routes->arena, &yaml);
        if (status != SP_OK)
            return status;
        status = sp_schema_parse_stored(yaml, &routes->arena, &routes->schemas[state], &ignored);
        if (status != SP_OK)
            return status == SP_ERR_MEMORY ? status : SP_ERR_CORRUPT;
    }
    return SP_OK;
}

enum sp_status sp_trial_past_routes_open(struct sp_view *const views[static SP_TRIAL_STATES],
                                         struct sp_trial_past_routes **ret_routes) {
    uint64_t marks[SP_TRIAL_STATES] = {0};
    *ret_routes = NULL;
    for (enum sp_trial_state state = 0; state < SP_TRIAL_STATES; state++) {
        enum sp_status status = sp_index_schema_mark(views[state], &marks[state]);
        if (status != SP_OK)
            return status;
    }
    if (marks[SP_TRIAL_BEFORE] == marks[SP_TRIAL_AFTER])
        return SP_OK;
    struct sp_trial_past_routes *routes = calloc(1, sizeof(*routes));
    if (routes == NULL || sp_arena_init(&routes->arena, ARENA_FIRST_BYTES, ARENA_BUDGET_BYTES) != SP_OK) {
        free(routes);
        return SP_ERR_MEMORY;
    }
    enum sp_status status = read_past_schemas(routes, views);
    if (status != SP_OK || have_same_routes(&routes->schemas[SP_TRIAL_BEFORE], &routes->schemas[SP_TRIAL_AFTER])) {
        sp_trial_past_routes_close(routes);
        return status;
    }
    *ret_routes = routes;
    return SP_OK;
}

void sp_trial_past_routes_close(struct sp_trial_past_routes *routes) {
    if (routes == NULL)
        return;
    sp_arena_fini(&routes->arena);
    free(routes);
}
