/* Where requests that a gateway asked about would lead by another schema.
 *
 * A decision log has a request's route and resource, and never its path, which may hold secrets.
 * The path is made again from the two where that is certain: the route names a method, it captures
 * nothing but the resource's id, its host has no wildcard, and the schema before leads the path to
 * what was logged. The host of a route for all hosts is taken for one that no route names. One
 * thread. */
#ifndef SP_TRIAL_PAST_ROUTES_H
#define SP_TRIAL_PAST_ROUTES_H

#include "core/decision.h"
#include "store/lmdb/view.h"
#include "trial/log_line.h"
#include "trial/state.h"

struct sp_trial_past_routes;

/* NULL if both states have the same routes. SP_ERR_CORRUPT, SP_ERR_MEMORY. */
enum sp_status sp_trial_past_routes_open(struct sp_view *const views[static SP_TRIAL_STATES],
                                         struct sp_trial_past_routes **ret_routes) SP_MUST_USE;
void sp_trial_past_routes_close(struct sp_trial_past_routes *routes); /* NULL is allowed */

/* What the request leads to afterwards. Texts are borrowed until the next call. */
struct sp_trial_past_route {
    enum sp_reason reason; /* SP_REASON_NONE: to a question; otherwise that of the denial */
    struct sp_str type, id, action;
};

/* False: that cannot be told from the line. */
bool sp_trial_past_routes_find(struct sp_trial_past_routes *routes, const struct sp_trial_log_line *line,
                               struct sp_trial_past_route *ret_route);

#endif
