/* Values at dotted paths of JSON objects: "permissions.names". Pure. */
#ifndef SP_CLI_JSON_PATH_H
#define SP_CLI_JSON_PATH_H

#include <jansson.h>
#include <stdbool.h>

#include "base/status.h"

/* Puts a value at a path, making the objects on the way; appends to an array if `append`. Takes the
 * value's reference, also on failure. SP_ERR_MEMORY, also if something else than an object is on
 * the way. */
enum sp_status sp_cli_put(json_t *request, const char *path, json_t *value, bool append) SP_MUST_USE;

/* The value at a path; borrowed, NULL for none. */
json_t *sp_cli_at(const json_t *json, const char *path);

#endif
