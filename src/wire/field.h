/* How protobuf-c lays out the fields of a message in memory. No state. */
#ifndef SP_WIRE_FIELD_H
#define SP_WIRE_FIELD_H

#include <protobuf-c/protobuf-c.h>

/* The size of one value of the type: of a field that is not repeated, or of an item of one that
 * is. */
size_t sp_wire_value_bytes(ProtobufCType type);

#endif
