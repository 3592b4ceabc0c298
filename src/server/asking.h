/* The context of a call that asks one or more questions: how it came, which worker answers it,
 * and since when. */
#ifndef SP_SERVER_ASKING_H
#define SP_SERVER_ASKING_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/bytes.h"

struct sp_route;
struct sp_rpc_call;
struct sp_http_exchange;

enum sp_transport {
    SP_TRANSPORT_CHECK,
    SP_TRANSPORT_BATCH,
    SP_TRANSPORT_STREAM,
    SP_TRANSPORT_EXT_AUTHZ,
    SP_TRANSPORT_AUTHZEN,
    SP_TRANSPORT_FORWARD_AUTH,
    SP_TRANSPORT_COUNT
};

/* "check", "batch", …: the label of metrics and logs. */
const char *sp_transport_name(enum sp_transport transport);

struct sp_asking {
    unsigned worker; /* the worker slot (server/worker_slots.h) */
    enum sp_transport transport;
    uint64_t started_ns;                 /* CLOCK_MONOTONIC */
    const struct sp_rpc_call *rpc;       /* either this is set, */
    const struct sp_http_exchange *http; /* or this */
    struct sp_str trace;                 /* traceparent of the gateway's request; empty: unknown */
    const struct sp_route *route;        /* that led to the question; NULL: none. Valid while its snapshot is held */
    int64_t work_until_ms;               /* sp_clock_thread_ms when its budget is used up; 0: it has none */
    const atomic_bool *stream_over;      /* of a stream whose messages a bulk thread answers; NULL: another */
};

/* A gRPC call that begins now or, if it waited for a revision, began when it first arrived. On
 * its worker's thread. */
struct sp_asking sp_asking_rpc(const struct sp_rpc_call *call, enum sp_transport transport);

/* An HTTP request that begins now, in the slot SP_SERVER_HTTP_WORKER. On the HTTP server's
 * thread. */
struct sp_asking sp_asking_http(const struct sp_http_exchange *exchange, enum sp_transport transport);

/* Whether its client has gone, so that nothing needs to be answered any more. Any thread. */
bool sp_asking_is_over(const struct sp_asking *asking);

/* Nanoseconds since the call began. */
uint64_t sp_asking_elapsed_ns(const struct sp_asking *asking);

#endif
