#include "core/route_states.h"

#include <stdlib.h>

/* A literal child of one of a set's nodes, and that node's place in the set. */
struct candidate {
    struct sp_str text;
    uint32_t node;
    uint32_t rank;
};

static int compare_folded(struct sp_str a, struct sp_str b) {
    for (size_t i = 0; i < a.size && i < b.size; i++) {
        int order = (uint8_t)sp_route_fold(a.data[i]) - (uint8_t)sp_route_fold(b.data[i]);
        if (order != 0)
            return order;
    }
    return (a.size > b.size) - (a.size < b.size);
}

/* Texts that differ only in case stand side by side, equal ones in the order of the set. */
static int compare_candidates(const void *left, const void *right) {
    const struct candidate *a = left, *b = right;
    int order = compare_folded(a->text, b->text);
    if (order == 0 && a->text.size > 0)
        order = memcmp(a->text.data, b->text.data, a->text.size);
    return order != 0 ? order : (a->rank > b->rank) - (a->rank < b->rank);
}

static uint32_t get_member(const struct sp_route_build *build, const struct sp_route_set *set, uint32_t rank) {
    return SP_ROUTE_ITEMS(build->members, uint32_t)[set->first + rank];
}

static struct sp_route_set get_set(const struct sp_route_build *build, uint32_t state) {
    return SP_ROUTE_ITEMS(build->sets, struct sp_route_set)[state];
}

/* ---- finding a set again ---- */

static bool is_same_set(const struct sp_route_build *build, const struct sp_route_set *a,
                        const struct sp_route_set *b) {
    const uint32_t *members = SP_ROUTE_ITEMS(build->members, uint32_t);
    return a->hash == b->hash && a->count == b->count &&
           memcmp(members + a->first, members + b->first, a->count * sizeof(*members)) == 0;
}

/* The place of the set in the table: its own, or a free one. */
static uint32_t *find_set_slot(const struct sp_route_build *build, const struct sp_route_set *set) {
    size_t at = set->hash & (build->table_size - 1);
    while (build->table[at] != 0) {
        struct sp_route_set there = get_set(build, build->table[at]);
        if (is_same_set(build, &there, set))
            break;
        at = (at + 1) & (build->table_size - 1);
    }
    return &build->table[at];
}

static enum sp_status grow_table(struct sp_route_build *build) {
    if (build->sets.count * 2 < build->table_size)
        return SP_OK;
    build->table_size = build->table_size == 0 ? 1024 : build->table_size * 2;
    build->table = sp_arena_calloc(build->arena, build->table_size, sizeof(*build->table));
    if (build->table == NULL)
        return sp_route_refuse_memory(build);
    for (uint32_t state = SP_ROUTE_STATE_START; state < build->sets.count; state++) {
        struct sp_route_set set = get_set(build, state);
        *find_set_slot(build, &set) = state;
    }
    return SP_OK;
}

/* ---- making sets ---- */

static enum sp_status check_work(const struct sp_route_build *build, uint32_t node) {
    if (build->members.count + build->sets.count + build->edges.count <= SP_ROUTE_BUILD_MAX_WORK)
        return SP_OK;
    const struct sp_route *route = build->sorted[build->nodes[node].maker];
    return sp_error_set(build->error, SP_ERR_INVALID,
                        "line %zu, column %zu: the routes have too many segments, or overlap in too many ways; put "
                        "literals before captures",
                        route->line, route->column);
}

static enum sp_status add_member(struct sp_route_build *build, struct sp_route_set *set, uint32_t node) {
    enum sp_status status = check_work(build, node);
    if (status != SP_OK)
        return status;
    uint32_t *place = sp_route_list_add(build, &build->members, sizeof(*place));
    if (place == NULL)
        return sp_route_refuse_memory(build);
    *place = node;
    set->hash = (set->hash ^ node) * UINT64_C(0x9e3779b97f4a7c15);
    set->hash ^= set->hash >> 29;
    set->count++;
    return SP_OK;
}

static struct sp_route_set begin_set(const struct sp_route_build *build) {
    return (struct sp_route_set){.first = (uint32_t)build->members.count};
}

/* The state of the set, whose members are the newest: a new one, or the one that has it already. */
static enum sp_status finish_set(struct sp_route_build *build, const struct sp_route_set *set, uint32_t *ret_state) {
    enum sp_status status = grow_table(build);
    if (status != SP_OK)
        return status;
    uint32_t *place = find_set_slot(build, set);
    if (*place != 0) {
        build->members.count = set->first;
        *ret_state = *place;
        return SP_OK;
    }
    struct sp_route_set *kept = sp_route_list_add(build, &build->sets, sizeof(*kept));
    struct sp_route_state *state = sp_route_list_add(build, &build->states, sizeof(*state));
    if (kept == NULL || state == NULL)
        return sp_route_refuse_memory(build);
    *kept = *set;
    *state = (struct sp_route_state){0};
    *place = (uint32_t)(build->sets.count - 1);
    *ret_state = *place;
    return SP_OK;
}

/* ---- where a state leads ---- */

