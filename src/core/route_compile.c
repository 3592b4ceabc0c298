/* What ends where, and the tables that matching uses. */
#include "core/route_compile.h"

#include "core/route_states.h"
#include "core/route_trie.h"

enum {
    SCRATCH_FIRST_BYTES = 64 * 1024,
    SCRATCH_BUDGET_BYTES = 512 * 1024 * 1024,
    SEEDS = 8,     /* that are tried for one size of the table */
    DOUBLINGS = 4, /* of the table */
};

/* ---- finals ---- */

static struct sp_route_state *get_state(const struct sp_route_build *build, uint32_t state) {
    return &SP_ROUTE_ITEMS(build->states, struct sp_route_state)[state];
}

static const struct sp_route *get_final(const struct sp_route_build *build, const struct sp_route_state *state,
                                        uint32_t i) {
    return &build->routes[SP_ROUTE_ITEMS(build->finals, uint32_t)[state->first_final + i]];
}

/* The route that wins for the method; NULL for none. */
static const struct sp_route *find_winner(const struct sp_route_build *build, const struct sp_route_state *state,
                                          struct sp_str method) {
    for (uint32_t i = 0; i < state->final_count; i++)
        if (sp_str_equal(get_final(build, state, i)->method, method))
            return get_final(build, state, i);
    return state->any > 0 ? &build->routes[state->any - 1] : NULL;
}

/* The routes that end at one node, unless an earlier one has their method. `*` takes what is left
 * over, and so ends it. */
static enum sp_status add_finals(struct sp_route_build *build, struct sp_route_state *state,
                                 const struct sp_route_node *node) {
    uint32_t any = 0;
    for (uint32_t i = 0; i < node->route_count; i++) {
        const struct sp_route *route = build->sorted[node->first_route + i];
        uint32_t index = (uint32_t)(route - build->routes);
        if (sp_str_equal(route->method, SP_STR_LITERAL("*"))) {
            any = index + 1;
        } else if (find_winner(build, state, route->method) == NULL) {
            uint32_t *place = sp_route_list_add(build, &build->finals, sizeof(*place));
            if (place == NULL)
                return sp_route_refuse_memory(build);
            *place = index;
            state->final_count++;
        }
    }
    state->any = any;
    return SP_OK;
}

static enum sp_status build_finals(struct sp_route_build *build) {
    for (uint32_t at = SP_ROUTE_STATE_START; at < build->states.count; at++) {
        struct sp_route_set set = SP_ROUTE_ITEMS(build->sets, struct sp_route_set)[at];
        struct sp_route_state *state = get_state(build, at);
        state->first_final = (uint32_t)build->finals.count;
        for (uint32_t i = 0; state->any == 0 && i < set.count; i++) {
            uint32_t node = SP_ROUTE_ITEMS(build->members, uint32_t)[set.first + i];
            enum sp_status status = add_finals(build, state, &build->nodes[node]);
            if (status != SP_OK)
                return status;
        }
    }
    return SP_OK;
}

/* ---- a slash at the end ---- */

static struct sp_route_piece piece_at(const struct sp_route *route, uint8_t segment) {
    struct sp_str rest = sp_route_template(route);
    for (uint8_t i = 0; i < segment; i++)
        (void)sp_route_next_segment(&rest);
    return sp_route_piece_of(sp_route_next_segment(&rest));
}

/* Whether both take the same from the same segments. */
static bool have_same_captures(const struct sp_route *a, const struct sp_route *b) {
    for (uint8_t i = 0; a->part_count == b->part_count && i < a->part_count; i++) {
        struct sp_route_part left = a->parts[i], right = b->parts[i];
        if (left.segment != right.segment || left.kind != right.kind)
            return false;
        if (left.kind == SP_ROUTE_SUFFIX &&
            !sp_str_equal(piece_at(a, left.segment).text, piece_at(b, right.segment).text))
            return false;
    }
    return a->part_count == b->part_count;
}

