/* Inside src/connect: what the calls of a server share. */
#ifndef SP_CONNECT_SERVICE_H
#define SP_CONNECT_SERVICE_H

#include <stdatomic.h>

#include "connect/worker.h"
#include "rpc/engine.h"
#include "wire/any.h"

struct connect_stream;

struct connect_service {
    struct connect_worker *worker;
    unsigned slot;
    size_t arena_budget_bytes; /* for one call */
    const struct sp_any_types *any_types;
    enum sp_status (*admit)(struct sp_rpc_call *call, unsigned permit, void *user, struct sp_error *error);
    enum sp_status (*authenticate)(struct sp_rpc_call *call, void *user,
                                   struct sp_error *error); /* NULL: nobody is asked */
    void *user;
    unsigned max_stream_age_s; /* of those that age; 0: any */
    atomic_bool stopping;
    struct connect_stream *streams; /* those that are open; the worker's own */
};

static inline bool sp_connect_is_stopping(const struct connect_service *service) {
    return atomic_load(&service->stopping);
}

/* Whether the caller may call the method, as the server's own `admit` decides. */
static inline enum sp_status sp_connect_admit(const struct connect_service *service, struct sp_rpc_call *call,
                                              struct sp_error *error) {
    if (call->method->permit == 0)
        return SP_OK;
    return service->admit(call, call->method->permit, service->user, error);
}

/* Whether a large request may be read. */
static inline enum sp_status sp_connect_authenticate(const struct connect_service *service, struct sp_rpc_call *call,
                                                     struct sp_error *error) {
    if (call->method->permit != 0 || service->authenticate == NULL)
        return SP_OK;
    return service->authenticate(call, service->user, error);
}

#endif
