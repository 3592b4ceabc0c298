/* No key widens: whether a key reaches no further than the acting one (admin/reach.h). An
 * operator's key covers everything. */
#ifndef SP_ADMIN_CHECK_REACH_H
#define SP_ADMIN_CHECK_REACH_H

#include "admin/context.h"
#include "admin/reach.h"
#include "sallyport/store/v1/records.pb-c.h"

/* PERMISSION_DENIED unless a key of this reach is within the acting one. `what` begins the message:
 * "the new key". */
enum sp_status sp_admin_check_within(struct sp_admin_context *ctx, const char *what,
                                     const struct sp_admin_reach *reach) SP_MUST_USE;

/* The same for a stored key. */
enum sp_status sp_admin_check_key_within(struct sp_admin_context *ctx,
                                         const Sallyport__Store__V1__StoredKey *stored) SP_MUST_USE;

#endif
