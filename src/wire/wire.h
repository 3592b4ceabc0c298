/* Protobuf bytes from outside, validated before use.
 *
 * protobuf-c checks neither UTF-8 nor embedded NULs nor depth, so the raw bytes are walked with the
 * message's descriptor first. Thread-safe: no state. */
#ifndef SP_WIRE_WIRE_H
#define SP_WIRE_WIRE_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>

#include "base/arena.h"

enum { SP_WIRE_MAX_DEPTH = 16 };

/* Walks the bytes; allocates nothing. SP_ERR_INVALID, with the field's path
 * ("items[3].resource.id"), for: malformed wire format (groups too), a string that is not UTF-8 or
 * holds a NUL, an enum value that the descriptor does not know, a number too large for its field,
 * more than 16 levels, a wire type that does not fit the field, a field that is not repeated given
 * twice, two members of one oneof. The last two are legal protobuf: the last one wins, or both are
 * merged. No encoder writes them, and readers that differ there would see different questions in
 * the same bytes. Unknown fields are skipped (but must be well-formed). SP_ERR_INTERNAL for a
 * descriptor with more than 64 fields. */
enum sp_status sp_wire_validate(const ProtobufCMessageDescriptor *descriptor, struct sp_bytes bytes,
                                struct sp_error *error) SP_MUST_USE;

/* Validates, then unpacks into the arena, without the unknown fields. SP_ERR_INVALID;
 * SP_ERR_EXHAUSTED if the arena's budget does not suffice. The message is valid until the arena
 * is reset and must not be freed. */
enum sp_status sp_wire_unpack(const ProtobufCMessageDescriptor *descriptor, struct sp_bytes bytes,
                              struct sp_arena *arena, ProtobufCMessage **ret_message,
                              struct sp_error *error) SP_MUST_USE;

/* The value of a number in a message that was refused, by which its answer finds its way back; 0 if
 * it is not given. False if the message's own fields cannot be told apart, or the field is given
 * twice or as something else. */
bool sp_wire_peek_number(struct sp_bytes bytes, uint32_t field, uint64_t *ret_value) SP_MUST_USE;

/* Unpacks bytes that this program wrote itself (the store's): no validation. SP_ERR_CORRUPT,
 * SP_ERR_MEMORY. */
enum sp_status sp_wire_unpack_trusted(const ProtobufCMessageDescriptor *descriptor, struct sp_bytes bytes,
                                      struct sp_arena *arena, ProtobufCMessage **ret_message) SP_MUST_USE;

/* Packs into the arena. SP_ERR_MEMORY. */
enum sp_status sp_wire_pack(const ProtobufCMessage *message, struct sp_arena *arena,
                            struct sp_bytes *ret_bytes) SP_MUST_USE;

/* A deep copy in the arena; NULL when out of memory. */
ProtobufCMessage *sp_wire_copy(const ProtobufCMessage *message, struct sp_arena *arena);

/* The bytes of a field, borrowed; and bytes as a field of a message that is only read or packed. */
static inline struct sp_bytes sp_wire_bytes(ProtobufCBinaryData field) {
    return (struct sp_bytes){field.data, field.len};
}

static inline ProtobufCBinaryData sp_wire_field(struct sp_bytes bytes) {
    union {
        const uint8_t *in;
        uint8_t *out;
    } data = {bytes.data};
    return (ProtobufCBinaryData){bytes.size, data.out};
}

#endif
