/* Adding users and service accounts. */
#ifndef SP_ADMIN_PRINCIPAL_H
#define SP_ADMIN_PRINCIPAL_H

#include "admin/context.h"
#include "sallyport/store/v1/records.pb-c.h"

/* Checks the template's fields and the rules (id, name, role, seats, quota), and adds the principal
 * to the changes. kind must be set; role 0: MEMBER. An empty id is generated; created_at 0 is now.
 * The checks do not see changes of this call that are not flushed. */
enum sp_status sp_admin_add_principal(struct sp_admin_context *ctx, const Sallyport__V1__Principal *template,
                                      Sallyport__Store__V1__StoredPrincipal **ret_principal) SP_MUST_USE;

/* Adds the deletion of a principal, its keys, memberships and grants to the changes, which may be
 * no more than `limit` (FAILED_PRECONDITION). NOT_FOUND; FAILED_PRECONDITION for the last enabled
 * ADMIN. */
enum sp_status sp_admin_remove_principal(struct sp_admin_context *ctx, const char *id, size_t limit) SP_MUST_USE;

#endif
