/* Inside core/route: what reading a path, compiling and matching share. */
#ifndef SP_CORE_ROUTE_INTERNAL_H
#define SP_CORE_ROUTE_INTERNAL_H

#include "core/route.h"

/* A path as it is read: decoded segments, and what was said of them. Bit n of a mask is segment n. */
struct sp_route_path {
    struct sp_str segments[SP_ROUTE_MAX_SEGMENTS]; /* only a last one may be empty */
    size_t count;                                  /* more than SP_ROUTE_MAX_SEGMENTS: too deep for any template */
    uint32_t encoded_reserved;                     /* a reserved character came percent-encoded */
    uint32_t raw_plus;
};

/* Reads a target; NULL, or why it is refused. `scratch` takes the decoded segments. */
const char *sp_route_path_read(struct sp_str target, char scratch[static SP_ROUTE_SCRATCH_BYTES],
                               struct sp_route_path *ret_path);

/* Whether a request's method is a token (RFC 9110 section 5.6.2) of acceptable length. */
bool sp_route_method_is_token(struct sp_str method);

/* Whether the character may stand in a template's literal. */
bool sp_route_is_literal_char(char c);

/* Cuts the next segment off what is left of a template that was accepted, which begins with '/'. */
static inline struct sp_str sp_route_next_segment(struct sp_str *rest) {
    struct sp_str segment = {rest->data + 1, rest->size - 1};
    const char *slash = memchr(segment.data, '/', segment.size);
    if (slash != NULL)
        segment.size = (size_t)(slash - segment.data);
    *rest = (struct sp_str){segment.data + segment.size, rest->size - 1 - segment.size};
    return segment;
}

static inline bool sp_route_is_capture(struct sp_str segment) {
    return segment.size > 0 && segment.data[0] == '{';
}

static inline char sp_route_fold(char c) {
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz";
    if (c >= 'A' && c <= 'Z')
        return letters[c - 'A'];
    return c;
}

/* Whether the two are the same but for the case of ASCII letters. */
static inline bool sp_route_equal_folded(struct sp_str a, struct sp_str b) {
    for (size_t i = 0; a.size == b.size && i < a.size; i++)
        if (sp_route_fold(a.data[i]) != sp_route_fold(b.data[i]))
            return false;
    return a.size == b.size;
}

/* ---- the automaton ---- */

/* Its numbers of states, edges and routes; of states and edges, 0 is none (the dead state; no edge). */
struct sp_route_state {
    uint32_t other;       /* where a text that is not empty and on no edge leads */
    uint32_t first_final; /* of what ends here, one for each method */
    uint32_t final_count;
    uint32_t any; /* the route of every other method, + 1 */
};

struct sp_route_edge {
    uint32_t from, to;
    struct sp_str text;
};

struct sp_route_slot {
    uint32_t edge;
    uint32_t tag; /* of the hash, so that most other edges are told without a look at them */
};

struct sp_routes {
    const struct sp_route *routes;
    const uint32_t *captures; /* of each route: which segments are captures */
    const struct sp_route_state *states;
    const struct sp_route_edge *edges;
    const uint32_t *finals; /* routes */
    const struct sp_route_slot *slots;
    uint64_t slot_mask;
    uint64_t seed;
};

enum { SP_ROUTE_STATE_START = 1 };

/* Of a segment, folded: edges that differ only in case share their place. */
static inline uint64_t sp_route_hash(uint64_t seed, uint32_t state, struct sp_str text) {
    uint64_t hash = seed ^ state * UINT64_C(0x9e3779b97f4a7c15);
    for (size_t i = 0; i < text.size; i++)
        hash = (hash ^ (uint8_t)sp_route_fold(text.data[i])) * UINT64_C(0x100000001b3);
    hash = (hash ^ hash >> 32) * UINT64_C(0xd6e8feb86659fd93);
    return hash ^ hash >> 32;
}

#endif
