#include "connect/frame.h"

enum sp_status sp_connect_take_frame(struct sp_bytes *rest, struct sp_connect_frame *ret_frame,
                                     struct sp_error *error) {
    if (rest->size < SP_CONNECT_FRAME_HEAD_BYTES)
        return sp_error_set(error, SP_ERR_INVALID, "the body ends within the head of a message");
    unsigned flags = rest->data[0];
    size_t size = sp_load_be32(rest->data + 1);
    if ((flags & ~(unsigned)SP_CONNECT_FRAME_GZIP) != 0)
        return sp_error_set(error, SP_ERR_INVALID, "a message of the request has unknown flags: %u", flags);
    if (size > rest->size - SP_CONNECT_FRAME_HEAD_BYTES)
        return sp_error_set(error, SP_ERR_INVALID, "the body ends within a message");
    ret_frame->is_gzip = flags != 0;
    ret_frame->message = (struct sp_bytes){rest->data + SP_CONNECT_FRAME_HEAD_BYTES, size};
    size_t taken = SP_CONNECT_FRAME_HEAD_BYTES + size;
    *rest = (struct sp_bytes){rest->data + taken, rest->size - taken};
    return SP_OK;
}

void sp_connect_frame_head(unsigned flags, size_t size, uint8_t ret_head[static SP_CONNECT_FRAME_HEAD_BYTES]) {
    ret_head[0] = (uint8_t)flags;
    sp_store_be32(ret_head + 1, (uint32_t)size);
}
