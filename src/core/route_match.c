/* A request's path walked through the compiled automaton. */
#include "core/route_match.h"

#include "base/text.h"
#include "core/route_host.h"
#include "core/route_path.h"
#include "core/route_table.h"

_Static_assert((int)SP_ROUTE_ID_MAX_BYTES == (int)SP_RESOURCE_ID_MAX_BYTES, "ids of resources");

static struct sp_route_match refuse_match(enum sp_route_outcome outcome, const char *why) {
    return (struct sp_route_match){.outcome = outcome, .why = why};
}

/* The edge from the state with the text or with the text in another case; NULL for none. */
static const struct sp_route_edge *find_edge(const struct sp_routes *routes, uint32_t state, struct sp_str text) {
    uint64_t hash = sp_route_hash(routes->seed, state, text);
    for (uint64_t i = 0; i < SP_ROUTE_MAX_PROBES; i++) {
        const struct sp_route_slot *slot = &routes->slots[(hash + i) & routes->slot_mask];
        const struct sp_route_edge *edge = &routes->edges[slot->edge];
        if (slot->edge == 0)
            return NULL;
        if (slot->tag == hash >> 32 && edge->from == state && sp_route_equal_folded(edge->text, text))
            return edge;
    }
    return NULL;
}

/* ---- the host ---- */

/* Where the host's requests begin: at its own edge, or at that of the longest suffix. */
static const char *find_start(const struct sp_routes *routes, struct sp_str host, uint32_t *ret_state) {
    struct sp_str name;
    *ret_state = SP_ROUTE_STATE_START;
    if (!routes->has_hosts)
        return NULL;
    const char *why = sp_route_host_read(host, &name);
    for (size_t i = 0; why == NULL && i < name.size; i++) {
        if (i > 0 && name.data[i] != '.')
            continue;
        const struct sp_route_edge *edge =
            find_edge(routes, SP_ROUTE_STATE_HOSTS, (struct sp_str){name.data + i, name.size - i});
        if (edge == NULL)
            continue;
        *ret_state = edge->to;
        break;
    }
    return why;
}

/* ---- the path ---- */

/* Judges the suffix at the end of a segment, which is what the edge says but for its case. NULL, or
 * why somebody could read it otherwise. */
static const char *judge_suffix(const struct sp_route_edge *edge, struct sp_str before, struct sp_str suffix,
                                bool encoded_colon) {
    if (!sp_str_equal(edge->text, suffix))
        return "the path differs from a route's only in upper and lower case";
    if (before.size == 0)
        return "the path has nothing before a suffix of a route";
    if (!sp_route_may_precede_suffix(before, suffix.data[0]))
        return "the path has a ':' or '.' twice before a suffix of a route, and some cut at the first";
    return encoded_colon && suffix.data[0] == ':'
               ? "the path has an encoded character that makes a segment look like another route's"
               : NULL;
}

/* Of a segment that is no literal of the state, which has suffixes: looks at all of its pieces that
 * begin with a separator. Only the last one can be a suffix. */
static const char *walk_suffix(const struct sp_routes *routes, struct sp_str segment, bool encoded_colon,
                               uint32_t *state) {
    const struct sp_route_edge *edge = NULL;
    size_t end = segment.size;
    uint32_t next = routes->states[*state].other;
    for (size_t at = segment.size; at > 0; at--) {
        if (!sp_route_is_separator(segment.data[at - 1]))
            continue;
        struct sp_str piece = {segment.data + at - 1, end - at + 1};
        edge = find_edge(routes, *state | SP_ROUTE_SUFFIXES, piece);
        if (edge != NULL && end < segment.size)
            return "the path has a suffix of a route in the middle of a segment";
        const char *why =
            edge == NULL ? NULL : judge_suffix(edge, (struct sp_str){segment.data, at - 1}, piece, encoded_colon);
        if (why != NULL)
            return why;
        next = edge != NULL ? edge->to : next;
        end = at - 1;
    }
    *state = next;
    return NULL;
}

/* Walks the automaton from *state. NULL, or why some upstream could read the path as another. The
 * state is 0 if nothing fits. */
static const char *walk_path(const struct sp_routes *routes, const struct sp_route_path *path, uint32_t *ret_state) {
    uint32_t state = path->count > SP_ROUTE_MAX_SEGMENTS ? 0 : *ret_state;
    for (size_t i = 0; state != 0 && i < path->count; i++) {
        struct sp_str segment = path->segments[i];
        const struct sp_route_edge *edge = find_edge(routes, state, segment);
        const char *why = NULL;
        if (edge == NULL && routes->states[state].has_suffixes && segment.size > 0)
            why = walk_suffix(routes, segment, path->encoded_colon >> i & 1, &state);
        else if (edge == NULL)
            state = segment.size > 0 ? routes->states[state].other : 0;
        else if (path->encoded_reserved >> i & 1)
            why = "the path has an encoded character that makes a segment look like another route's";
        else if (!sp_str_equal(edge->text, segment))
            why = "the path differs from a route's only in upper and lower case";
        else
            state = edge->to;
        if (why != NULL)
            return why;
    }
    *ret_state = state;
    return NULL;
}

