/* request_id: the same mutation again, within 24 hours by the same actor in the same workspace, gets the reply that it
 * got. The caller has authenticated and authorised before: a key that may no longer act gets no replay. */
#ifndef SP_ADMIN_IDEMPOTENCY_H
#define SP_ADMIN_IDEMPOTENCY_H

#include "admin/internal.h"

/* The request's field `request_id`; empty where there is none. */
const char *sp_admin_request_id(const ProtobufCMessage *request);

/* At most 64 bytes of printable ASCII: INVALID_ARGUMENT. */
enum sp_status sp_admin_check_request_id(struct sp_admin_context *ctx, const char *request_id) SP_MUST_USE;

/* The reply kept for this request, of the type `reply`. SP_ERR_NOT_FOUND (without a message): a new one. INVALID_ARGUMENT:
 * another request had its id. */
enum sp_status sp_admin_find_replay(struct sp_admin_context *ctx, const ProtobufCMessage *request,
                                    const ProtobufCMessageDescriptor *reply, ProtobufCMessage **ret_reply) SP_MUST_USE;

/* Keeps a reply, its secret left out, in the same write as its change. Does nothing without a request_id. */
enum sp_status sp_admin_keep_reply(struct sp_admin_context *ctx, const ProtobufCMessage *request,
                                   const ProtobufCMessage *reply) SP_MUST_USE;

#endif
