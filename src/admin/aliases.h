/* Aliases of principals (core/principal_alias.h) in requests and replies of the admin API. */
#ifndef SP_ADMIN_ALIASES_H
#define SP_ADMIN_ALIASES_H

#include "admin/context.h"

/* Where a request names a principal by its alias, *ret_request is a copy in the arena that names it
 * by its id; otherwise the request itself. New principals are not named by this: their ids are
 * theirs. SP_ERR_MEMORY. */
enum sp_status sp_admin_resolve_aliases(struct sp_admin_context *ctx, const ProtobufCMessage *request,
                                        const ProtobufCMessage **ret_request) SP_MUST_USE;

/* Fills `alias` of the principals in a reply: of the reply itself, and of its fields.
 * SP_ERR_MEMORY. */
enum sp_status sp_admin_fill_aliases(struct sp_admin_context *ctx, ProtobufCMessage *reply) SP_MUST_USE;

#endif
