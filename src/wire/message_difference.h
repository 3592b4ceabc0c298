/* Comparing messages of one type, field by field. Thread-safe: no state. */
#ifndef SP_WIRE_MESSAGE_DIFFERENCE_H
#define SP_WIRE_MESSAGE_DIFFERENCE_H

#include <protobuf-c/protobuf-c.h>

/* The name of the first field that differs, in the order of the numbers; NULL: the messages are
 * equal. Fields of the type bytes are compared by where they are: the public messages have none. */
const char *sp_wire_find_difference(const ProtobufCMessage *a, const ProtobufCMessage *b);

#endif
