#include "server/asking.h"

#include "base/clock.h"
#include "rpc/server.h"
#include "server/worker_slots.h"

const char *sp_transport_name(enum sp_transport transport) {
    static const char *const names[SP_TRANSPORT_COUNT] = {"check",     "batch",   "stream",
                                                          "ext_authz", "authzen", "forward_auth"};
    return (unsigned)transport < SP_TRANSPORT_COUNT ? names[transport] : "unknown";
}

struct sp_asking sp_asking_rpc(const struct sp_rpc_call *call, enum sp_transport transport) {
    bool waited = transport != SP_TRANSPORT_STREAM && sp_rpc_call_retries(call) > 0;
    return (struct sp_asking){
        .worker = sp_rpc_call_worker(call),
        .transport = transport,
        .started_ns = waited ? (uint64_t)sp_rpc_call_started_ms(call) * 1000000 : sp_clock_monotonic_ns(),
        .rpc = call,
    };
}

struct sp_asking sp_asking_http(const struct sp_http_exchange *exchange, enum sp_transport transport) {
    return (struct sp_asking){
        .worker = SP_SERVER_HTTP_WORKER,
        .transport = transport,
        .started_ns = sp_clock_monotonic_ns(),
        .http = exchange,
    };
}

bool sp_asking_is_over(const struct sp_asking *asking) {
    if (asking->stream_over != NULL)
        return atomic_load_explicit(asking->stream_over, memory_order_relaxed);
    return asking->rpc != NULL && asking->transport == SP_TRANSPORT_BATCH && sp_rpc_call_is_over(asking->rpc);
}

uint64_t sp_asking_elapsed_ns(const struct sp_asking *asking) {
    return sp_clock_monotonic_ns() - asking->started_ns;
}
