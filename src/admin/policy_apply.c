/* ApplyPolicy: many steps as one change. Each is carried out by what carries out the single call,
 * and flushed, so that the next one finds it in the store. */
#include "admin/cascade.h"
#include "admin/check_reach.h"
#include "admin/entities.h"
#include "admin/grant.h"
#include "admin/group.h"
#include "admin/handlers.h"
#include "admin/message.h"
#include "admin/narrowing.h"
#include "admin/policy_since.h"
#include "admin/principal.h"
#include "admin/resource.h"
#include "store/records/changeset.h"

typedef Sallyport__Store__V1__StoredGrant stored_grant;

enum { EDITS_MAX = 10000, ENTITIES_MAX = 20000 };

/* What deletions may still add. */
static size_t find_cascade_room(const struct sp_admin_context *ctx) {
    size_t count = sp_changeset_count(ctx->changes);
    return count < ENTITIES_MAX ? ENTITIES_MAX - count : 0;
}

/* ---- principals ---- */

static enum sp_status edit_new_principal(struct sp_admin_context *ctx, const Sallyport__V1__Principal *given) {
    Sallyport__V1__Principal template = *given;
    Sallyport__Store__V1__StoredPrincipal *made = NULL;
    template.created_at = 0;
    return sp_admin_add_principal(ctx, &template, &made);
}

static enum sp_status edit_principal(struct sp_admin_context *ctx, Sallyport__V1__Principal *given) {
    Sallyport__V1__UpdatePrincipalRequest request = SALLYPORT__V1__UPDATE_PRINCIPAL_REQUEST__INIT;
    char name[] = "name", role[] = "role", disabled[] = "disabled";
    char *mask[] = {name, role, disabled};
    ProtobufCMessage *reply = NULL;
    request.principal = given;
    request.update_mask = mask;
    request.n_update_mask = sizeof(mask) / sizeof(*mask);
    return sp_admin_update_principal(ctx, &request.base, &reply);
}

/* ---- groups ---- */

static enum sp_status edit_new_group(struct sp_admin_context *ctx, const Sallyport__V1__Group *given) {
    Sallyport__V1__Group template = *given;
    Sallyport__Store__V1__StoredGroup *made = NULL;
    template.created_at = 0;
    return sp_admin_add_group(ctx, &template, &made);
}

static enum sp_status edit_group(struct sp_admin_context *ctx, const Sallyport__V1__Group *given) {
    Sallyport__V1__UpdateGroupRequest request = SALLYPORT__V1__UPDATE_GROUP_REQUEST__INIT;
    ProtobufCMessage *reply = NULL;
    request.id = given->id;
    request.name = given->name;
    return sp_admin_update_group(ctx, &request.base, &reply);
}

static enum sp_status edit_removed_group(struct sp_admin_context *ctx, const char *id) {
    Sallyport__Store__V1__StoredGroup *stored = NULL;
    bool cut = false;
    enum sp_status status = sp_admin_load_group(ctx, id, &stored);
    if (status != SP_OK)
        return status;
    status = sp_admin_delete_group_tree(ctx, stored, find_cascade_room(ctx), &cut);
    if (status != SP_OK || !cut)
        return status;
    return sp_admin_refuse_cut(ctx, "group", id);
}

static enum sp_status edit_member(struct sp_admin_context *ctx, const Sallyport__V1__Membership *given, bool add) {
    Sallyport__V1__GroupMembersRequest request = SALLYPORT__V1__GROUP_MEMBERS_REQUEST__INIT;
    ProtobufCMessage *reply = NULL;
    char *principal = given->principal;
    request.group = given->group;
    request.principals = &principal;
    request.n_principals = 1;
    return add ? sp_admin_add_group_members(ctx, &request.base, &reply)
               : sp_admin_remove_group_members(ctx, &request.base, &reply);
}

/* ---- resources and shares ---- */

static enum sp_status edit_new_resource(struct sp_admin_context *ctx, const Sallyport__V1__Resource *given) {
    Sallyport__V1__Resource template = *given;
    Sallyport__Store__V1__StoredPrincipal *creator = NULL;
    template.created_at = 0;
    enum sp_status status = given->creator[0] == '\0' ? SP_OK : sp_admin_load_principal(ctx, given->creator, &creator);
    if (status != SP_OK)
        return status;
    return sp_admin_claim_resource(ctx, &template);
}

