/* Inside core/route: what compiling works on. route_trie.c makes a tree of the routes' segments,
 * route_states.c walks it with every text at once, route_compile.c decides what ends where and lays
 * out the tables. All memory here belongs to an arena that is freed when compiling ends. */
#ifndef SP_CORE_ROUTE_BUILD_H
#define SP_CORE_ROUTE_BUILD_H

#include "core/route_table.h"

/* The most members of states, states and edges together: about 17 MiB when compiled. */
enum { SP_ROUTE_BUILD_MAX_WORK = 500 * 1000 };

/* Children with a text, linked by `next`, in the order of their texts; 0: none. */
struct sp_route_children {
    uint32_t first, last;
};

struct sp_route_node {
    struct sp_str text; /* of a literal or a suffix */
    struct sp_route_children literals, suffixes;
    uint32_t next;        /* sibling */
    uint32_t capture;     /* the child that takes any text; 0: none */
    uint32_t rest;        /* the child that takes all texts from here on, which is its own; 0: none */
    uint32_t first_route; /* of those that end here, in `sorted` */
    uint32_t route_count; /* `*` first */
    uint32_t maker;       /* the first route below, in `sorted`: for messages */
};

/* A state while it is built: the nodes that a text may have led to, the one that wins first. */
struct sp_route_set {
    uint64_t hash;
    uint32_t first, count; /* in `members` */
};

struct sp_route_list {
    void *items;
    size_t count, capacity;
};

/* The tree of the routes of one host. */
struct sp_route_tree {
    struct sp_str host;
    uint32_t root;  /* a node */
    uint32_t maker; /* the first route, in `sorted` */
};

struct sp_route_build {
    const struct sp_route *routes;
    size_t count;
    struct sp_arena *arena; /* thrown away */
    struct sp_error *error;
    const struct sp_route **sorted; /* by host, then by shape, then by method, then by place */
    struct sp_route_node *nodes;    /* 0: none; 1: the root of routes for all hosts */
    uint32_t node_count;
    struct sp_route_list trees;   /* struct sp_route_tree; the first is that for all hosts */
    struct sp_route_list sets;    /* struct sp_route_set, by state */
    struct sp_route_list members; /* uint32_t */
    struct sp_route_list states;  /* struct sp_route_state */
    struct sp_route_list edges;   /* struct sp_route_edge; those of one state side by side */
    struct sp_route_list finals;  /* uint32_t */
    uint32_t *table;              /* states by the hash of their set; 0: free */
    size_t table_size;            /* a power of two */
};

#define SP_ROUTE_ITEMS(list, type) ((type *)(list).items)

/* Appends room for one item; NULL when out of memory. */
void *sp_route_list_add(struct sp_route_build *build, struct sp_route_list *list, size_t item_size);

/* "line L, column C: what …, line K". The later of the two routes is the one that is placed. */
enum sp_status sp_route_refuse_pair(const struct sp_route_build *build, const struct sp_route *a,
                                    const struct sp_route *b, const char *what);

enum sp_status sp_route_refuse_memory(const struct sp_route_build *build);

#endif
