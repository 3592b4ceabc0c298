/* New protobuf messages in a call's arena. */
#ifndef SP_ADMIN_MESSAGE_H
#define SP_ADMIN_MESSAGE_H

#include <protobuf-c/protobuf-c.h>

#include "base/arena.h"

/* An initialised message in the arena; NULL when out of memory. The macro:
 * SP_ADMIN_NEW(ctx, Sallyport__V1__Group, sallyport__v1__group). */
void *sp_admin_new_message(struct sp_arena *arena, const ProtobufCMessageDescriptor *descriptor);
#define SP_ADMIN_NEW(ctx, type, prefix) ((type *)sp_admin_new_message((ctx)->arena, &prefix##__descriptor))

#endif
