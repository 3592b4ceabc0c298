/* Between resource.c, share.c and import.c: what a grant is on, and adding grants and resources. */
#ifndef SP_ADMIN_SHARE_H
#define SP_ADMIN_SHARE_H

#include "admin/internal.h"

/* A resource by the schema as it is now. Borrows the reference. */
struct sp_admin_target {
    const Sallyport__V1__ResourceRef *ref;
    uint32_t type_number;
    bool workspace_scoped;
};

/* Checks the form of a reference and looks up its type. INVALID_ARGUMENT, also for a reference that is missing. */
enum sp_status sp_admin_target(struct sp_admin_context *ctx, const Sallyport__V1__ResourceRef *ref,
                               struct sp_admin_target *ret_target) SP_MUST_USE;

/* The entity keys of the resource and of a grant on it, in the context's workspace. INVALID_ARGUMENT for a subject that names nobody. */
enum sp_status sp_admin_resource_key(struct sp_admin_context *ctx, const Sallyport__V1__ResourceRef *ref,
                                     struct sp_entity_key *ret_key) SP_MUST_USE;
enum sp_status sp_admin_grant_key(struct sp_admin_context *ctx, const Sallyport__V1__ResourceRef *ref,
                                  const Sallyport__V1__Subject *subject, struct sp_entity_key *ret_key) SP_MUST_USE;

/* NOT_FOUND unless the target may carry grants: a global id must be registered to the workspace. */
enum sp_status sp_admin_check_target(struct sp_admin_context *ctx, const struct sp_admin_target *target) SP_MUST_USE;

/* A grant to be put. */
struct sp_admin_new_grant {
    struct sp_admin_target target;
    const Sallyport__V1__Subject *subject;
    Sallyport__V1__Role role;
    bool creator;
    int64_t granted_at_s; /* 0: now */
    uint64_t unflushed;   /* grants that were added to the changes and not flushed */
};

/* Looks up the subject (NOT_FOUND), checks role and quota, and puts the grant. An existing one's role is replaced and its
 * creator mark kept. Does not check the target. */
enum sp_status sp_admin_put_grant(struct sp_admin_context *ctx, const struct sp_admin_new_grant *new_grant,
                                  Sallyport__V1__Grant **ret_grant) SP_MUST_USE;

/* The grant in the store; NULL where there is none, or only one of a type that is gone. */
enum sp_status sp_admin_find_grant(struct sp_admin_context *ctx, const struct sp_admin_target *target,
                                   const Sallyport__V1__Subject *subject,
                                   const Sallyport__V1__Grant **ret_grant) SP_MUST_USE;

/* Registers a resource: checks that the id is free (ALREADY_EXISTS, also where it was used before), and the quota. Puts
 * no grants. The template's creator is stored as it is; created_at 0 is now. */
enum sp_status sp_admin_add_resource(struct sp_admin_context *ctx, const struct sp_admin_target *target,
                                     const Sallyport__V1__Resource *template,
                                     Sallyport__V1__Resource **ret_resource) SP_MUST_USE;

#endif