static enum sp_status edit_share(struct sp_admin_context *ctx, const Sallyport__V1__Grant *given) {
    struct sp_admin_new_grant grant = {.subject = given->subject, .role = given->role, .creator = given->creator};
    const Sallyport__V1__Grant *before = NULL;
    Sallyport__V1__Grant *made = NULL;
    enum sp_status status = sp_admin_find_target(ctx, given->resource, &grant.target);
    if (status != SP_OK)
        return status;
    status = sp_admin_check_target(ctx, &grant.target);
    if (status != SP_OK)
        return status;
    status = sp_admin_find_grant(ctx, &grant.target, given->subject, &before);
    if (status != SP_OK)
        return status;
    grant.creator = grant.creator && before == NULL;
    return sp_admin_put_grant(ctx, &grant, &made);
}

static enum sp_status edit_removed_share(struct sp_admin_context *ctx, const Sallyport__V1__Grant *given) {
    struct sp_entity_key key;
    const stored_grant *stored = NULL;
    enum sp_status status = sp_admin_check_ref(ctx, given->resource);
    if (status != SP_OK)
        return status;
    status = sp_admin_grant_key(ctx, given->resource, given->subject, &key);
    if (status != SP_OK)
        return status;
    status = sp_admin_load_grant(ctx, &key, &stored);
    if (status != SP_OK)
        return status;
    if (stored == NULL)
        return sp_error_set(ctx->error, SP_ERR_NOT_FOUND, "%s %s is not shared with this subject",
                            given->resource->type, given->resource->id);
    return sp_changeset_delete(ctx->changes, &key, ctx->now_s);
}

/* ---- all ---- */

static enum sp_status make_edit(struct sp_admin_context *ctx, const Sallyport__V1__PolicyEdit *edit) {
    switch (edit->edit_case) {
    case SALLYPORT__V1__POLICY_EDIT__EDIT_CREATE_PRINCIPAL:
        return edit_new_principal(ctx, edit->create_principal);
    case SALLYPORT__V1__POLICY_EDIT__EDIT_UPDATE_PRINCIPAL:
        return edit_principal(ctx, edit->update_principal);
    case SALLYPORT__V1__POLICY_EDIT__EDIT_DELETE_PRINCIPAL:
        return sp_admin_remove_principal(ctx, edit->delete_principal, find_cascade_room(ctx));
    case SALLYPORT__V1__POLICY_EDIT__EDIT_CREATE_GROUP:
        return edit_new_group(ctx, edit->create_group);
    case SALLYPORT__V1__POLICY_EDIT__EDIT_UPDATE_GROUP:
        return edit_group(ctx, edit->update_group);
    case SALLYPORT__V1__POLICY_EDIT__EDIT_DELETE_GROUP:
        return edit_removed_group(ctx, edit->delete_group);
    case SALLYPORT__V1__POLICY_EDIT__EDIT_ADD_MEMBER:
        return edit_member(ctx, edit->add_member, true);
    case SALLYPORT__V1__POLICY_EDIT__EDIT_REMOVE_MEMBER:
        return edit_member(ctx, edit->remove_member, false);
    case SALLYPORT__V1__POLICY_EDIT__EDIT_REGISTER_RESOURCE:
        return edit_new_resource(ctx, edit->register_resource);
    case SALLYPORT__V1__POLICY_EDIT__EDIT_DELETE_RESOURCE:
        return sp_admin_remove_resource(ctx, edit->delete_resource, find_cascade_room(ctx));
    case SALLYPORT__V1__POLICY_EDIT__EDIT_SHARE:
        return edit_share(ctx, edit->share);
    case SALLYPORT__V1__POLICY_EDIT__EDIT_UNSHARE:
        return edit_removed_share(ctx, edit->unshare);
    case SALLYPORT__V1__POLICY_EDIT__EDIT__NOT_SET:
    case _SALLYPORT__V1__POLICY_EDIT__EDIT__CASE_IS_INT_SIZE:
        break;
    }
    return sp_error_set(ctx->error, SP_ERR_INVALID, "required: what to change");
}

