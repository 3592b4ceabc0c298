/* Writes proto3's JSON mapping with protobuf-c's descriptors: names in lowerCamelCase, 64-bit
 * integers as strings, enums by name, bytes as base64. wire/json_read.h reads it. Thread-safe: no
 * state. */
#ifndef SP_WIRE_JSON_WRITE_H
#define SP_WIRE_JSON_WRITE_H

#include <jansson.h>
#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>

enum { SP_JSON_NAME_BYTES = 128 };

/* The name of a field in JSON: first_second as firstSecond. A longer one is cut. */
void sp_json_name(const char *name, char ret_name[static SP_JSON_NAME_BYTES]);

/* The message as a new JSON object that the caller decrefs; NULL when out of memory or if text is
 * not UTF-8. Fields with default values are left out unless `with_defaults`; unset messages and
 * members of a oneof always are. */
json_t *sp_json_from_message(const ProtobufCMessage *message, bool with_defaults);

#endif
