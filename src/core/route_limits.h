/* How large routes and the paths that they are matched with may be. */
#ifndef SP_CORE_ROUTE_LIMITS_H
#define SP_CORE_ROUTE_LIMITS_H

enum {
    SP_ROUTES_MAX = 10000,
    SP_ROUTE_TEMPLATE_MAX_BYTES = 512,
    SP_ROUTE_MAX_SEGMENTS = 32,
    SP_ROUTE_METHOD_MAX_BYTES = 32,
    SP_ROUTE_MAX_METHODS = 64, /* different ones in one list */
    SP_ROUTE_PATH_MAX_BYTES = 4096,
    SP_ROUTE_MAX_PROBES = 32,
    SP_ROUTE_SCRATCH_BYTES = SP_ROUTE_PATH_MAX_BYTES, /* what a match decodes into */
};

#endif
