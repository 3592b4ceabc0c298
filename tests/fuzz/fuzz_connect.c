/* Bodies of Connect requests: frames, gzip, JSON and protobuf. The first byte chooses message,
 * codec and compression, and whether the body is a stream's. What is read is a message that its
 * handler can read, or refused with a reason. */
#include <stdlib.h>

#include "connect/frame.h"
#include "connect/message.h"
#include "sallyport/v1/authorization.pb-c.h"
#include "wire/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MOST_BYTES = 16 * 1024, FIRST_BYTES = 4096, BUDGET_BYTES = 1 << 22 };

static void require(int condition) {
    if (!condition)
        abort();
}

/* JSON and what is decompressed are bounded, whatever the body says of itself. */
static void read_body(const ProtobufCMessageDescriptor *descriptor, enum sp_connect_codec codec, bool is_gzip,
                      struct sp_bytes body, struct sp_arena *arena) {
    struct sp_error error = {0};
    struct sp_bytes message;
    ProtobufCMessage *unpacked = NULL;
    const struct sp_connect_form read = {.descriptor = descriptor, .codec = codec};
    const struct sp_connect_form written = {.descriptor = descriptor, .codec = SP_CONNECT_JSON};
    enum sp_status status = sp_connect_read_message(&read, is_gzip, body, MOST_BYTES, arena, &message, &error);
    if (status != SP_OK) {
        require(error.message[0] != '\0');
        return;
    }
    require(message.size <= MOST_BYTES);
    status = sp_wire_unpack(descriptor, message, arena, &unpacked, &error);
    require(codec == SP_CONNECT_PROTO || status == SP_OK || status == SP_ERR_EXHAUSTED);
    struct sp_bytes text;
    if (status == SP_OK)
        require(sp_connect_write_message(&written, message, arena, &text, &error) == SP_OK ||
                error.status == SP_ERR_EXHAUSTED);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const ProtobufCMessageDescriptor *const descriptors[] = {
        &sallyport__v1__check_request__descriptor,
        &sallyport__v1__check_stream_request__descriptor,
    };
    struct sp_arena arena;
    struct sp_error error = {0};
    if (size == 0)
        return 0;
    const ProtobufCMessageDescriptor *descriptor = descriptors[data[0] & 1];
    enum sp_connect_codec codec = (data[0] & 2) != 0 ? SP_CONNECT_PROTO : SP_CONNECT_JSON;
    struct sp_bytes rest = {data + 1, size - 1};
    require(sp_arena_init(&arena, FIRST_BYTES, BUDGET_BYTES) == SP_OK);
    if ((data[0] & 8) == 0) {
        read_body(descriptor, codec, (data[0] & 4) != 0, rest, &arena);
    } else {
        struct sp_connect_frame frame;
        while (rest.size > 0 && sp_connect_take_frame(&rest, &frame, &error) == SP_OK) {
            read_body(descriptor, codec, frame.is_gzip, frame.message, &arena);
            sp_arena_reset(&arena);
        }
    }
    sp_arena_fini(&arena);
    return 0;
}
