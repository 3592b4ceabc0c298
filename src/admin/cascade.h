/* What goes with a principal, a group or a resource when it is deleted. */
#ifndef SP_ADMIN_CASCADE_H
#define SP_ADMIN_CASCADE_H

#include "admin/context.h"
#include "sallyport/store/v1/records.pb-c.h"

/* Each adds the deletion of the entity, and of everything that hangs on it, to the changes. */
enum sp_status sp_admin_delete_principal_tree(struct sp_admin_context *ctx,
                                              const Sallyport__Store__V1__StoredPrincipal *principal) SP_MUST_USE;
enum sp_status sp_admin_delete_group_tree(struct sp_admin_context *ctx,
                                          const Sallyport__Store__V1__StoredGroup *group) SP_MUST_USE;
enum sp_status sp_admin_delete_resource_tree(struct sp_admin_context *ctx,
                                             const Sallyport__Store__V1__StoredResource *resource) SP_MUST_USE;

#endif
