/* Writes proto3's JSON mapping with protobuf-c's descriptors: names in lowerCamelCase, 64-bit
 * integers as strings, enums by name, bytes as base64, google.protobuf.Any with its "@type".
 * wire/json_read.h reads it. Thread-safe: no state. */
#ifndef SP_WIRE_JSON_WRITE_H
#define SP_WIRE_JSON_WRITE_H

#include <jansson.h>
#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>

#include "wire/any.h"

enum { SP_JSON_NAME_BYTES = 128 };

/* The name of a field in JSON: first_second as firstSecond. A longer one is cut. */
void sp_json_name(const char *name, char ret_name[static SP_JSON_NAME_BYTES]);

/* Bytes as a new text in base64, with the padding at its end or without. NULL: out of memory. */
json_t *sp_json_from_bytes(struct sp_bytes bytes, bool padded);

/* The message as a new JSON object that the caller decrefs; NULL when out of memory or if text is
 * not UTF-8. Fields with default values are left out unless `with_defaults`; unset messages and
 * members of a oneof always are. */
json_t *sp_json_from_message(const ProtobufCMessage *message, bool with_defaults);

/* The same of a message with an Any in it. NULL too if one holds a type that is not among these, or
 * bytes that are not of its type, or is nested more than 16 deep. */
json_t *sp_json_from_message_with(const ProtobufCMessage *message, const struct sp_any_types *types,
                                  bool with_defaults);

#endif