static bool have_same_target(const struct sp_route *a, const struct sp_route *b) {
    if (!sp_str_equal(a->type, b->type) || !sp_str_equal(a->action, b->action) || a->id_kind != b->id_kind)
        return false;
    return a->id_kind == SP_ROUTE_ID_CAPTURE ? have_same_captures(a, b) : sp_str_equal(a->id, b->id);
}

/* Both states' winners for one method, if both have one. */
static enum sp_status compare_winners(const struct sp_route_build *build, const struct sp_route_state *without,
                                      const struct sp_route_state *with, struct sp_str method) {
    const struct sp_route *a = find_winner(build, without, method), *b = find_winner(build, with, method);
    if (a == NULL || b == NULL || have_same_target(a, b))
        return SP_OK;
    return sp_route_refuse_pair(
        build, a, b, "leads elsewhere, but matches a path that differs only by a trailing slash from one of");
}

static enum sp_status compare_ends(const struct sp_route_build *build, const struct sp_route_state *without,
                                   const struct sp_route_state *with) {
    enum sp_status status = compare_winners(build, without, with, SP_STR_LITERAL("*"));
    if (status != SP_OK)
        return status;
    for (uint32_t i = 0; i < without->final_count; i++) {
        status = compare_winners(build, without, with, get_final(build, without, i)->method);
        if (status != SP_OK)
            return status;
    }
    for (uint32_t i = 0; i < with->final_count; i++) {
        status = compare_winners(build, without, with, get_final(build, with, i)->method);
        if (status != SP_OK)
            return status;
    }
    return SP_OK;
}

static enum sp_status check_slashes(const struct sp_route_build *build) {
    for (size_t i = 1; i < build->edges.count; i++) {
        const struct sp_route_edge *edge = &SP_ROUTE_ITEMS(build->edges, struct sp_route_edge)[i];
        if (edge->text.size > 0)
            continue;
        enum sp_status status = compare_ends(build, get_state(build, edge->from), get_state(build, edge->to));
        if (status != SP_OK)
            return status;
    }
    return SP_OK;
}

/* ---- the tables ---- */

/* Puts every edge into the slots; false if one would need too many probes. */
static bool fill_slots(const struct sp_route_build *build, struct sp_route_slot *slots, uint64_t mask, uint64_t seed) {
    memset(slots, 0, (mask + 1) * sizeof(*slots));
    for (uint32_t i = 1; i < build->edges.count; i++) {
        const struct sp_route_edge *edge = &SP_ROUTE_ITEMS(build->edges, struct sp_route_edge)[i];
        uint64_t hash = sp_route_hash(seed, edge->from, edge->text);
        uint64_t probe = 0;
        while (probe < SP_ROUTE_MAX_PROBES && slots[(hash + probe) & mask].edge != 0)
            probe++;
        if (probe == SP_ROUTE_MAX_PROBES)
            return false;
        slots[(hash + probe) & mask] = (struct sp_route_slot){.edge = i, .tag = (uint32_t)(hash >> 32)};
    }
    return true;
}

/* At most a quarter full. */
static enum sp_status build_slots(const struct sp_route_build *build, struct sp_arena *arena,
                                  struct sp_routes *routes) {
    uint64_t size = 16;
    while (size < build->edges.count * 4)
        size *= 2;
    for (unsigned doubling = 0; doubling < DOUBLINGS; doubling++, size *= 2) {
        struct sp_route_slot *slots = sp_arena_calloc(build->arena, size, sizeof(*slots));
        if (slots == NULL)
            return sp_route_refuse_memory(build);
        for (uint64_t seed = 1; seed <= SEEDS; seed++) {
            if (!fill_slots(build, slots, size - 1, seed * UINT64_C(0xcbf29ce484222325)))
                continue;
            struct sp_route_slot *kept = sp_arena_calloc(arena, size, sizeof(*kept));
            if (kept == NULL)
                return sp_route_refuse_memory(build);
            memcpy(kept, slots, size * sizeof(*kept));
            routes->slots = kept;
            routes->slot_mask = size - 1;
            routes->seed = seed * UINT64_C(0xcbf29ce484222325);
            return SP_OK;
        }
    }
    return sp_error_set(build->error, SP_ERR_INVALID,
                        "line 1, column 1: the routes' segments collide in the table; remove some routes");
}

