#include "admin/message.h"

void *sp_admin_new_message(struct sp_arena *arena, const ProtobufCMessageDescriptor *descriptor) {
    void *message = sp_arena_alloc(arena, descriptor->sizeof_message);
    if (message != NULL)
        protobuf_c_message_init(descriptor, message);
    return message;
}
