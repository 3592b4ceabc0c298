/* What goes with a principal, a group or a resource when it is deleted. */
#ifndef SP_ADMIN_CASCADE_H
#define SP_ADMIN_CASCADE_H

#include "admin/context.h"
#include "sallyport/store/v1/records.pb-c.h"

enum {
    SP_ADMIN_CASCADE_MAX = 1000,          /* entities that go in the change that deletes something */
    SP_ADMIN_CASCADE_MEMBERS_MAX = 10000, /* of a group, all of which must */
};

/* Each adds the deletion of the entity and of everything that depends on it to the changes. If more
 * than `limit` entities depend on it, only that many are deleted, and the entity itself stays:
 * *ret_cut. */
enum sp_status sp_admin_delete_principal_tree(struct sp_admin_context *ctx,
                                              const Sallyport__Store__V1__StoredPrincipal *principal, size_t limit,
                                              bool *ret_cut) SP_MUST_USE;
enum sp_status sp_admin_delete_group_tree(struct sp_admin_context *ctx, const Sallyport__Store__V1__StoredGroup *group,
                                          size_t limit, bool *ret_cut) SP_MUST_USE;
enum sp_status sp_admin_delete_resource_tree(struct sp_admin_context *ctx,
                                             const Sallyport__Store__V1__StoredResource *resource, size_t limit,
                                             bool *ret_cut) SP_MUST_USE;

/* FAILED_PRECONDITION, for callers who need everything in one change: too much depends on the
 * entity. */
enum sp_status sp_admin_refuse_cut(struct sp_admin_context *ctx, const char *what, const char *id);

/* Each deletes everything in this change if that is at most SP_ADMIN_CASCADE_MAX entities.
 * Otherwise it only marks the entity as being deleted, so that it denies, and
 * sp_admin_remove_deleted removes the rest in pieces. `request_id` is that of the audit entry. A
 * group's members go at once, because they are what its grants reach: FAILED_PRECONDITION if they
 * are too many. */
enum sp_status sp_admin_delete_principal_in_pieces(struct sp_admin_context *ctx,
                                                   Sallyport__Store__V1__StoredPrincipal *principal,
                                                   const char *request_id) SP_MUST_USE;
enum sp_status sp_admin_delete_group_in_pieces(struct sp_admin_context *ctx, Sallyport__Store__V1__StoredGroup *group,
                                               const char *request_id) SP_MUST_USE;
enum sp_status sp_admin_delete_resource_in_pieces(struct sp_admin_context *ctx,
                                                  Sallyport__Store__V1__StoredResource *resource,
                                                  const char *request_id) SP_MUST_USE;

#endif
