/* Inside src/connect: what unary calls and streams have in common. */
#ifndef SP_CONNECT_CALL_H
#define SP_CONNECT_CALL_H

#include <jansson.h>
#include <protobuf-c/protobuf-c.h>

#include "connect/head.h"
#include "connect/message.h"
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
    struct sp_http_exchange *exchange;
    struct sp_arena arena; /* the handler's */
    struct sp_connect_head head;
    int64_t deadline_ms;      /* of CLOCK_MONOTONIC; INT64_MAX: none */
    const char *content_type; /* of the reply */
    bool begun;               /* the reply of a stream has, and the exchange is not ours any more */
    json_t *details;          /* of an error (connect/reply.h): an array, or NULL, as the next */
    json_t *trailers;         /* of a stream: an object of arrays */
};

static inline struct connect_call *sp_connect_call_of(struct sp_rpc_call *base) {
    return (struct connect_call *)base;
}

static inline struct connect_call *sp_connect_call_of_task(struct connect_task *task) {
    return (struct connect_call *)(void *)((char *)task - offsetof(struct connect_call, task));
}

/* Prepares a zeroed call, on the HTTP server's thread; its operations are the caller's to set.
 * False when out of memory. */
bool sp_connect_call_init(struct connect_call *call, const struct connect_method *method,
                          struct sp_http_exchange *exchange, enum sp_connect_codec codec) SP_MUST_USE;
/* Allowed for a zeroed call too. */
void sp_connect_call_fini(struct connect_call *call);

/* How its requests, and its replies, travel. */
static inline struct sp_connect_form sp_connect_request_form(const struct connect_call *call) {
    return (struct sp_connect_form){call->method->request, call->method->service->any_types, call->head.codec};
}

static inline struct sp_connect_form sp_connect_reply_form(const struct connect_call *call) {
    return (struct sp_connect_form){call->method->reply, call->method->service->any_types, call->head.codec};
}

/* As sp_rpc_call_remaining_ms. */
int64_t sp_connect_call_remaining_ms(const struct sp_rpc_call *base);

#endif
