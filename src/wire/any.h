/* google.protobuf.Any: a message within another, with the name of its type. Which types it may hold
 * is for the caller to say, as protobuf-c has no register of them. Thread-safe: no state. */
#ifndef SP_WIRE_ANY_H
#define SP_WIRE_ANY_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>

#include "base/bytes.h"

/* What an Any may hold; borrowed. */
struct sp_any_types {
    const ProtobufCMessageDescriptor *const *messages;
    size_t count;
};

/* The fields of one, borrowed. */
struct sp_any {
    const char *type_url; /* "type.googleapis.com/package.Message"; empty for none */
    struct sp_bytes value;
};

bool sp_any_is(const ProtobufCMessageDescriptor *descriptor);

/* The fields of a message for which sp_any_is. */
struct sp_any sp_any_of(const ProtobufCMessage *message);
void sp_any_set(ProtobufCMessage *message, char *type_url, struct sp_bytes value);

/* The type behind the last slash of a URL. NULL: it is not among them, or there is no slash.
 * `types` may be NULL: none. */
const ProtobufCMessageDescriptor *sp_any_find_type(const struct sp_any_types *types, const char *type_url);

#endif
