/* Inside src/connect: a call while it lasts. It belongs to the worker's thread until a handler keeps it for another, and
 * ends with sp_connect_call_end, after which it must not be touched. */
#ifndef SP_CONNECT_CALL_H
#define SP_CONNECT_CALL_H

#include <protobuf-c/protobuf-c.h>

#include "connect/head.h"
#include "connect/service.h"
#include "connect/worker.h"
#include "http/exchange.h"
#include "rpc/engine.h"

/* A method of the server, and its messages. */
struct connect_method {
    struct connect_service *service;
    struct sp_rpc_method rpc;
    const ProtobufCMessageDescriptor *request, *reply;
};

struct connect_call {
    struct sp_rpc_call base; /* first: a call is its base */
    struct connect_task task;
    const struct connect_method *method;
    struct sp_http_exchange *exchange; /* its arena has the request and the reply */
    struct sp_arena arena;             /* the handler's */
    struct sp_connect_head head;
    int64_t deadline_ms; /* of CLOCK_MONOTONIC; INT64_MAX: none */
    /* The reply, once it is known. */
    unsigned http_status;
    const char *content_type;
    struct sp_bytes body;
};

static inline struct connect_call *sp_connect_call_of(struct sp_rpc_call *base) {
    return (struct connect_call *)base;
}

static inline struct connect_call *sp_connect_call_of_task(struct connect_task *task) {
    return (struct connect_call *)(void *)((char *)task - offsetof(struct connect_call, task));
}

/* Begins a call on the server's thread, with the exchange's reply deferred; NULL when out of memory. */
struct connect_call *sp_connect_call_create(const struct connect_method *method, struct sp_http_exchange *exchange,
                                            enum sp_connect_codec codec);

/* What rpc/call.h says of both kinds of calls. */
size_t sp_connect_call_metadata_all(const struct sp_rpc_call *base, const char *key, struct sp_str *ret_values,
                                    size_t room);
struct sp_str sp_connect_call_peer(struct sp_rpc_call *base);
void sp_connect_call_identity(const struct sp_rpc_call *base, struct sp_identity *ret_identity);
int64_t sp_connect_call_remaining_ms(const struct sp_rpc_call *base);

/* Ends a unary call with an error. Any thread that has it. */
void sp_connect_call_fail(struct connect_call *call, enum sp_status status, const char *message);
/* Ends a call whose reply is known. Any thread that has it. */
void sp_connect_call_end(struct connect_call *call);

#endif
