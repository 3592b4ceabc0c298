/* request_id: the same mutation again, within 24 hours by the same actor in the same workspace,
 * gets the same reply. The call was authenticated and authorised before: a key that may no longer
 * act gets no replay. */
#ifndef SP_ADMIN_IDEMPOTENCY_H
#define SP_ADMIN_IDEMPOTENCY_H

#include "admin/context.h"
#include "core/digest.h"

/* The request's field `request_id`; empty if there is none. */
const char *sp_admin_request_id(const ProtobufCMessage *request);

/* One mutation's place among the replies that are kept. */
struct sp_admin_replay {
    bool wanted; /* the request has a request_id */
    uint8_t id[SP_DIGEST_BYTES];
    uint8_t hash[SP_DIGEST_BYTES];
};

/* Checks the request_id (at most 64 bytes of printable ASCII: INVALID_ARGUMENT) and names the
 * place. To be called before the handler, which may change the context's workspace. */
enum sp_status sp_admin_replay_open(struct sp_admin_context *ctx, const ProtobufCMessage *request,
                                    struct sp_admin_replay *ret_replay) SP_MUST_USE;

/* The reply kept there. SP_ERR_NOT_FOUND, without a message: the request is new. INVALID_ARGUMENT:
 * another request had its id. */
enum sp_status sp_admin_replay_find(struct sp_admin_context *ctx, const struct sp_admin_replay *replay,
                                    ProtobufCMessage **ret_reply) SP_MUST_USE;

/* Keeps a reply there, without its secret, in the same write as its change. */
enum sp_status sp_admin_replay_keep(struct sp_admin_context *ctx, const struct sp_admin_replay *replay,
                                    const ProtobufCMessage *reply) SP_MUST_USE;

#endif
