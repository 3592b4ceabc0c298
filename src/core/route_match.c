/* A request's path walked through the compiled automaton. */
#include "core/route_match.h"

#include "base/text.h"
#include "core/route_path.h"
#include "core/route_table.h"

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

/* Walks the automaton. NULL, or why some upstream could read the path as another. The state is 0 if
 * nothing fits. */
static const char *walk_path(const struct sp_routes *routes, const struct sp_route_path *path, uint32_t *ret_state) {
    uint32_t state = path->count > SP_ROUTE_MAX_SEGMENTS ? 0 : SP_ROUTE_STATE_START;
    for (size_t i = 0; state != 0 && i < path->count; i++) {
        struct sp_str segment = path->segments[i];
        const struct sp_route_edge *edge = find_edge(routes, state, segment);
        if (edge == NULL)
            state = segment.size > 0 ? routes->states[state].other : 0;
        else if (path->encoded_reserved >> i & 1)
            return "the path has an encoded character that makes a segment look like another route's";
        else if (!sp_str_equal(edge->text, segment))
            return "the path differs from a route's only in upper and lower case";
        else
            state = edge->to;
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

static struct sp_route_match make_match(const struct sp_routes *routes, uint32_t index,
                                        const struct sp_route_path *path) {
    const struct sp_route *route = &routes->routes[index];
    struct sp_route_match match = {.outcome = SP_ROUTE_FOUND, .why = "", .route = route, .index = index};
    if ((routes->captures[index] & path->raw_plus) != 0)
        return refuse_match(SP_ROUTE_REFUSED, "the path has a '+' in a captured segment, which some read as a space; "
                                              "send \"%2B\"");
    if (route->id_kind == SP_ROUTE_ID_CAPTURE)
        match.id = path->segments[route->id_segment];
    else if (route->id_kind == SP_ROUTE_ID_CONSTANT)
        match.id = route->id;
    if (match.id.size > SP_RESOURCE_ID_MAX_BYTES)
        return refuse_match(SP_ROUTE_REFUSED, "the resource's id in the path is longer than 256 bytes");
    return match;
}

struct sp_route_match sp_routes_match(const struct sp_routes *routes, struct sp_str method, struct sp_str target,
                                      char scratch[static SP_ROUTE_SCRATCH_BYTES]) {
    struct sp_route_path path;
    uint32_t state = 0;
    if (!sp_route_method_is_token(method))
        return refuse_match(SP_ROUTE_REFUSED, "the method is not a token of at most 32 characters");
    const char *why = sp_route_path_read(target, scratch, &path);
    if (why == NULL)
        why = walk_path(routes, &path, &state);
    if (why != NULL)
        return refuse_match(SP_ROUTE_REFUSED, why);
    const struct sp_route_state *end = &routes->states[state];
    uint32_t final = find_final(routes, end, method);
    if (final > 0)
        return make_match(routes, final - 1, &path);
    return end->final_count > 0 ? refuse_match(SP_ROUTE_OTHER_METHOD, "the path has routes, but none for this method")
                                : refuse_match(SP_ROUTE_UNKNOWN, "no route has this path");
}
