/* What `sallyport-bench churn` asks of a sallyport-sync that serves a world: changes, small and
 * large, and lists. None changes what sallyportd answers, but `shares`. Pure. */
#ifndef BENCH_ADMIN_CALLS_H
#define BENCH_ADMIN_CALLS_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"

struct admin_call {
    const char *name; /* "workspaces", "names", "shares", "list-changes", "list-keys" */
    const char *path; /* of the method */
    const ProtobufCMessageDescriptor *reply;
    /* A request about the workspace of key `key`, in `arena`; false when out of memory. `random`
     * varies it. */
    bool (*pack)(uint64_t key, uint64_t random, struct sp_arena *arena, struct sp_bytes *ret_request);
    bool (*is_right)(const ProtobufCMessage *reply);
};

/* NULL: there is none of that name. */
const struct admin_call *admin_call_find(const char *name);

#endif