/* The route that ends here for the method, + 1; 0 for none. */
static uint32_t find_final(const struct sp_routes *routes, const struct sp_route_state *state, struct sp_str method) {
    for (uint32_t i = 0; i < state->final_count; i++) {
        uint32_t index = routes->finals[state->first_final + i];
        if (sp_str_equal(routes->routes[index].method, method))
            return index + 1;
    }
    return state->any;
}

/* ---- the id ---- */

/* What a part of an id is in the path. */
static struct sp_str find_captured(const struct sp_route_path *path, const struct sp_route_part *part) {
    struct sp_str captured = path->segments[part->segment], last = path->segments[path->count - 1];
    if (part->kind == SP_ROUTE_SUFFIX)
        captured.size = sp_route_find_suffix(captured);
    else if (part->kind == SP_ROUTE_REST)
        captured.size = (size_t)(last.data + last.size - captured.data); /* the slashes are between them */
    return captured;
}

/* Joins the parts of an id by '/', in `room`; the size is 0 if the id is too long. */
static struct sp_str join_parts(const struct sp_route *route, const struct sp_route_path *path,
                                char room[static SP_ROUTE_ID_MAX_BYTES]) {
    struct sp_str joined = {room, 0};
    for (uint8_t i = 0; i < route->part_count; i++) {
        struct sp_str captured = find_captured(path, &route->parts[i]);
        if (captured.size + (i > 0) > SP_ROUTE_ID_MAX_BYTES - joined.size)
            return (struct sp_str){room, 0};
        if (i > 0)
            room[joined.size++] = '/';
        memcpy(room + joined.size, captured.data, captured.size);
        joined.size += captured.size;
    }
    return joined;
}

static struct sp_str find_id(const struct sp_route *route, const struct sp_route_path *path,
                             char room[static SP_ROUTE_ID_MAX_BYTES]) {
    if (route->id_kind != SP_ROUTE_ID_CAPTURE)
        return route->id;
    return route->part_count == 1 ? find_captured(path, &route->parts[0]) : join_parts(route, path, room);
}

static struct sp_route_match make_match(const struct sp_routes *routes, uint32_t index,
                                        const struct sp_route_path *path, char room[static SP_ROUTE_ID_MAX_BYTES]) {
    const struct sp_route *route = &routes->routes[index];
    struct sp_route_match match = {.outcome = SP_ROUTE_FOUND, .why = "", .route = route, .index = index};
    if ((routes->captures[index] & path->raw_plus) != 0)
        return refuse_match(SP_ROUTE_REFUSED, "the path has a '+' in a captured segment, which some read as a space; "
                                              "send \"%2B\"");
    match.id = find_id(route, path, room);
    if (match.id.size > SP_ROUTE_ID_MAX_BYTES || (route->id_kind == SP_ROUTE_ID_CAPTURE && match.id.size == 0))
        return refuse_match(SP_ROUTE_REFUSED, "the resource's id in the path is longer than 256 bytes");
    return match;
}

struct sp_route_match sp_routes_match(const struct sp_routes *routes, const struct sp_route_request *request,
                                      char scratch[static SP_ROUTE_SCRATCH_BYTES]) {
    struct sp_route_path path;
    uint32_t state = 0;
    if (!sp_route_method_is_token(request->method))
        return refuse_match(SP_ROUTE_REFUSED, "the method is not a token of at most 32 characters");
    const char *why = sp_route_path_read(request->target, scratch, &path);
    if (why == NULL)
        why = find_start(routes, request->host, &state);
    if (why == NULL)
        why = walk_path(routes, &path, &state);
    if (why != NULL)
        return refuse_match(SP_ROUTE_REFUSED, why);
    const struct sp_route_state *end = &routes->states[state];
    uint32_t final = find_final(routes, end, request->method);
    if (final > 0)
        return make_match(routes, final - 1, &path, scratch + SP_ROUTE_PATH_MAX_BYTES);
    return end->final_count > 0 ? refuse_match(SP_ROUTE_OTHER_METHOD, "the path has routes, but none for this method")
                                : refuse_match(SP_ROUTE_UNKNOWN, "no route has this path");
}

bool sp_routes_have_hosts(const struct sp_routes *routes) {
    return routes->has_hosts;
}