static void *copy_list(const struct sp_route_list *list, size_t item_size, struct sp_arena *arena) {
    void *copy = sp_arena_calloc(arena, list->count + 1, item_size);
    if (copy != NULL && list->count > 0)
        memcpy(copy, list->items, list->count * item_size);
    return copy;
}

static const uint32_t *list_captures(const struct sp_route_build *build, struct sp_arena *arena) {
    uint32_t *captures = sp_arena_calloc(arena, build->count + 1, sizeof(*captures));
    for (size_t i = 0; captures != NULL && i < build->count; i++) {
        struct sp_str rest = sp_route_template(&build->routes[i]);
        for (unsigned at = 0; rest.size > 0; at++) {
            enum sp_route_piece_kind kind = sp_route_piece_of(sp_route_next_segment(&rest)).kind;
            uint32_t taken = kind == SP_ROUTE_LITERAL ? 0 : kind == SP_ROUTE_REST ? UINT32_MAX : 1;
            captures[i] |= taken << at;
        }
    }
    return captures;
}

static enum sp_status keep_tables(const struct sp_route_build *build, struct sp_arena *arena,
                                  const struct sp_routes **ret_routes) {
    struct sp_routes *routes = sp_arena_calloc(arena, 1, sizeof(*routes));
    if (routes == NULL)
        return sp_route_refuse_memory(build);
    routes->routes = build->routes;
    routes->has_hosts = build->trees.count > 1;
    routes->captures = list_captures(build, arena);
    routes->states = copy_list(&build->states, sizeof(struct sp_route_state), arena);
    routes->edges = copy_list(&build->edges, sizeof(struct sp_route_edge), arena);
    routes->finals = copy_list(&build->finals, sizeof(uint32_t), arena);
    if (routes->captures == NULL || routes->states == NULL || routes->edges == NULL || routes->finals == NULL)
        return sp_route_refuse_memory(build);
    enum sp_status status = build_slots(build, arena, routes);
    if (status != SP_OK)
        return status;
    *ret_routes = routes;
    return SP_OK;
}

static enum sp_status run_compile_steps(struct sp_route_build *build, struct sp_arena *arena,
                                        const struct sp_routes **ret_routes) {
    enum sp_status status = sp_route_build_trie(build);
    if (status != SP_OK)
        return status;
    status = sp_route_build_states(build);
    if (status != SP_OK)
        return status;
    status = build_finals(build);
    if (status != SP_OK)
        return status;
    status = check_slashes(build);
    if (status != SP_OK)
        return status;
    return keep_tables(build, arena, ret_routes);
}

enum sp_status sp_routes_compile(const struct sp_route *routes, size_t count, struct sp_arena *arena,
                                 const struct sp_routes **ret_routes, struct sp_error *error) {
    struct sp_arena scratch;
    struct sp_route_build build = {.routes = routes, .count = count, .arena = &scratch, .error = error};
    if (count > SP_ROUTES_MAX)
        return sp_error_set(error, SP_ERR_INVALID, "line %zu, column %zu: more than 25,000 routes; remove some",
                            routes[SP_ROUTES_MAX].line, routes[SP_ROUTES_MAX].column);
    if (sp_arena_init(&scratch, SCRATCH_FIRST_BYTES, SCRATCH_BUDGET_BYTES) != SP_OK)
        return sp_route_refuse_memory(&build);
    enum sp_status status = run_compile_steps(&build, arena, ret_routes);
    sp_arena_fini(&scratch);
    return status;
}
