/* Whether a workspace's policy stayed as somebody read it. */
#ifndef SP_ADMIN_POLICY_SINCE_H
#define SP_ADMIN_POLICY_SINCE_H

#include "admin/context.h"

/* ABORTED if a change after `since` touched principals, groups, members, resources or grants of the
 * context's workspace; changes of keys and of other workspaces do not matter. SP_OK if `since` is
 * NULL. FAILED_PRECONDITION if it is not in the past of this store; OUT_OF_RANGE if it is so old
 * that this is not known. */
enum sp_status sp_admin_check_policy_since(struct sp_admin_context *ctx,
                                           const Sallyport__V1__Revision *since) SP_MUST_USE;

#endif
