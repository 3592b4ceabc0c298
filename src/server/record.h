/* The one hook after each decision, whatever way it was asked: metrics, the decision log, the last use of keys.
 *
 * Whoever answers questions makes a struct sp_asking when a call begins, and records each answer while its snapshot is
 * still held. Nothing here blocks, takes a lock or allocates. A worker slot belongs to one thread. */
#ifndef SP_SERVER_RECORD_H
#define SP_SERVER_RECORD_H

#include "decide/check.h"

struct sp_service;
struct sp_rpc_call;
struct sp_http_exchange;

enum sp_transport {
    SP_TRANSPORT_CHECK,
    SP_TRANSPORT_BATCH,
    SP_TRANSPORT_STREAM,
    SP_TRANSPORT_EXT_AUTHZ,
    SP_TRANSPORT_AUTHZEN,
    SP_TRANSPORT_COUNT
};

/* "check", "batch", … : the label of metrics and logs. */
const char *sp_transport_name(enum sp_transport transport);

/* A call that asks one or more questions. */
struct sp_asking {
    unsigned worker; /* slot of sp_service.workers */
    enum sp_transport transport;
    uint64_t started_ns;           /* CLOCK_MONOTONIC */
    const struct sp_rpc_call *rpc; /* one of the two is set: where a traceparent is looked for */
    const struct sp_http_exchange *http;
    struct sp_str trace; /* the traceparent of the request that a gateway asks about; empty: none was told */
};

/* A call that came over gRPC, begun now (or, where it waited for a revision, when it first came). On its worker. */
struct sp_asking sp_asking_rpc(const struct sp_rpc_call *call, enum sp_transport transport);
/* One that came over HTTP, on the thread of the HTTP server: the slot SP_SERVER_HTTP_WORKER. */
struct sp_asking sp_asking_http(const struct sp_http_exchange *exchange, enum sp_transport transport);

/* Records one answer, before its snapshot is released. `query` NULL: denied before there was a question (ext_authz without a
 * route or a credential); `answer` then holds the reason and the revision. */
void sp_record_decision(struct sp_service *service, const struct sp_asking *asking, const struct sp_query *query,
                        const struct sp_answer *answer, const char *decision_id);

/* Records that a call waits for a revision. */
void sp_record_wait(struct sp_service *service, const struct sp_asking *asking);

/* Records that a call gave no answer. */
void sp_record_failure(struct sp_service *service, const struct sp_asking *asking, enum sp_status status);

/* Records how long the call took, once, after its last answer. */
void sp_record_end(struct sp_service *service, const struct sp_asking *asking);

#endif
