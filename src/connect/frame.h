/* Frames of Connect's streams: one byte of flags, four of the length (big-endian), the message.
 * Pure. */
#ifndef SP_CONNECT_FRAME_H
#define SP_CONNECT_FRAME_H

#include <stdbool.h>

#include "base/bytes.h"
#include "base/status.h"

enum {
    SP_CONNECT_FRAME_GZIP = 1,
    SP_CONNECT_FRAME_END = 2, /* of a stream of replies: its message is how the call ended */
    SP_CONNECT_FRAME_HEAD_BYTES = 5,
};

struct sp_connect_frame {
    bool is_gzip;
    struct sp_bytes message;
};

/* Takes the first frame of a request's body, which is not empty. SP_ERR_INVALID: it is cut, or has
 * flags that requests do not have. */
enum sp_status sp_connect_take_frame(struct sp_bytes *rest, struct sp_connect_frame *ret_frame,
                                     struct sp_error *error) SP_MUST_USE;

/* The head of a frame with a message of less than 4 GiB. */
void sp_connect_frame_head(unsigned flags, size_t size, uint8_t ret_head[static SP_CONNECT_FRAME_HEAD_BYTES]);

#endif
