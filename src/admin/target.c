#include "admin/target.h"

#include "admin/schema_names.h"
#include "base/text.h"
#include "store/records/effective_role.h"
#include "store/records/index.h"
#include "store/records/resource_key.h"

enum sp_status sp_admin_check_ref(struct sp_admin_context *ctx, const Sallyport__V1__ResourceRef *ref) {
    if (ref == NULL)
        return sp_error_set(ctx->error, SP_ERR_INVALID, "resource: required");
    enum sp_status status = sp_text_check_word(sp_str_from(ref->type), "resource.type", ctx->error);
    if (status != SP_OK)
        return status;
    return sp_text_check_resource_id(sp_str_from(ref->id), "resource.id", ctx->error);
}

enum sp_status sp_admin_find_target(struct sp_admin_context *ctx, const Sallyport__V1__ResourceRef *ref,
                                    struct sp_admin_target *ret_target) {
    struct sp_admin_resource_type type;
    enum sp_status status = sp_admin_check_ref(ctx, ref);
    if (status != SP_OK)
        return status;
    status = sp_admin_find_type(ctx, ref->type, &type);
    if (status != SP_OK)
        return status;
    *ret_target = (struct sp_admin_target){.ref = ref,
                                           .type_number = type.number,
                                           .workspace_scoped = type.workspace_scoped,
                                           .register_level = type.register_level};
    return SP_OK;
}

struct sp_bytes sp_admin_target_key(const struct sp_admin_context *ctx, const struct sp_admin_target *target,
                                    uint8_t room[static SP_RESOURCE_KEY_MAX_BYTES]) {
    uint64_t scope = target->workspace_scoped ? ctx->stored_workspace->number : 0;
    return (struct sp_bytes){room, sp_resource_key(target->type_number, scope, sp_str_from(target->ref->id), room)};
}

enum sp_status sp_admin_check_target(struct sp_admin_context *ctx, const struct sp_admin_target *target) {
    uint8_t room[SP_RESOURCE_KEY_MAX_BYTES];
    uint64_t owner = 0;
    enum sp_status status = sp_index_owner(ctx->view, sp_admin_target_key(ctx, target, room), &owner);
    if (status != SP_OK)
        return status;
    if (target->workspace_scoped)
        return (owner & SP_RESOURCE_DELETING) == 0 ? SP_OK : sp_admin_refuse_ref(ctx, target->ref);
    return owner == ctx->stored_workspace->number ? SP_OK : sp_admin_refuse_ref(ctx, target->ref);
}

enum sp_status sp_admin_find_acting_role(struct sp_admin_context *ctx, const struct sp_admin_target *target,
                                         enum sp_role *ret_role) {
    struct sp_principal_state principal;
    uint8_t room[SP_RESOURCE_KEY_MAX_BYTES];
    enum sp_status status = sp_index_principal(ctx->view, ctx->key.principal_number, &principal);
    if (status != SP_OK)
        return status;
    if (principal.found && principal.workspace_admin) {
        *ret_role = SP_ROLE_ADMIN;
        return SP_OK;
    }
    return sp_index_effective_role(ctx->view, sp_admin_target_key(ctx, target, room), ctx->key.principal_number,
                                   ret_role);
}

enum sp_status sp_admin_refuse_ref(struct sp_admin_context *ctx, const Sallyport__V1__ResourceRef *ref) {
    return sp_error_set(ctx->error, SP_ERR_NOT_FOUND, "%s %s not found in workspace %.*s", ref->type, ref->id,
                        SP_STR_ARG(ctx->workspace));
}
