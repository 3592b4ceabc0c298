/* Adding groups and members. */
#ifndef SP_ADMIN_GROUP_H
#define SP_ADMIN_GROUP_H

#include "admin/context.h"
#include "sallyport/store/v1/records.pb-c.h"

/* Checks the template's id and name and the quota, and adds the group to the changes. An empty id
 * is generated; created_at 0 is now. The checks do not see changes of this call that are not
 * flushed. */
enum sp_status sp_admin_add_group(struct sp_admin_context *ctx, const Sallyport__V1__Group *template,
                                  Sallyport__Store__V1__StoredGroup **ret_group) SP_MUST_USE;

enum sp_status sp_admin_is_member(struct sp_admin_context *ctx, const char *group, const char *principal,
                                  bool *ret_is_member) SP_MUST_USE;

/* Adds a membership to the changes. It must not exist; nothing is checked, not even the quota.
 * added_at_s 0: now. */
enum sp_status sp_admin_add_member(struct sp_admin_context *ctx, const Sallyport__Store__V1__StoredGroup *group,
                                   const Sallyport__Store__V1__StoredPrincipal *principal,
                                   int64_t added_at_s) SP_MUST_USE;

#endif
