/* What a workspace demands of its keys (sallyport.v1.WorkspacePolicy). It binds everybody who
 * creates, updates, rotates or disables a key, operators too. */
#ifndef SP_ADMIN_POLICY_H
#define SP_ADMIN_POLICY_H

#include "admin/context.h"

/* INVALID_ARGUMENT unless the policy can be kept. NULL: none. */
enum sp_status sp_admin_check_policy(struct sp_admin_context *ctx,
                                     const Sallyport__V1__WorkspacePolicy *policy) SP_MUST_USE;

/* The latest expiry of a key made at `created_at_s`; 0: none is too late. */
int64_t sp_admin_latest_expiry(const struct sp_admin_context *ctx, int64_t created_at_s);

/* Whether the key lives longer than the policy allows now. */
bool sp_admin_is_beyond_max_lifetime(const struct sp_admin_context *ctx, const Sallyport__V1__ApiKey *key);

/* FAILED_PRECONDITION if it does. */
enum sp_status sp_admin_check_lifetime(struct sp_admin_context *ctx, const Sallyport__V1__ApiKey *key) SP_MUST_USE;

/* Whether the caller holds the key and may not disable it, by the policy or by the key itself.
 * Admins and operators may disable any key. */
bool sp_admin_holder_may_not_disable(const struct sp_admin_context *ctx, const Sallyport__V1__ApiKey *key);

/* FAILED_PRECONDITION in that case. */
enum sp_status sp_admin_check_holder_may_disable(struct sp_admin_context *ctx,
                                                 const Sallyport__V1__ApiKey *key) SP_MUST_USE;

/* Whether a key of the workspace that is not an admin's may create keys for its own principal: the
 * policy allows it, and the key lists api_key_rotate. */
enum sp_status sp_admin_may_holder_create(struct sp_admin_context *ctx, bool *ret_may) SP_MUST_USE;

#endif
