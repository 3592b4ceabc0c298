/* Messages of Connect, between the text that travels and the protobuf bytes that handlers know. Any
 * thread: no state. */
#ifndef SP_CONNECT_MESSAGE_H
#define SP_CONNECT_MESSAGE_H

#include <jansson.h>
#include <protobuf-c/protobuf-c.h>

#include "connect/head.h"
#include "wire/any.h"

/* JSON may be this many times as large as the message may be as protobuf. */
enum { SP_CONNECT_JSON_TIMES = 4 };

/* How messages of a method travel. */
struct sp_connect_form {
    const ProtobufCMessageDescriptor *descriptor;
    const struct sp_any_types *any_types; /* what an Any in them may hold in JSON; NULL: nothing */
    enum sp_connect_codec codec;
};

/* Reads a request message of a method whose messages may have `most` bytes as protobuf. What was
 * decompressed and what is returned lies in the arena; protobuf that is not compressed is returned
 * as it is, unchecked. An empty JSON text is no message. SP_ERR_INVALID with the field's path or
 * the text's line; SP_ERR_EXHAUSTED: too large; SP_ERR_MEMORY. */
enum sp_status sp_connect_read_message(const struct sp_connect_form *form, bool is_gzip, struct sp_bytes body,
                                       size_t most, struct sp_arena *arena, struct sp_bytes *ret_message,
                                       struct sp_error *error) SP_MUST_USE;

/* The number in a field of a request message that sp_connect_read_message found to be
 * SP_ERR_INVALID; `arena` is scratch. False: it cannot be told (sp_json_peek_number). */
bool sp_connect_peek_number(const struct sp_connect_form *form, bool is_gzip, struct sp_bytes body, size_t most,
                            uint32_t field, struct sp_arena *arena, uint64_t *ret_value) SP_MUST_USE;

/* Writes a reply message, protobuf bytes of this program's own. `arena`: scratch, and what is
 * returned, unless that is the message itself. SP_ERR_EXHAUSTED; SP_ERR_INTERNAL: it is not such a
 * message. */
enum sp_status sp_connect_write_message(const struct sp_connect_form *form, struct sp_bytes message,
                                        struct sp_arena *arena, struct sp_bytes *ret_text,
                                        struct sp_error *error) SP_MUST_USE;

/* Writes a JSON value into the arena. SP_ERR_EXHAUSTED; NULL is out of memory. */
enum sp_status sp_connect_write_json(const json_t *json, struct sp_arena *arena, struct sp_bytes *ret_text) SP_MUST_USE;

#endif
