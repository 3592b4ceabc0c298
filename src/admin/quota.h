/* How much a workspace may hold. */
#ifndef SP_ADMIN_QUOTA_H
#define SP_ADMIN_QUOTA_H

#include "admin/context.h"
#include "store/records/layout.h"

/* RESOURCE_EXHAUSTED if `adding` more of `what` exceed the workspace's quota: the message names
 * quota, limit and use. Counts what earlier flushes of this call added, but not what belongs to
 * types that the schema has no more. */
enum sp_status sp_admin_check_quota(struct sp_admin_context *ctx, enum sp_count what, uint64_t adding) SP_MUST_USE;

#endif
