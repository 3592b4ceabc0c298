/* Calls to running programs, with requests and replies as JSON; single quotes stand for double ones. Nothing here asserts, so
 * that every thread of a test may have its own. */
#ifndef TEST_SUPPORT_CALLER_H
#define TEST_SUPPORT_CALLER_H

#include <jansson.h>

#include "base/arena.h"
#include "rpc/client.h"

struct caller {
    struct sp_rpc_client *client;
    struct sp_arena arena; /* of the last call */
    struct sp_error error; /* of the last call */
    json_t *reply;         /* with default values; NULL where it failed */
};

/* `key` may be empty. False when out of memory. */
bool caller_open(struct caller *caller, const char *target, const char *key);
/* With another time limit than ten seconds. */
bool caller_open_limited(struct caller *caller, const char *target, const char *key, unsigned timeout_ms);
void caller_close(struct caller *caller);

/* Calls "Admin/…", "Authorization/…", "Usage/…" or "grpc.health.v1.Health/Check". */
enum sp_status caller_call(struct caller *caller, const char *method, const char *request);
/* The request is formatted first. Not the way for text with quotes in it. */
enum sp_status caller_callf(struct caller *caller, const char *method, const char *format, ...) SP_PRINTF(3, 4);

/* Calls any path with bytes as they are; the reply is in the arena. */
enum sp_status caller_raw(struct caller *caller, const char *path, struct sp_bytes request, struct sp_bytes *ret_reply);

/* The request of a method as bytes in the arena; false where it is no such request. */
bool caller_pack(struct caller *caller, const char *method, const char *request, struct sp_bytes *ret_bytes);

/* What stands in the last reply at a path such as "apiKey.permissions.names.0"; NULL for nothing there. */
json_t *caller_at(const struct caller *caller, const char *path);
/* Its text; "" for none. Valid until the next call. */
const char *caller_text(const struct caller *caller, const char *path);
/* Its number, also where JSON writes it as text; -1 for none. */
long long caller_number(const struct caller *caller, const char *path);

#endif
