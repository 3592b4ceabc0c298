/* JSON's text, parsed strictly: no names given twice, a bound for depth and memory, and errors that
 * never repeat the text, which may hold keys. Thread-safe once prepared: no state. */
#ifndef SP_WIRE_JSON_TEXT_H
#define SP_WIRE_JSON_TEXT_H

#include <jansson.h>
#include <stdbool.h>

#include "base/bytes.h"
#include "base/status.h"

/* For a program that reads texts with keys in them: of which the JSON library makes copies, that
 * are cleared from now on when it frees them. Before it is used, and before there are threads;
 * again does no harm. */
void sp_json_prepare(void);

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

/* As sp_json_parse, of what somebody sent, which must be an object. Small values take up to a
 * hundred times as much memory as text: those of one request may take about this much. */
enum { SP_JSON_REQUEST_BYTES = 64 * 1024 * 1024 };
enum sp_status sp_json_parse_request(struct sp_str text, json_t **ret_json, struct sp_error *error) SP_MUST_USE;

/* The same, but texts (not names) may hold a NUL, written as "\\u0000": for readers that judge each
 * text with its length, and have an answer for what is wrong with one. */
enum sp_status sp_json_parse_request_with_nul(struct sp_str text, json_t **ret_json,
                                              struct sp_error *error) SP_MUST_USE;

#endif