/* For a text that is not a literal here. */
static enum sp_status follow_captures(struct sp_route_build *build, uint32_t state) {
    struct sp_route_set from = get_set(build, state), to = begin_set(build);
    for (uint32_t rank = 0; rank < from.count; rank++) {
        uint32_t capture = build->nodes[get_member(build, &from, rank)].capture;
        enum sp_status status = capture == 0 ? SP_OK : add_member(build, &to, capture);
        if (status != SP_OK)
            return status;
    }
    if (to.count == 0)
        return SP_OK;
    uint32_t other = 0;
    enum sp_status status = finish_set(build, &to, &other);
    if (status != SP_OK)
        return status;
    SP_ROUTE_ITEMS(build->states, struct sp_route_state)[state].other = other;
    return SP_OK;
}

/* On a literal that `count` candidates have: each node's own child before its capture, so that the
 * set stays in the order of who wins. An empty text is nobody's capture. */
static enum sp_status follow_literal(struct sp_route_build *build, uint32_t state, const struct candidate *candidates,
                                     size_t count) {
    struct sp_route_set from = get_set(build, state), to = begin_set(build);
    struct sp_str text = candidates[0].text;
    size_t taken = 0;
    for (uint32_t rank = 0; rank < from.count; rank++) {
        uint32_t capture = build->nodes[get_member(build, &from, rank)].capture;
        enum sp_status status = SP_OK;
        if (taken < count && candidates[taken].rank == rank)
            status = add_member(build, &to, candidates[taken++].node);
        if (status != SP_OK)
            return status;
        if (capture != 0 && text.size > 0)
            status = add_member(build, &to, capture);
        if (status != SP_OK)
            return status;
    }
    uint32_t next = 0;
    enum sp_status status = finish_set(build, &to, &next);
    if (status != SP_OK)
        return status;
    struct sp_route_edge *edge = sp_route_list_add(build, &build->edges, sizeof(*edge));
    if (edge == NULL)
        return sp_route_refuse_memory(build);
    *edge = (struct sp_route_edge){.from = state, .to = next, .text = text};
    return SP_OK;
}

static enum sp_status gather_candidates(struct sp_route_build *build, uint32_t state,
                                        struct sp_route_list *candidates) {
    struct sp_route_set from = get_set(build, state);
    candidates->count = 0;
    for (uint32_t rank = 0; rank < from.count; rank++) {
        uint32_t child = build->nodes[get_member(build, &from, rank)].first_child;
        for (; child != 0; child = build->nodes[child].next) {
            struct candidate *added = sp_route_list_add(build, candidates, sizeof(*added));
            if (added == NULL)
                return sp_route_refuse_memory(build);
            *added = (struct candidate){.text = build->nodes[child].text, .node = child, .rank = rank};
        }
    }
    if (candidates->count > 1)
        qsort(candidates->items, candidates->count, sizeof(struct candidate), compare_candidates);
    return SP_OK;
}

static const struct sp_route *find_maker(const struct sp_route_build *build, const struct candidate *candidate) {
    return build->sorted[build->nodes[candidate->node].maker];
}

static enum sp_status expand_state(struct sp_route_build *build, uint32_t state, struct sp_route_list *gathered) {
    enum sp_status status = follow_captures(build, state);
    if (status != SP_OK)
        return status;
    status = gather_candidates(build, state, gathered);
    if (status != SP_OK)
        return status;
    const struct candidate *all = gathered->items;
    for (size_t i = 0; i < gathered->count;) {
        size_t end = i + 1;
        while (end < gathered->count && sp_str_equal(all[end].text, all[i].text))
            end++;
        if (end < gathered->count && sp_route_equal_folded(all[end].text, all[i].text))
            return sp_route_refuse_pair(build, find_maker(build, &all[i]), find_maker(build, &all[end]),
                                        "has a segment that differs only in case from that of");
        status = follow_literal(build, state, all + i, end - i);
        if (status != SP_OK)
            return status;
        i = end;
    }
    return SP_OK;
}

enum sp_status sp_route_build_states(struct sp_route_build *build) {
    struct sp_route_list gathered = {0};
    struct sp_route_set *none = sp_route_list_add(build, &build->sets, sizeof(*none));
    struct sp_route_state *dead = sp_route_list_add(build, &build->states, sizeof(*dead));
    struct sp_route_edge *no_edge = sp_route_list_add(build, &build->edges, sizeof(*no_edge));
    uint32_t start = 0;
    if (none == NULL || dead == NULL || no_edge == NULL)
        return sp_route_refuse_memory(build);
    *none = (struct sp_route_set){0};
    *dead = (struct sp_route_state){0};
    *no_edge = (struct sp_route_edge){0};
    struct sp_route_set root = begin_set(build);
    enum sp_status status = add_member(build, &root, 1);
    if (status != SP_OK)
        return status;
    status = finish_set(build, &root, &start);
    if (status != SP_OK)
        return status;
    for (uint32_t state = SP_ROUTE_STATE_START; state < build->states.count; state++) {
        status = expand_state(build, state, &gathered);
        if (status != SP_OK)
            return status;
    }
    return SP_OK;
}
