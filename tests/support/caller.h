/* Calls to running programs, with requests and replies as JSON; single quotes stand for double
 * ones. Nothing here asserts, so that every thread of a test may have its own. */
#ifndef TEST_SUPPORT_CALLER_H
#define TEST_SUPPORT_CALLER_H

#include <jansson.h>

#include "base/arena.h"
#include "rpc/client.h"

struct caller {
    struct sp_rpc_client *client;
    struct sp_arena arena; /* of the last call */
    struct sp_error error; /* of the last call */
    json_t *reply;         /* with default values; NULL if the call failed */
};

/* `key` may be empty. False when out of memory. */
bool caller_open(struct caller *caller, const char *target, const char *key);
/* With a time limit other than ten seconds. */
bool caller_open_limited(struct caller *caller, const char *target, const char *key, unsigned timeout_ms);
void caller_close(struct caller *caller);

/* Calls "Admin/…", "Authorization/…", "Usage/…" or "grpc.health.v1.Health/Check". */
enum sp_status caller_call(struct caller *caller, const char *method, const char *request);
/* Formats the request first. Not for text that contains quotes. */
enum sp_status caller_callf(struct caller *caller, const char *method, const char *format, ...) SP_PRINTF(3, 4);

/* Calls any path with raw bytes; the reply is in the arena. */
enum sp_status caller_raw(struct caller *caller, const char *path, struct sp_bytes request, struct sp_bytes *ret_reply);

/* Encodes a request of the method into the arena; false if the JSON is not such a request. */
bool caller_pack(struct caller *caller, const char *method, const char *request, struct sp_bytes *ret_bytes);

/* The value in the last reply at a path such as "apiKey.permissions.names.0"; NULL if there is
 * none. */
json_t *caller_at(const struct caller *caller, const char *path);
/* The same as text; "" if there is none. Valid until the next call. */
const char *caller_text(const struct caller *caller, const char *path);
/* The same as a number, even if JSON has it as text; -1 if there is none. */
long long caller_number(const struct caller *caller, const char *path);

#endif
