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

/* Children with one text, of the nodes of a set, in its order. */
struct group {
    const struct candidate *items;
    size_t count;
};

/* The first candidate's node, taken off, if it is a child of the set's node with this rank; else
 * 0. */
static uint32_t take_candidate(struct group *group, uint32_t rank) {
    if (group->count == 0 || group->items->rank != rank)
        return 0;
    group->count--;
    return group->items++->node;
}

/* Where a text leads that the literals and suffixes of the groups fit, and, unless it is empty,
 * captures: of each node, who wins first, so that the set stays in that order. */
static enum sp_status follow_text(struct sp_route_build *build, uint32_t state, struct group literals,
                                  struct group suffixes, bool empty, uint32_t *ret_state) {
    struct sp_route_set from = get_set(build, state), to = begin_set(build);
    for (uint32_t rank = 0; rank < from.count; rank++) {
        const struct sp_route_node *node = &build->nodes[get_member(build, &from, rank)];
        const uint32_t next[] = {take_candidate(&literals, rank), take_candidate(&suffixes, rank),
                                 empty ? 0 : node->capture, empty ? 0 : node->rest};
        for (size_t i = 0; i < sizeof(next) / sizeof(*next); i++) {
            enum sp_status status = next[i] == 0 ? SP_OK : add_member(build, &to, next[i]);
            if (status != SP_OK)
                return status;
        }
    }
    *ret_state = 0;
    return to.count == 0 ? SP_OK : finish_set(build, &to, ret_state);
}

static enum sp_status add_route_edge(struct sp_route_build *build, uint32_t from, struct sp_str text, uint32_t to) {
    struct sp_route_edge *edge = sp_route_list_add(build, &build->edges, sizeof(*edge));
    if (edge == NULL)
        return sp_route_refuse_memory(build);
    *edge = (struct sp_route_edge){.from = from, .to = to, .text = text};
    return SP_OK;
}

