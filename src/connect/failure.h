/* How Connect words an error: its code, the HTTP status of unary calls, and its JSON. Any thread:
 * no state. */
#ifndef SP_CONNECT_FAILURE_H
#define SP_CONNECT_FAILURE_H

#include <jansson.h>

#include "base/status.h"

/* "not_found". A constant. */
const char *sp_connect_code(enum sp_status status);
/* The same of a gRPC code, 1 to 16; of others, "unknown". */
const char *sp_connect_code_of_grpc(int code);
/* 404. */
unsigned sp_connect_http_status(enum sp_status status);
/* {"code":"not_found","message":"…","details":[…]}, for the caller to decref; NULL when out of
 * memory. `details`: borrowed; NULL for none. */
json_t *sp_connect_failure_json(enum sp_status status, const char *message, json_t *details);

#endif
