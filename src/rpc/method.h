/* What a gRPC server serves: methods, and the events of their streams. Nothing here depends on the
 * engine that serves them.
 *
 * A handler runs on a worker's thread and must not block. It either replies before it returns, or
 * keeps the call and replies later from any thread (exactly once, even when the server has
 * stopped). A call whose deadline has passed is not handled. */
#ifndef SP_RPC_METHOD_H
#define SP_RPC_METHOD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/status.h"

struct sp_rpc_call; /* rpc/call.h */

enum {
    SP_RPC_REQUEST_BYTES = 16 * 1024,  /* of a message, unless a method says otherwise */
    SP_RPC_UNPROVEN_BYTES = 64 * 1024, /* of a request that is read before its caller is known */
};

enum sp_rpc_kind { SP_RPC_UNARY, SP_RPC_STREAM };

/* Events of a streaming call (client-, server- or bidirectional-streaming alike), all on the call's
 * worker thread, one after the other. */
struct sp_rpc_stream_ops {
    /* The call began. Reading begins when the handler asks for it (sp_rpc_read). */
    void (*opened)(struct sp_rpc_call *call, void *user);
    /* A message that sp_rpc_read asked for; valid during the event. */
    void (*received)(struct sp_rpc_call *call, void *user, struct sp_bytes message);
    /* A message that sp_rpc_read asked for and that could not be turned into protobuf (Connect's
     * JSON): `id` is its number in the field `id_field`, by which the client knows the answer.
     * NULL, or without such a number: the message ends the call. */
    void (*unreadable)(struct sp_rpc_call *call, void *user, uint64_t id, const struct sp_error *why);
    uint32_t id_field;
    /* The client will send no more (after sp_rpc_read). */
    void (*half_closed)(struct sp_rpc_call *call, void *user);
    /* The message given to sp_rpc_send has gone; the next may be sent. */
    void (*sent)(struct sp_rpc_call *call, void *user);
    /* sp_rpc_wake was called. */
    void (*woken)(struct sp_rpc_call *call, void *user);
    /* The call is over (finished, cancelled or broken): free what sp_rpc_set_state holds. The last
     * event. */
    void (*closed)(struct sp_rpc_call *call, void *user);
};

struct sp_rpc_method {
    const char *path;                                    /* "/sallyport.v1.Authorization/Check" */
    void (*unary)(struct sp_rpc_call *call, void *user); /* for SP_RPC_UNARY */
    const struct sp_rpc_stream_ops *stream;              /* for SP_RPC_STREAM */
    void *user;
    enum sp_rpc_kind kind;
    bool hot;                   /* called all the time: more calls of it are kept requested */
    uint32_t max_request_bytes; /* one larger message is RESOURCE_EXHAUSTED; 0: SP_RPC_REQUEST_BYTES */
    unsigned permit;            /* what sp_rpc_server_options.admit is asked for; 0: it is not asked */
    bool is_public;             /* it is for everybody, so that an answer proves nothing about a client */
    bool ages;                  /* a stream without an end of its own, which a server ends at a maximum age */
};

#endif