/* Gathers the children that have texts, of each node of the state's set. */
static enum sp_status gather_candidates(struct sp_route_build *build, uint32_t state, bool suffixes,
                                        struct sp_route_list *candidates) {
    struct sp_route_set from = get_set(build, state);
    candidates->count = 0;
    for (uint32_t rank = 0; rank < from.count; rank++) {
        const struct sp_route_node *node = &build->nodes[get_member(build, &from, rank)];
        uint32_t child = suffixes ? node->suffixes.first : node->literals.first;
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

/* Cuts the candidates with the first one's text off the sorted list. A text that differs from it
 * only in case is refused. */
static enum sp_status cut_group(const struct sp_route_build *build, struct group *rest, struct group *ret_group) {
    const struct candidate *all = rest->items;
    size_t end = 1;
    while (end < rest->count && sp_str_equal(all[end].text, all->text))
        end++;
    *ret_group = (struct group){all, end};
    *rest = (struct group){all + end, rest->count - end};
    if (rest->count > 0 && sp_route_equal_folded(rest->items->text, all->text))
        return sp_route_refuse_pair(build, find_maker(build, all), find_maker(build, rest->items),
                                    "has a segment that differs only in case from that of");
    return SP_OK;
}

/* The suffixes that a literal has as well. */
static struct group find_suffixes_of(struct group all, struct sp_str literal) {
    size_t cut = sp_route_find_suffix(literal), first = 0, end = all.count;
    struct candidate wanted = {.text = {literal.data + cut, literal.size - cut}};
    if (cut == literal.size || !sp_route_may_precede_suffix((struct sp_str){literal.data, cut}, literal.data[cut]))
        return (struct group){NULL, 0};
    while (first < end) {
        size_t middle = first + (end - first) / 2;
        if (compare_candidates(&all.items[middle], &wanted) < 0)
            first = middle + 1;
        else
            end = middle;
    }
    while (end < all.count && sp_str_equal(all.items[end].text, wanted.text))
        end++;
    return (struct group){all.items + first, end - first};
}

static enum sp_status follow_suffixes(struct sp_route_build *build, uint32_t state, struct group rest) {
    while (rest.count > 0) {
        struct group group;
        uint32_t next = 0;
        enum sp_status status = cut_group(build, &rest, &group);
        if (status == SP_OK)
            status = follow_text(build, state, (struct group){NULL, 0}, group, false, &next);
        if (status == SP_OK)
            status = add_route_edge(build, state | SP_ROUTE_SUFFIXES, group.items->text, next);
        if (status != SP_OK)
            return status;
        SP_ROUTE_ITEMS(build->states, struct sp_route_state)[state].has_suffixes = true;
    }
    return SP_OK;
}

static enum sp_status follow_literals(struct sp_route_build *build, uint32_t state, struct group rest,
                                      struct group suffixes) {
    while (rest.count > 0) {
        struct group group;
        uint32_t next = 0;
        enum sp_status status = cut_group(build, &rest, &group);
        if (status != SP_OK)
            return status;
        struct sp_str text = group.items->text;
        status = follow_text(build, state, group, find_suffixes_of(suffixes, text), text.size == 0, &next);
        if (status == SP_OK)
            status = add_route_edge(build, state, text, next);
        if (status != SP_OK)
            return status;
    }
    return SP_OK;
}

/* What a state is expanded with, kept for the next one. */
struct gathered {
    struct sp_route_list literals, suffixes;
};

static enum sp_status expand_state(struct sp_route_build *build, uint32_t state, struct gathered *gathered) {
    const struct group none = {NULL, 0};
    uint32_t other = 0;
    enum sp_status status = follow_text(build, state, none, none, false, &other);
    if (status != SP_OK)
        return status;
    SP_ROUTE_ITEMS(build->states, struct sp_route_state)[state].other = other;
    status = gather_candidates(build, state, false, &gathered->literals);
    if (status != SP_OK)
        return status;
    status = gather_candidates(build, state, true, &gathered->suffixes);
    if (status != SP_OK)
        return status;
    struct group suffixes = {gathered->suffixes.items, gathered->suffixes.count};
    status =
        follow_literals(build, state, (struct group){gathered->literals.items, gathered->literals.count}, suffixes);
    if (status != SP_OK)
        return status;
    return follow_suffixes(build, state, suffixes);
}

/* ---- where hosts begin ---- */

/* What a host's name must end with, if the host is "*.suffix"; else all of it. */
static struct sp_str host_text(struct sp_str host) {
    bool wild = host.size > 0 && host.data[0] == '*';
    return (struct sp_str){host.data + wild, host.size - wild};
}

/* Whether names of the narrower host fit the wider one as well. */
static bool host_covers(struct sp_str wider, struct sp_str narrower) {
    struct sp_str suffix = host_text(wider), text = host_text(narrower);
    if (wider.size == 0 || sp_str_equal(wider, narrower))
        return true;
    return wider.data[0] == '*' && text.size > suffix.size &&
           memcmp(text.data + text.size - suffix.size, suffix.data, suffix.size) == 0;
}

/* The longest host that covers the given one and is shorter than `below`: its place among the
 * trees. 0, the tree of all hosts, if none is left. */
static size_t find_next_cover(const struct sp_route_build *build, struct sp_str host, size_t below) {
    const struct sp_route_tree *trees = build->trees.items;
    size_t best = 0;
    for (size_t i = 1; i < build->trees.count; i++) {
        size_t size = host_text(trees[i].host).size;
        if (host_covers(trees[i].host, host) && size < below && size > host_text(trees[best].host).size)
            best = i;
    }
    return best;
}

/* The state that a host's requests begin in: the roots of its own tree and of those that cover it,
 * the nearest first. */
static enum sp_status add_host(struct sp_route_build *build, size_t tree) {
    const struct sp_route_tree *trees = build->trees.items;
    struct sp_route_set set = begin_set(build);
    uint32_t start = 0;
    for (size_t at = tree;; at = find_next_cover(build, trees[tree].host, host_text(trees[at].host).size)) {
        enum sp_status status = add_member(build, &set, trees[at].root);
        if (status != SP_OK)
            return status;
        if (at == 0)
            break;
    }
    enum sp_status status = finish_set(build, &set, &start);
    if (status != SP_OK || tree == 0)
        return status;
    return add_route_edge(build, SP_ROUTE_STATE_HOSTS, host_text(trees[tree].host), start);
}

static enum sp_status add_hosts(struct sp_route_build *build) {
    if (build->trees.count > 1 + SP_ROUTE_MAX_HOSTS) {
        const struct sp_route_tree *tree = &SP_ROUTE_ITEMS(build->trees, struct sp_route_tree)[1 + SP_ROUTE_MAX_HOSTS];
        const struct sp_route *route = build->sorted[tree->maker];
        return sp_error_set(build->error, SP_ERR_INVALID,
                            "line %zu, column %zu: more than 1,000 different hosts; use \"*.\" and a suffix",
                            route->line, route->column);
    }
    for (size_t tree = 0; tree < build->trees.count; tree++) {
        enum sp_status status = add_host(build, tree);
        if (status != SP_OK)
            return status;
    }
    return SP_OK;
}

/* The dead state, and no edge. */
static enum sp_status add_nothing(struct sp_route_build *build) {
    struct sp_route_set *none = sp_route_list_add(build, &build->sets, sizeof(*none));
    struct sp_route_state *dead = sp_route_list_add(build, &build->states, sizeof(*dead));
    struct sp_route_edge *no_edge = sp_route_list_add(build, &build->edges, sizeof(*no_edge));
    if (none == NULL || dead == NULL || no_edge == NULL)
        return sp_route_refuse_memory(build);
    *none = (struct sp_route_set){0};
    *dead = (struct sp_route_state){0};
    *no_edge = (struct sp_route_edge){0};
    return SP_OK;
}

enum sp_status sp_route_build_states(struct sp_route_build *build) {
    struct gathered gathered = {0};
    enum sp_status status = add_nothing(build);
    if (status != SP_OK)
        return status;
    status = add_hosts(build);
    if (status != SP_OK)
        return status;
    for (uint32_t state = SP_ROUTE_STATE_START; state < build->states.count; state++) {
        status = expand_state(build, state, &gathered);
        if (status != SP_OK)
            return status;
    }
    return SP_OK;
}
