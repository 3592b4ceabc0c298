/* Inside src/rpc, and for src/connect, which is an engine too: what the calls of every engine begin
 * with, and what an engine does for the handlers (rpc/call.h). Each engine's own call has a `struct
 * sp_rpc_call` as its first member. */
#ifndef SP_RPC_ENGINE_H
#define SP_RPC_ENGINE_H

#include <stdatomic.h>

#include "base/arena.h"
#include "base/identity.h"
#include "base/status.h"
#include "rpc/method.h"

/* As the functions of rpc/call.h with these names. */
struct call_ops {
    size_t (*metadata_all)(const struct sp_rpc_call *call, const char *key, struct sp_str *ret_values, size_t room);
    struct sp_str (*peer)(struct sp_rpc_call *call);
    void (*identity)(const struct sp_rpc_call *call, struct sp_identity *ret_identity);
    int64_t (*remaining_ms)(const struct sp_rpc_call *call);
    void (*reply)(struct sp_rpc_call *call, struct sp_bytes reply);
    void (*fail)(struct sp_rpc_call *call, enum sp_status status, const char *message);
    void (*retry_after)(struct sp_rpc_call *call, unsigned delay_ms);
    void (*read)(struct sp_rpc_call *call);
    void (*send)(struct sp_rpc_call *call, struct sp_bytes message);
    void (*send_and_read)(struct sp_rpc_call *call, struct sp_bytes message);
    void (*finish)(struct sp_rpc_call *call);
    void (*wake)(struct sp_rpc_call *call);
};

struct sp_rpc_call {
    const struct call_ops *ops;
    const struct sp_rpc_method *method; /* NULL: of the calls that no method matches */
    struct sp_arena *arena;             /* NULL until the call was admitted */
    struct sp_bytes request;            /* of a unary call */
    void *state;                        /* of a stream */
    int64_t started_ms;
    unsigned worker;
    unsigned retries;
    bool refused;     /* its reply, which is no error, says that the caller may not ask */
    atomic_bool over; /* nobody waits for its answer any more */
};

#endif