/* The workspace that the edit names; "" for none. */
static const char *workspace_of_edit(const Sallyport__V1__PolicyEdit *edit) {
    switch ((int)edit->edit_case) {
    case SALLYPORT__V1__POLICY_EDIT__EDIT_CREATE_PRINCIPAL:
        return edit->create_principal->workspace;
    case SALLYPORT__V1__POLICY_EDIT__EDIT_UPDATE_PRINCIPAL:
        return edit->update_principal->workspace;
    case SALLYPORT__V1__POLICY_EDIT__EDIT_CREATE_GROUP:
        return edit->create_group->workspace;
    case SALLYPORT__V1__POLICY_EDIT__EDIT_UPDATE_GROUP:
        return edit->update_group->workspace;
    case SALLYPORT__V1__POLICY_EDIT__EDIT_ADD_MEMBER:
        return edit->add_member->workspace;
    case SALLYPORT__V1__POLICY_EDIT__EDIT_REMOVE_MEMBER:
        return edit->remove_member->workspace;
    case SALLYPORT__V1__POLICY_EDIT__EDIT_REGISTER_RESOURCE:
        return edit->register_resource->workspace;
    case SALLYPORT__V1__POLICY_EDIT__EDIT_SHARE:
        return edit->share->workspace;
    case SALLYPORT__V1__POLICY_EDIT__EDIT_UNSHARE:
        return edit->unshare->workspace;
    default:
        return "";
    }
}

static enum sp_status check_and_make_edit(struct sp_admin_context *ctx, const Sallyport__V1__PolicyEdit *edit) {
    const char *workspace = workspace_of_edit(edit);
    if (workspace[0] != '\0' && !sp_str_equal(sp_str_from(workspace), ctx->workspace))
        return sp_error_set(ctx->error, SP_ERR_INVALID, "workspace: empty, or %.*s as in the request",
                            SP_STR_ARG(ctx->workspace));
    enum sp_status status = make_edit(ctx, edit);
    if (status != SP_OK)
        return status;
    if (sp_changeset_count(ctx->changes) > ENTITIES_MAX)
        return sp_error_set(ctx->error, SP_ERR_PRECONDITION, "more than %d entities change; make fewer edits",
                            ENTITIES_MAX);
    return sp_changeset_flush(ctx->write, ctx->changes, ctx->error);
}

/* Names the edit in the message of its refusal. */
static enum sp_status refuse_edit(struct sp_admin_context *ctx, size_t i, enum sp_status status) {
    if (ctx->error->status == SP_OK)
        return status;
    char *message = sp_arena_strdup(ctx->arena, sp_str_from(ctx->error->message));
    return message == NULL ? status : sp_error_set(ctx->error, status, "edits[%zu]: %s", i, message);
}

enum sp_status sp_admin_apply_policy(struct sp_admin_context *ctx, const ProtobufCMessage *message,
                                     ProtobufCMessage **ret_reply) {
    const Sallyport__V1__ApplyPolicyRequest *request = (const void *)message;
    Sallyport__V1__MutationResponse *response =
        SP_ADMIN_NEW(ctx, Sallyport__V1__MutationResponse, sallyport__v1__mutation_response);
    if (response == NULL)
        return SP_ERR_MEMORY;
    if (request->n_edits == 0 || request->n_edits > EDITS_MAX)
        return sp_error_set(ctx->error, SP_ERR_INVALID, "edits: 1 to %d", EDITS_MAX);
    enum sp_status status = sp_admin_check_policy_since(ctx, request->unchanged_since);
    if (status != SP_OK)
        return status;
    /* Edits are judged by what the acting key has now: one may delete it. */
    const struct sp_admin_reach *acting = NULL;
    status = sp_admin_acting_reach(ctx, &acting);
    if (status != SP_OK)
        return status;
    for (size_t i = 0; i < request->n_edits; i++) {
        status = check_and_make_edit(ctx, request->edits[i]);
        if (status != SP_OK)
            return refuse_edit(ctx, i, status);
    }
    ctx->narrowed = sp_admin_is_narrowing_policy(message);
    *ret_reply = &response->base;
    return SP_OK;
}
