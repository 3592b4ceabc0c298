/* Compiles routes into the automaton that core/route_match.h walks. Pure. */
#ifndef SP_CORE_ROUTE_COMPILE_H
#define SP_CORE_ROUTE_COMPILE_H

#include "core/route.h"

struct sp_routes; /* immutable: any number of threads may use it at once */

/* Compiles routes that were read, in `arena`; they are borrowed. An index tells which one was
 * reached. SP_ERR_INVALID with "line L, column C: …" of the later of two routes that cannot stand
 * beside each other, naming both; SP_ERR_MEMORY. No routes at all is a matcher that finds none. */
enum sp_status sp_routes_compile(const struct sp_route *routes, size_t count, struct sp_arena *arena,
                                 const struct sp_routes **ret_routes, struct sp_error *error) SP_MUST_USE;

#endif
