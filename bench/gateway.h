/* The same questions as a gateway asks them: of Envoy's external authorization, by method, path and
 * headers. */
#ifndef BENCH_GATEWAY_H
#define BENCH_GATEWAY_H

#include "base/arena.h"
#include "world.h"

enum { GATEWAY_HEADERS_MAX = 100 };

/* A POST to the path that the default schema's routes lead to the question's action, packed in the
 * arena: with the key, x-forwarded-for and x-request-id, and the given number of other headers.
 * Empty when out of memory. */
struct sp_bytes gateway_make(const struct world_question *question, unsigned headers, struct sp_arena *arena);

/* Whether the reply gives this reason, and lets the request pass for that of an allowed one
 * only. */
bool gateway_says(struct sp_bytes reply, enum sp_reason expected, struct sp_arena *arena);

#endif
