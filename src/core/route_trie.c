#include "core/route_trie.h"

#include <stdlib.h>

/* Literals by their text, then captures, which are all one. */
static int compare_segments(struct sp_str a, struct sp_str b) {
    bool a_captures = sp_route_is_capture(a), b_captures = sp_route_is_capture(b);
    if (a_captures || b_captures)
        return a_captures - b_captures;
    return sp_str_compare(a, b);
}

/* By shape: segment by segment, the shorter first. */
static int compare_shapes(struct sp_str a, struct sp_str b) {
    int order = 0;
    while (order == 0 && a.size > 0 && b.size > 0)
        order = compare_segments(sp_route_next_segment(&a), sp_route_next_segment(&b));
    return order != 0 ? order : (a.size > 0) - (b.size > 0);
}

static int compare_by_shape(const void *left, const void *right) {
    const struct sp_route *a = *(const struct sp_route *const *)left;
    const struct sp_route *b = *(const struct sp_route *const *)right;
    int order = compare_shapes(a->path, b->path);
    if (order == 0)
        order = sp_str_compare(a->method, b->method);
    return order != 0 ? order : (a > b) - (a < b);
}

static enum sp_status sort_routes(struct sp_route_build *build) {
    build->sorted = sp_arena_calloc(build->arena, build->count + 1, sizeof(const struct sp_route *));
    if (build->sorted == NULL)
        return sp_route_refuse_memory(build);
    for (size_t i = 0; i < build->count; i++)
        build->sorted[i] = &build->routes[i];
    qsort(build->sorted, build->count, sizeof(const struct sp_route *), compare_by_shape);
    for (size_t i = 1; i < build->count; i++) {
        const struct sp_route *a = build->sorted[i - 1], *b = build->sorted[i];
        if (compare_shapes(a->path, b->path) == 0 && sp_str_equal(a->method, b->method))
            return sp_route_refuse_pair(build, a, b, "has the same method and the same shape as");
    }
    return SP_OK;
}

/* Bounds how many methods are compared where a request's path ends. */
static enum sp_status check_methods(const struct sp_route_build *build) {
    struct sp_str methods[SP_ROUTE_MAX_METHODS];
    size_t count = 0;
    for (size_t i = 0; i < build->count; i++) {
        const struct sp_route *route = &build->routes[i];
        size_t at = 0;
        while (at < count && !sp_str_equal(methods[at], route->method))
            at++;
        if (at == SP_ROUTE_MAX_METHODS)
            return sp_error_set(build->error, SP_ERR_INVALID,
                                "line %zu, column %zu: more than 64 different methods; use \"*\"", route->line,
                                route->column);
        if (at == count)
            methods[count++] = route->method;
    }
    return SP_OK;
}

static size_t count_segments(const struct sp_route_build *build) {
    size_t count = 0;
    for (size_t i = 0; i < build->count; i++)
        for (struct sp_str rest = build->routes[i].path; rest.size > 0; count++)
            (void)sp_route_next_segment(&rest);
    return count;
}

static uint32_t add_node(struct sp_route_build *build, struct sp_str text, uint32_t maker) {
    uint32_t added = build->node_count++;
    build->nodes[added] = (struct sp_route_node){.text = text, .maker = maker};
    return added;
}

/* The child for the segment. Routes come sorted, so that a literal which is there already is the
 * newest child. */
static uint32_t take_child(struct sp_route_build *build, uint32_t parent, struct sp_str segment, uint32_t maker) {
    struct sp_route_node *node = &build->nodes[parent];
    if (sp_route_is_capture(segment)) {
        if (node->capture == 0)
            node->capture = add_node(build, (struct sp_str){0}, maker);
        return node->capture;
    }
    if (node->last_child != 0 && sp_str_equal(build->nodes[node->last_child].text, segment))
        return node->last_child;
    uint32_t child = add_node(build, segment, maker);
    if (node->last_child != 0)
        build->nodes[node->last_child].next = child;
    else
        node->first_child = child;
    node->last_child = child;
    return child;
}

enum sp_status sp_route_build_trie(struct sp_route_build *build) {
    enum sp_status status = check_methods(build);
    if (status != SP_OK)
        return status;
    status = sort_routes(build);
    if (status != SP_OK)
        return status;
    build->nodes = sp_arena_calloc(build->arena, count_segments(build) + 2, sizeof(*build->nodes));
    if (build->nodes == NULL)
        return sp_route_refuse_memory(build);
    build->node_count = 2;
    for (uint32_t i = 0; i < build->count; i++) {
        uint32_t at = 1;
        for (struct sp_str rest = build->sorted[i]->path; rest.size > 0;)
            at = take_child(build, at, sp_route_next_segment(&rest), i);
        if (build->nodes[at].route_count++ == 0)
            build->nodes[at].first_route = i;
    }
    return SP_OK;
}
