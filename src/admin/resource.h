/* Registering resources. */
#ifndef SP_ADMIN_RESOURCE_H
#define SP_ADMIN_RESOURCE_H

#include "admin/target.h"

/* Adds a resource to the changes: checks that the id is free (ALREADY_EXISTS, also if it was used
 * before), and the quota. Puts no grants. The template's creator is stored as it is; created_at 0
 * is now. */
enum sp_status sp_admin_add_resource(struct sp_admin_context *ctx, const struct sp_admin_target *target,
                                     const Sallyport__V1__Resource *template,
                                     Sallyport__V1__Resource **ret_resource) SP_MUST_USE;

#endif
