#include "core/route_trie.h"

#include <stdlib.h>

/* By kind, and literals and suffixes by their text; names mean nothing. */
static int compare_segments(struct sp_str a, struct sp_str b) {
    struct sp_route_piece left = sp_route_piece_of(a), right = sp_route_piece_of(b);
    if (left.kind != right.kind)
        return (left.kind > right.kind) - (left.kind < right.kind);
    return left.kind <= SP_ROUTE_SUFFIX ? sp_str_compare(left.text, right.text) : 0;
}

/* By shape: segment by segment, the shorter first. */
static int compare_shapes(struct sp_str a, struct sp_str b) {
    int order = 0;
    while (order == 0 && a.size > 0 && b.size > 0)
        order = compare_segments(sp_route_next_segment(&a), sp_route_next_segment(&b));
    return order != 0 ? order : (a.size > 0) - (b.size > 0);
}

/* By host, then by shape. */
static int compare_route_places(const struct sp_route *a, const struct sp_route *b) {
    int order = sp_str_compare(sp_route_host(a), sp_route_host(b));
    return order != 0 ? order : compare_shapes(sp_route_template(a), sp_route_template(b));
}

static int compare_by_shape(const void *left, const void *right) {
    const struct sp_route *a = *(const struct sp_route *const *)left;
    const struct sp_route *b = *(const struct sp_route *const *)right;
    int order = compare_route_places(a, b);
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
        if (compare_route_places(a, b) == 0 && sp_str_equal(a->method, b->method))
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
        for (struct sp_str rest = sp_route_template(&build->routes[i]); rest.size > 0; count++)
            (void)sp_route_next_segment(&rest);
    return count;
}

static uint32_t add_node(struct sp_route_build *build, struct sp_str text, uint32_t maker) {
    uint32_t added = build->node_count++;
    build->nodes[added] = (struct sp_route_node){.text = text, .maker = maker};
    return added;
}

/* The child with the text. Routes come sorted, so that one which is there already is the newest. */
static uint32_t take_child(struct sp_route_build *build, struct sp_route_children *children, struct sp_str text,
                           uint32_t maker) {
    if (children->last != 0 && sp_str_equal(build->nodes[children->last].text, text))
        return children->last;
    uint32_t child = add_node(build, text, maker);
    if (children->last != 0)
        build->nodes[children->last].next = child;
    else
        children->first = child;
    children->last = child;
    return child;
}

static uint32_t take_segment(struct sp_route_build *build, uint32_t parent, struct sp_str segment, uint32_t maker) {
    struct sp_route_piece piece = sp_route_piece_of(segment);
    struct sp_route_node *node = &build->nodes[parent];
    if (piece.kind == SP_ROUTE_LITERAL)
        return take_child(build, &node->literals, piece.text, maker);
    if (piece.kind == SP_ROUTE_SUFFIX)
        return take_child(build, &node->suffixes, piece.text, maker);
    uint32_t *child = piece.kind == SP_ROUTE_CAPTURE ? &node->capture : &node->rest;
    if (*child == 0)
        *child = add_node(build, (struct sp_str){0}, maker);
    if (piece.kind == SP_ROUTE_REST)
        build->nodes[*child].rest = *child;
    return *child;
}

/* The tree of the route's host, which is the newest if it is there already. */
static struct sp_route_tree *take_tree(struct sp_route_build *build, struct sp_str host, uint32_t maker) {
    struct sp_route_tree *trees = build->trees.items;
    if (trees != NULL && sp_str_equal(trees[build->trees.count - 1].host, host))
        return &trees[build->trees.count - 1];
    struct sp_route_tree *added = sp_route_list_add(build, &build->trees, sizeof(*added));
    if (added != NULL)
        *added = (struct sp_route_tree){host, add_node(build, (struct sp_str){0}, maker), maker};
    return added;
}

enum sp_status sp_route_build_trie(struct sp_route_build *build) {
    enum sp_status status = check_methods(build);
    if (status != SP_OK)
        return status;
    status = sort_routes(build);
    if (status != SP_OK)
        return status;
    build->nodes = sp_arena_calloc(build->arena, count_segments(build) + build->count + 2, sizeof(*build->nodes));
    if (build->nodes == NULL)
        return sp_route_refuse_memory(build);
    build->node_count = 1;
    if (take_tree(build, (struct sp_str){0}, 0) == NULL)
        return sp_route_refuse_memory(build);
    for (uint32_t i = 0; i < build->count; i++) {
        const struct sp_route_tree *tree = take_tree(build, sp_route_host(build->sorted[i]), i);
        if (tree == NULL)
            return sp_route_refuse_memory(build);
        uint32_t at = tree->root;
        for (struct sp_str rest = sp_route_template(build->sorted[i]); rest.size > 0;)
            at = take_segment(build, at, sp_route_next_segment(&rest), i);
        if (build->nodes[at].route_count++ == 0)
            build->nodes[at].first_route = i;
    }
    return SP_OK;
}
