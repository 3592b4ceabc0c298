/* What a client is told whose request a gateway denies. Pure. */
#ifndef SP_SERVER_GATEWAY_WORDS_H
#define SP_SERVER_GATEWAY_WORDS_H

#include "server/gateway/request.h"

/* {"detail":{"type":…,"code":…,"message":…,"request_id":…}}, in the arena; NULL: out of memory.
 * `reason` SP_REASON_NONE: there is no answer. `fallback_id`: if the request has no id of its
 * own. */
char *sp_gateway_denied_body(const struct sp_gateway_settings *settings, const struct sp_gateway_request *request,
                             enum sp_reason reason, struct sp_str fallback_id, struct sp_arena *arena);

/* 400, 401, 403, or 503 for everything that is not an answer. Never 200. */
unsigned sp_gateway_denied_status(enum sp_reason reason);

/* The value of WWW-Authenticate that goes with 401: a challenge for each scheme that may carry a
 * key. In the arena; NULL: out of memory. */
char *sp_gateway_challenge(const struct sp_gateway_settings *settings, enum sp_reason reason, struct sp_arena *arena);

#endif
