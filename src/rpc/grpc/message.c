#include "rpc/grpc/message.h"

#include <string.h>

#include <grpc/byte_buffer_reader.h>
#include <grpc/slice_buffer.h>

enum { STATUS_MAX_BYTES = 1024 }; /* percent-encoded it still fits the 8 KiB that clients accept */

bool sp_rpc_message_is_compressed(const grpc_byte_buffer *buffer) {
    return buffer->data.raw.compression != GRPC_COMPRESS_NONE;
}

static void fill_announcement(grpc_metadata *storage) {
    storage->key = grpc_slice_from_static_string("grpc-accept-encoding");
    storage->value = grpc_slice_from_static_string("identity");
}

void sp_rpc_message_announce_at_end(grpc_op *op, enum sp_status status, grpc_metadata *storage) {
    if (status != SP_ERR_UNIMPLEMENTED)
        return;
    fill_announcement(storage);
    op->data.send_status_from_server.trailing_metadata_count = 1;
    op->data.send_status_from_server.trailing_metadata = storage;
}

void sp_rpc_message_announce(grpc_op *op, grpc_metadata *storage) {
    fill_announcement(storage);
    op->op = GRPC_OP_SEND_INITIAL_METADATA;
    op->data.send_initial_metadata.count = 1;
    op->data.send_initial_metadata.metadata = storage;
}

struct sp_bytes sp_rpc_message_read(grpc_byte_buffer *buffer, grpc_slice *merged) {
    const grpc_slice_buffer *slices = &buffer->data.raw.slice_buffer;
    grpc_byte_buffer_reader reader;
    const grpc_slice *slice = merged;
    if (slices->count == 1) {
        slice = &slices->slices[0];
    } else if (slices->count > 1 && grpc_byte_buffer_reader_init(&reader, buffer)) {
        *merged = grpc_byte_buffer_reader_readall(&reader);
        grpc_byte_buffer_reader_destroy(&reader);
    }
    return (struct sp_bytes){GRPC_SLICE_START_PTR(*slice), GRPC_SLICE_LENGTH(*slice)};
}

void sp_rpc_message_write(grpc_byte_buffer *buffer, struct sp_bytes bytes) {
    grpc_slice slice = grpc_slice_malloc(bytes.size);
    if (bytes.size > 0)
        memcpy(GRPC_SLICE_START_PTR(slice), bytes.data, bytes.size);
    grpc_slice_buffer_reset_and_unref(&buffer->data.raw.slice_buffer);
    grpc_slice_buffer_add(&buffer->data.raw.slice_buffer, slice);
}

grpc_slice sp_rpc_message_for_status(const char *message) {
    size_t size = strnlen(message, STATUS_MAX_BYTES);
    if (message[size] != '\0')
        while (size > 0 && ((unsigned char)message[size] & 0xc0) == 0x80)
            size--;
    return grpc_slice_from_copied_buffer(message, size);
}
