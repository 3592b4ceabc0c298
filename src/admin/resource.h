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

/* The same for a caller who wants to register it: looks up the type, and checks who may. Puts no
 * grants. */
enum sp_status sp_admin_claim_resource(struct sp_admin_context *ctx,
                                       const Sallyport__V1__Resource *template) SP_MUST_USE;

/* Adds the deletion of a resource and its grants to the changes, which may be no more than `limit`
 * (FAILED_PRECONDITION). Who may do so is not checked. NOT_FOUND. */
enum sp_status sp_admin_remove_resource(struct sp_admin_context *ctx, const Sallyport__V1__ResourceRef *ref,
                                        size_t limit) SP_MUST_USE;

#endif
