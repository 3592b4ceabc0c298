/* What a grant is on: a resource, by the schema as it is now. */
#ifndef SP_ADMIN_TARGET_H
#define SP_ADMIN_TARGET_H

#include "admin/context.h"
#include "core/schema.h"
#include "store/records/resource_key.h"

/* Borrows the reference. */
struct sp_admin_target {
    const Sallyport__V1__ResourceRef *ref;
    uint32_t type_number;
    bool workspace_scoped;
    enum sp_register register_level;
};

/* Checks the form of a reference; the type need not be in the schema. INVALID_ARGUMENT, also for
 * NULL. */
enum sp_status sp_admin_check_ref(struct sp_admin_context *ctx, const Sallyport__V1__ResourceRef *ref) SP_MUST_USE;

/* Checks the form of a reference and looks up its type. INVALID_ARGUMENT. */
enum sp_status sp_admin_find_target(struct sp_admin_context *ctx, const Sallyport__V1__ResourceRef *ref,
                                    struct sp_admin_target *ret_target) SP_MUST_USE;

/* The key of the target in the indexes, written to `room`. Empty if it names nothing that can
 * exist. */
struct sp_bytes sp_admin_target_key(const struct sp_admin_context *ctx, const struct sp_admin_target *target,
                                    uint8_t room[static SP_RESOURCE_KEY_MAX_BYTES]);

/* NOT_FOUND unless the target may carry grants: a global id must be registered to the workspace,
 * and none that was deleted may still have grants. */
enum sp_status sp_admin_check_target(struct sp_admin_context *ctx, const struct sp_admin_target *target) SP_MUST_USE;

/* The acting principal's role on the target: ADMIN for an ADMIN user, else the highest of its
 * grants. */
enum sp_status sp_admin_find_acting_role(struct sp_admin_context *ctx, const struct sp_admin_target *target,
                                         enum sp_role *ret_role) SP_MUST_USE;

/* Sets the error and returns NOT_FOUND. */
enum sp_status sp_admin_refuse_ref(struct sp_admin_context *ctx, const Sallyport__V1__ResourceRef *ref);

#endif
