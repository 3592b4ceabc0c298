/* Messages as gRPC holds them: byte buffers of slices. Pure. */
#ifndef SP_RPC_GRPC_MESSAGE_H
#define SP_RPC_GRPC_MESSAGE_H

#include <grpc/byte_buffer.h>
#include <grpc/grpc.h>
#include <grpc/slice.h>

#include "base/bytes.h"
#include "base/status.h"

bool sp_rpc_message_is_compressed(const grpc_byte_buffer *buffer);

/* The bytes of a buffer: in place if they are one slice, else merged into `*merged`, which the
 * caller unrefs. */
struct sp_bytes sp_rpc_message_read(grpc_byte_buffer *buffer, grpc_slice *merged);

/* Replaces what a raw buffer holds by a copy of the bytes. */
void sp_rpc_message_write(grpc_byte_buffer *buffer, struct sp_bytes bytes);

/* A status message for the wire: cut to what a header may carry, at a character's boundary. */
grpc_slice sp_rpc_message_for_status(const char *message);

/* Lets the operation that begins a reply say that messages here are not compressed, so that clients
 * need not try; and the one that ends a call with UNIMPLEMENTED, since gRPC sends no beginning
 * then. `storage` lives as long as the operations. */
void sp_rpc_message_announce(grpc_op *op, grpc_metadata *storage);
void sp_rpc_message_announce_at_end(grpc_op *op, enum sp_status status, grpc_metadata *storage);

#endif
