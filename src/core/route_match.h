/* Finds the route that a request's method and path reach, by the rules of core/route.h. Pure. */
#ifndef SP_CORE_ROUTE_MATCH_H
#define SP_CORE_ROUTE_MATCH_H

#include "core/route.h"

struct sp_routes; /* core/route_compile.h */

enum sp_route_outcome {
    SP_ROUTE_UNKNOWN = 0,  /* no template fits the path */
    SP_ROUTE_OTHER_METHOD, /* a template fits, but no route of it has the method */
    SP_ROUTE_REFUSED, /* the method or the path is spelt in a way that is not accepted: a request that is malformed, or
                              that somebody could read differently */
    SP_ROUTE_FOUND,
};

struct sp_route_match {
    enum sp_route_outcome outcome;
    const char *why;              /* if not found: a sentence without a full stop. A constant */
    const struct sp_route *route; /* NULL unless found; borrowed from what was compiled */
    size_t index;                 /* of the route */
    struct sp_str id;             /* the resource's, decoded; in `scratch` or borrowed from the route; empty: none */
};

/* A request as the client sent it. */
struct sp_route_request {
    struct sp_str method;
    struct sp_str host;   /* ":authority" or Host, with or without a port; empty: not known */
    struct sp_str target; /* ":path", with its query string */
};

/* Matches a request. Never fails; allocates nothing. `scratch` must live as long as the id is
 * used. */
struct sp_route_match sp_routes_match(const struct sp_routes *routes, const struct sp_route_request *request,
                                      char scratch[static SP_ROUTE_SCRATCH_BYTES]);

/* Whether any route names a host, so that requests without one are refused. */
bool sp_routes_have_hosts(const struct sp_routes *routes);

#endif
