/* What can be told of a JSON message that was refused. Thread-safe: no state. */
#ifndef SP_WIRE_JSON_PEEK_H
#define SP_WIRE_JSON_PEEK_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>

#include "base/arena.h"

/* As sp_wire_peek_number, of a text: the value of a uint64 field, by which the answer finds its way
 * back; 0 if it is not given. What is wrong elsewhere (unknown names, wrong types, NUL, bytes that
 * are not UTF-8) does not matter. False if the text is no JSON object or has a name twice, or the
 * field is something else. `arena` is scratch. */
bool sp_json_peek_number(const ProtobufCMessageDescriptor *descriptor, struct sp_str text, uint32_t field,
                         struct sp_arena *arena, uint64_t *ret_value) SP_MUST_USE;

#endif
