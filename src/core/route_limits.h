/* How large routes and the paths that they are matched with may be. */
#ifndef SP_CORE_ROUTE_LIMITS_H
#define SP_CORE_ROUTE_LIMITS_H

enum {
    SP_ROUTES_MAX = 25000,
    SP_ROUTE_TEMPLATE_MAX_BYTES = 512,
    SP_ROUTE_MAX_SEGMENTS = 32,
    SP_ROUTE_METHOD_MAX_BYTES = 32,
    SP_ROUTE_MAX_METHODS = 64, /* different ones in one list */
    SP_ROUTE_PATH_MAX_BYTES = 4096,
    SP_ROUTE_NAME_MAX_BYTES = 64, /* of a capture, and of a suffix */
    SP_ROUTE_ID_MAX_PARTS = 8,
    SP_ROUTE_MAX_HOSTS = 1000, /* different ones in one list */
    SP_ROUTE_HOST_MAX_BYTES = 253,
    SP_ROUTE_HOST_MAX_LABELS = 16,
    SP_ROUTE_MAX_PROBES = 32,
    SP_ROUTE_ID_MAX_BYTES = 256, /* as base/text.h allows resources */
    /* What a match decodes into, and composes an id of several parts in. */
    SP_ROUTE_SCRATCH_BYTES = SP_ROUTE_PATH_MAX_BYTES + SP_ROUTE_ID_MAX_BYTES,
};

#endif
