/* Reads proto3's JSON mapping with protobuf-c's descriptors: both spellings of names, 64-bit
 * integers as strings too (int64 fields are times and may be RFC 3339), enums by name, bytes as
 * base64, google.protobuf.Any by its "@type". One transcoder for the command line, imports and
 * HTTP. Maps and the other messages with a form of their own in JSON (FieldMask, Struct, Timestamp
 * …) are not supported: our messages have none. Thread-safe: no state. */
#ifndef SP_WIRE_JSON_READ_H
#define SP_WIRE_JSON_READ_H

#include <jansson.h>
#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>

#include "base/arena.h"
#include "wire/any.h"

/* Reads an object into a message in the arena, valid until it is reset. SP_ERR_INVALID with the
 * field's path: an unknown name, a name in both spellings, a wrong type, a number out of range, an
 * unknown enum name (case counts), NUL in text, two members of one oneof, more than 16 levels. null
 * means "not given", but not within an array. SP_ERR_EXHAUSTED if the arena's budget does not
 * suffice. */
enum sp_status sp_json_to_message(const ProtobufCMessageDescriptor *descriptor, const json_t *json,
                                  struct sp_arena *arena, ProtobufCMessage **ret_message,
                                  struct sp_error *error) SP_MUST_USE;

/* The same of a message that may have an Any in it. SP_ERR_INVALID for an Any without "@type", or
 * of a type that is not among these, too. */
enum sp_status sp_json_to_message_with(const ProtobufCMessageDescriptor *descriptor, const struct sp_any_types *types,
                                       const json_t *json, struct sp_arena *arena, ProtobufCMessage **ret_message,
                                       struct sp_error *error) SP_MUST_USE;

/* The field that a name in JSON means, in either spelling; NULL: none. */
const ProtobufCFieldDescriptor *sp_json_find_field(const ProtobufCMessageDescriptor *descriptor, const char *name);

#endif
