/* Inside core/route: routes sorted by shape, and the tree of their segments. */
#ifndef SP_CORE_ROUTE_TRIE_H
#define SP_CORE_ROUTE_TRIE_H

#include "core/route_build.h"

/* Sorts the routes, refuses two of one shape and method, and makes the tree. SP_ERR_INVALID,
 * SP_ERR_MEMORY. */
enum sp_status sp_route_build_trie(struct sp_route_build *build) SP_MUST_USE;

#endif
