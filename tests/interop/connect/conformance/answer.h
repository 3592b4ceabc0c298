/* What the suite wants a call of its service to be answered with, and what it wants to be told
 * about the call. One thread for each call. */
#ifndef SP_TESTS_CONFORMANCE_ANSWER_H
#define SP_TESTS_CONFORMANCE_ANSWER_H

#include "base/arena.h"
#include "connectrpc/conformance/v1/conformance.pb-c.h"
#include "rpc/call.h"

/* A method of the service. */
struct conformance_method {
    const ProtobufCMessageDescriptor *request;
    bool answers_stream; /* its definition of the answer is one of a stream */
    bool one_request;    /* more or fewer are refused */
};

/* What was seen of a call. Everything lies in its arena. */
struct observed {
    struct sp_arena *arena;
    Connectrpc__Conformance__V1__ConformancePayload__RequestInfo info;
    size_t room; /* for requests */
};

/* Notes the headers and the timeout of a call whose reply has not begun. False when out of memory,
 * as the next. */
bool observe_call(struct sp_rpc_call *call, struct sp_arena *arena, struct observed *ret_observed);
bool observe_request(struct observed *observed, const ProtobufCMessageDescriptor *type, struct sp_bytes message);

struct answer {
    size_t header_count, trailer_count, data_count;
    Connectrpc__Conformance__V1__Header **headers, **trailers;
    ProtobufCBinaryData *data; /* a message for each */
    unsigned delay_ms;         /* before each message, or before the error of a call that is not answered by a stream */
    const Connectrpc__Conformance__V1__Error *error; /* after them; NULL: none */
};

/* Reads the definition in a request, into the arena. SP_ERR_INVALID, SP_ERR_EXHAUSTED. */
enum sp_status read_answer(const struct conformance_method *method, struct sp_bytes request, struct sp_arena *arena,
                           struct answer *ret_answer, struct sp_error *error) SP_MUST_USE;

/* Adds headers and trailers, before the reply begins. */
void add_answer_metadata(struct sp_rpc_call *call, const struct answer *answer);
/* Writes a reply: with the data, and with what was observed unless that is NULL. */
enum sp_status write_answer(const ProtobufCBinaryData *data, struct observed *observed, struct sp_arena *arena,
                            struct sp_bytes *ret_reply) SP_MUST_USE;
/* Ends the call with the error, which has what was observed among its details unless that is
 * NULL. */
void fail_with_answer(struct sp_rpc_call *call, const struct answer *answer, const struct observed *observed);

#endif
