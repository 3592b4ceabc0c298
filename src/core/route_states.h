/* Inside core/route: the tree walked with every text at once. A state is the set of nodes that some
 * path leads to. */
#ifndef SP_CORE_ROUTE_STATES_H
#define SP_CORE_ROUTE_STATES_H

#include "core/route_build.h"

/* Makes the states and edges of the tree; no state has finals yet. SP_ERR_INVALID,
 * SP_ERR_MEMORY. */
enum sp_status sp_route_build_states(struct sp_route_build *build) SP_MUST_USE;

#endif
