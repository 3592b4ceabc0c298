/* Who acts, as the audit trail names it. */
#ifndef SP_ADMIN_ACTOR_H
#define SP_ADMIN_ACTOR_H

#include "admin/context.h"

/* The authenticated caller. In the arena; NULL when out of memory. */
Sallyport__V1__Actor *sp_admin_actor(struct sp_admin_context *ctx);

/* Makes ctx->changes an empty changeset with an audit entry of caller, method, workspace and time.
 * `request_id` may be empty. SP_ERR_MEMORY. */
enum sp_status sp_admin_begin_changes(struct sp_admin_context *ctx, const char *request_id) SP_MUST_USE;

#endif
