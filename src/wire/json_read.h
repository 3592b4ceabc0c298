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

/* For a program that reads texts with keys in them: of which the JSON library makes copies, that
 * are cleared from now on when it frees them. Before it is used, and before there are threads;
 * again does no harm. */
void sp_json_prepare(void);

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

/* Parses an object or array strictly (duplicate names refused, at most 32 levels). SP_ERR_INVALID
 * with line and column or with the kind of any other value, never with the text itself. The caller
 * decrefs. For texts of this side's own. */
enum sp_status sp_json_parse(struct sp_str text, json_t **ret_json, struct sp_error *error) SP_MUST_USE;

/* The same of a line of a file of objects, one a line (NDJSON), which may end with its line feed.
 * Errors name only the column, since the caller knows the line, and say how to convert an object
 * over several lines, or an array. */
enum sp_status sp_json_parse_line(struct sp_str line, json_t **ret_json, struct sp_error *error) SP_MUST_USE;
/* Whether the first line of a file is that of an object that goes on, or of an array of objects:
 * then none of the lines can be read alone. */
bool sp_json_is_spread_over_lines(struct sp_str line);

/* The same of what somebody sent, which must be an object. Small values take up to a hundred times
 * as much memory as text: those of one request may take about this much. */
enum { SP_JSON_REQUEST_BYTES = 64 * 1024 * 1024 };
enum sp_status sp_json_parse_request(struct sp_str text, json_t **ret_json, struct sp_error *error) SP_MUST_USE;

/* The same, but texts (not names) may hold a NUL, written as "\\u0000": for readers that judge each
 * text with its length, and have an answer for what is wrong with one. */
enum sp_status sp_json_parse_request_with_nul(struct sp_str text, json_t **ret_json,
                                              struct sp_error *error) SP_MUST_USE;

#endif
