/* No key widens: whether a key reaches no further than the acting one (admin/reach.h), and that it
 * ends with it. An operator's key covers everything and ends nothing. */
#ifndef SP_ADMIN_CHECK_REACH_H
#define SP_ADMIN_CHECK_REACH_H

#include "admin/context.h"
#include "admin/reach.h"
#include "sallyport/store/v1/records.pb-c.h"

/* The acting key's reach; NULL for an operator. Loaded once a call. */
enum sp_status sp_admin_acting_reach(struct sp_admin_context *ctx, const struct sp_admin_reach **ret_reach) SP_MUST_USE;

/* The reach of a stored key. */
enum sp_status sp_admin_stored_reach(struct sp_admin_context *ctx, const Sallyport__Store__V1__StoredKey *stored,
                                     struct sp_admin_reach *ret_reach) SP_MUST_USE;

/* PERMISSION_DENIED unless a key of this reach is within the acting one. `what` begins the message:
 * "the new key". */
enum sp_status sp_admin_check_within(struct sp_admin_context *ctx, const char *what,
                                     const struct sp_admin_reach *reach) SP_MUST_USE;

/* For a stored key that is brought back as it is (enabled, or its principal promoted): brings its
 * not_after forward to the acting key's end (*ret_bound: that changed it), and checks that it is
 * within the acting key. resource_register is carried along: an operator gave it. */
enum sp_status sp_admin_bind_carried_key(struct sp_admin_context *ctx, Sallyport__Store__V1__StoredKey *stored,
                                         bool *ret_bound) SP_MUST_USE;

/* Brings not_after forward to the acting key's end. */
enum sp_status sp_admin_bind_to_actor(struct sp_admin_context *ctx, Sallyport__V1__ApiKey *key) SP_MUST_USE;

#endif
