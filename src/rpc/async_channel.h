/* What the clients for load tools share: connections of their own, and slices read into one piece.
 * Nothing outside src/rpc includes this. */
#ifndef SP_RPC_ASYNC_CHANNEL_H
#define SP_RPC_ASYNC_CHANNEL_H

#include <grpc/grpc.h>

#include "base/bytes.h"
#include "base/status.h"
#include "rpc/client_tls.h"

struct async_connection {
    grpc_channel *channel;
    void *method; /* registered: its path is sent as it was encoded once */
};

/* Opens a channel that shares no connection with another. SP_ERR_INVALID for TLS files that cannot
 * be used. */
enum sp_status sp_rpc_async_connect(struct async_connection *connection, const char *target,
                                    const struct sp_rpc_client_tls *tls, const char *path,
                                    struct sp_error *error) SP_MUST_USE;

/* A buffer with a copy of the bytes. */
grpc_byte_buffer *sp_rpc_async_buffer(struct sp_bytes bytes);

/* Moves a received buffer (NULL: none) into *taken, whose last content is released; the bytes are
 * valid until the next time. */
struct sp_bytes sp_rpc_async_take(grpc_byte_buffer *buffer, grpc_slice *taken);

/* Shuts a queue down in which nothing is under way, and destroys it. */
void sp_rpc_async_destroy_queue(grpc_completion_queue *cq);

#endif
