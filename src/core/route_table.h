/* Inside core/route: the automaton that compiling makes and matching walks. */
#ifndef SP_CORE_ROUTE_TABLE_H
#define SP_CORE_ROUTE_TABLE_H

#include "core/route.h"
#include "core/route_segment.h"

/* States, edges and routes have numbers; 0 is the dead state, and no edge. */
struct sp_route_state {
    uint32_t other;       /* where a text that is not empty and on no edge leads */
    uint32_t first_final; /* of what ends here, one for each method */
    uint16_t final_count;
    bool has_suffixes; /* on edges from here */
    uint32_t any;      /* the route of every other method, + 1 */
};

/* On a literal, on a suffix (`from` is then the state with SP_ROUTE_SUFFIXES), or, from the dead
 * state, on a host: "api.example.com", or ".example.com" for what ends so. */
struct sp_route_edge {
    uint32_t from, to;
    struct sp_str text;
};

struct sp_route_slot {
    uint32_t edge;
    uint32_t tag; /* of the hash, so that most other edges are excluded without reading them */
};

struct sp_routes {
    const struct sp_route *routes;
    bool has_hosts;
    const uint32_t *captures; /* of each route: which segments are captured, all from the rest of the path on */
    const struct sp_route_state *states;
    const struct sp_route_edge *edges;
    const uint32_t *finals; /* routes */
    const struct sp_route_slot *slots;
    uint64_t slot_mask;
    uint64_t seed;
};

enum { SP_ROUTE_STATE_HOSTS = 0, SP_ROUTE_STATE_START = 1 };

#define SP_ROUTE_SUFFIXES UINT32_C(0x80000000)

/* The hash of a folded segment: edges that differ only in case share their place. */
static inline uint64_t sp_route_hash(uint64_t seed, uint32_t state, struct sp_str text) {
    uint64_t hash = seed ^ state * UINT64_C(0x9e3779b97f4a7c15);
    for (size_t i = 0; i < text.size; i++)
        hash = (hash ^ (uint8_t)sp_route_fold(text.data[i])) * UINT64_C(0x100000001b3);
    hash = (hash ^ hash >> 32) * UINT64_C(0xd6e8feb86659fd93);
    return hash ^ hash >> 32;
}

#endif
