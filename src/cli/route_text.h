/* Routes of a schema as JSON and as people read them. Pure. All return NULL when out of memory. */
#ifndef SP_CLI_ROUTE_TEXT_H
#define SP_CLI_ROUTE_TEXT_H

#include <jansson.h>
#include <stdbool.h>

#include "core/route_match.h"
#include "core/schema.h"

/* A route with the action it asks for and what that requires. `id` is what the path gave, or the
 * route's own id. */
json_t *sp_cli_describe_route(const struct sp_schema *schema, const struct sp_route *route, struct sp_str id);

/* For people: "voice/rachel" and "voice" as one text, and "none" if no permission is needed. Takes
 * `described` over. */
json_t *sp_cli_route_in_words(json_t *described);

/* All routes, or the first `limit` if that is not 0; in words or not. A captured id is shown as
 * "{name}". */
json_t *sp_cli_list_routes(const struct sp_schema *schema, uint64_t limit, bool words);

/* "FOUND", "REFUSED", "OTHER_METHOD" or "UNKNOWN". */
const char *sp_cli_route_outcome_name(enum sp_route_outcome outcome);

#endif
