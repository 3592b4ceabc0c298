/* Bidirectional streams with many messages in flight on each, driven by one thread: for load tools.
 *
 * Queue messages, then take what comes: replies in each stream's order, and its end. One thread. */
#ifndef SP_RPC_ASYNC_STREAM_H
#define SP_RPC_ASYNC_STREAM_H

#include <stdbool.h>

#include "base/bytes.h"
#include "base/status.h"
#include "rpc/client_tls.h"

struct sp_rpc_async_streams;

struct sp_rpc_async_stream_options {
    const char *target;
    struct sp_rpc_client_tls tls;
    const char *path;     /* the method that all streams call */
    unsigned connections; /* 1 to 1,000; streams take them in turn */
    unsigned streams;     /* 1 to 100,000 */
    unsigned queue;       /* the most messages of one stream that wait to be sent or are being sent, 1 to 100,001 */
};

/* What came on a stream. `message` is valid until the next call of sp_rpc_async_streams_next. */
struct sp_rpc_stream_event {
    unsigned stream;
    bool ended; /* the server ended the stream, with `status`; nothing more comes of it, and nothing more can be sent */
    enum sp_status status;
    struct sp_bytes message;
};

/* Opens all streams. Call sp_rpc_global_init before. SP_ERR_INVALID, SP_ERR_MEMORY. */
enum sp_status sp_rpc_async_streams_open(const struct sp_rpc_async_stream_options *options,
                                         struct sp_rpc_async_streams **ret_streams, struct sp_error *error) SP_MUST_USE;

/* Cancels the streams and frees. NULL is allowed. */
void sp_rpc_async_streams_close(struct sp_rpc_async_streams *streams);

/* Queues a message (copied), to be sent after those queued before it. False if the stream has ended
 * or its queue is full. A reply may come before its message has left the queue, so leave room for
 * one more than are in flight. */
bool sp_rpc_async_stream_send(struct sp_rpc_async_streams *streams, unsigned stream, struct sp_bytes message);

/* Waits until something came or CLOCK_MONOTONIC reaches `until_ns`; false when the time came first,
 * or every stream has ended. */
bool sp_rpc_async_streams_next(struct sp_rpc_async_streams *streams, uint64_t until_ns,
                               struct sp_rpc_stream_event *ret_event);

#endif
