/* Workspaces: what operators do with tenants. */
#include "admin/workspace.h"

#include "admin/actor.h"
#include "admin/entities.h"
#include "admin/handlers.h"
#include "admin/key.h"
#include "admin/mask.h"
#include "admin/message.h"
#include "admin/new_text.h"
#include "admin/page.h"
#include "admin/policy.h"
#include "admin/principal.h"
#include "sallyport/store/v1/records.pb-c.h"
#include "store/records/layout.h"
#include "store/records/next_number.h"
#include "wire/wire.h"

enum { SEATS_MAX = 1000000 };

static enum sp_status check_seat_count(struct sp_admin_context *ctx, uint32_t seats) {
    if (seats >= 1 && seats <= SEATS_MAX)
        return SP_OK;
    return sp_error_set(ctx->error, SP_ERR_INVALID, "seats: 1 to %d", SEATS_MAX);
}

static enum sp_status check_plan(struct sp_admin_context *ctx, Sallyport__V1__Plan plan) {
    if (plan != SALLYPORT__V1__PLAN__PLAN_UNSPECIFIED &&
        protobuf_c_enum_descriptor_get_value(&sallyport__v1__plan__descriptor, (int)plan) != NULL)
        return SP_OK;
    return sp_error_set(ctx->error, SP_ERR_INVALID, "plan: PLAN_FREE, PLAN_STANDARD or PLAN_ENTERPRISE");
}

static enum sp_status check_features(struct sp_admin_context *ctx, const Sallyport__V1__Workspace *workspace) {
    for (size_t i = 0; i < workspace->n_features; i++) {
        Sallyport__V1__Feature feature = workspace->features[i];
        const ProtobufCEnumValue *value =
            protobuf_c_enum_descriptor_get_value(&sallyport__v1__feature__descriptor, (int)feature);
        if (value == NULL || feature == SALLYPORT__V1__FEATURE__FEATURE_UNSPECIFIED)
            return sp_error_set(ctx->error, SP_ERR_INVALID, "features[%zu]: no such feature", i);
        for (size_t j = 0; j < i; j++)
            if (workspace->features[j] == feature)
                return sp_error_set(ctx->error, SP_ERR_INVALID, "features[%zu]: %s is listed twice", i, value->name);
    }
    return SP_OK;
}

/* `name_before`: NULL for a new one. */
static enum sp_status check_workspace_fields(struct sp_admin_context *ctx, const Sallyport__V1__Workspace *workspace,
                                             const char *name_before) {
    enum sp_status status = sp_admin_check_new_name(workspace->name, name_before, "name", ctx->error);
    if (status != SP_OK)
        return status;
    status = check_plan(ctx, workspace->plan);
    if (status != SP_OK)
        return status;
    status = check_seat_count(ctx, workspace->seats);
    if (status != SP_OK)
        return status;
    status = check_features(ctx, workspace);
    if (status != SP_OK)
        return status;
    return sp_admin_check_policy(ctx, workspace->policy);
}

static enum sp_status put_workspace(struct sp_admin_context *ctx) {
    return sp_admin_put(ctx, SP_KIND_WORKSPACE, ctx->stored_workspace->workspace->id, &ctx->stored_workspace->base);
}

enum sp_status sp_admin_add_workspace(struct sp_admin_context *ctx, const Sallyport__V1__Workspace *template) {
    Sallyport__V1__Workspace *workspace = (void *)sp_wire_copy(&template->base, ctx->arena);
    Sallyport__Store__V1__StoredWorkspace *stored =
        SP_ADMIN_NEW(ctx, Sallyport__Store__V1__StoredWorkspace, sallyport__store__v1__stored_workspace);
    if (workspace == NULL || stored == NULL)
        return SP_ERR_MEMORY;
    stored->workspace = workspace;
    workspace->deleting = false;
    if (workspace->plan == SALLYPORT__V1__PLAN__PLAN_UNSPECIFIED)
        workspace->plan = SALLYPORT__V1__PLAN__PLAN_FREE;
    if (workspace->seats == 0)
        workspace->seats = 1;
    if (workspace->created_at == 0)
        workspace->created_at = ctx->now_s;
    const char *id = NULL;
    enum sp_status status = check_workspace_fields(ctx, workspace, NULL);
    if (status != SP_OK)
        return status;
    status = sp_admin_new_id(ctx, SP_KIND_WORKSPACE, "workspace", "ws_", template->id, &id);
    if (status != SP_OK)
        return status;
    status = sp_write_next_workspace(ctx->write, &stored->number);
    if (status != SP_OK)
        return status;
    workspace->id = sp_arena_strdup(ctx->arena, sp_str_from(id));
    if (workspace->id == NULL)
        return SP_ERR_MEMORY;
    ctx->workspace = sp_str_from(workspace->id);
    ctx->stored_workspace = stored;
    return put_workspace(ctx);
}

static enum sp_status add_first_key(struct sp_admin_context *ctx, const Sallyport__Store__V1__StoredPrincipal *admin,
                                    Sallyport__V1__CreateWorkspaceResponse *response) {
    Sallyport__V1__ApiKey *key = SP_ADMIN_NEW(ctx, Sallyport__V1__ApiKey, sallyport__v1__api_key);
    Sallyport__V1__Permissions *all = SP_ADMIN_NEW(ctx, Sallyport__V1__Permissions, sallyport__v1__permissions);
    char *name = sp_arena_strdup(ctx->arena, SP_STR_LITERAL("first key"));
    if (key == NULL || all == NULL || name == NULL)
        return SP_ERR_MEMORY;
    all->all = true;
    key->name = name;
    key->permissions = all;
    key->expires_at = sp_admin_latest_expiry(ctx, ctx->now_s);
    struct sp_admin_new_key new_key = {.principal = admin, .template = key};
    return sp_admin_add_key(ctx, &new_key, &response->api_key, &response->secret);
}

static enum sp_status add_first_admin(struct sp_admin_context *ctx,
                                      const Sallyport__V1__CreateWorkspaceRequest *request,
                                      Sallyport__V1__CreateWorkspaceResponse *response) {
    Sallyport__V1__Principal template;
    sallyport__v1__principal__init(&template);
    char name[] = "admin";
    template.id = request->admin_id;
    template.name = request->admin_name[0] == '\0' ? name : request->admin_name;
    template.kind = SALLYPORT__V1__PRINCIPAL_KIND__USER;
    template.role = SALLYPORT__V1__WORKSPACE_ROLE__WORKSPACE_ROLE_ADMIN;
    Sallyport__Store__V1__StoredPrincipal *admin = NULL;
    enum sp_status status = sp_admin_add_principal(ctx, &template, &admin);
    if (status != SP_OK) {
        sp_admin_rename_field(ctx->error, "id", "admin_id");
        sp_admin_rename_field(ctx->error, "name", "admin_name");
        return status;
    }
    response->admin = admin->principal;
    return add_first_key(ctx, admin, response);
}

enum sp_status sp_admin_create_workspace(struct sp_admin_context *ctx, const ProtobufCMessage *message,
                                         ProtobufCMessage **ret_reply) {
    const Sallyport__V1__CreateWorkspaceRequest *request = (const void *)message;
    Sallyport__V1__CreateWorkspaceResponse *response =
        SP_ADMIN_NEW(ctx, Sallyport__V1__CreateWorkspaceResponse, sallyport__v1__create_workspace_response);
    if (response == NULL)
        return SP_ERR_MEMORY;
    const char *id = NULL;
    enum sp_status status = sp_admin_new_id(ctx, SP_KIND_WORKSPACE, "workspace", "ws_", request->id, &id);
    if (status != SP_OK)
        return status;
    Sallyport__V1__Workspace template;
    sallyport__v1__workspace__init(&template);
    template.id = sp_arena_strdup(ctx->arena, sp_str_from(id));
    template.name = request->name;
    template.plan = request->plan;
    template.seats = request->seats;
    template.n_features = request->n_features;
    template.features = request->features;
    template.quotas = request->quotas;
    template.policy = request->policy;
    if (template.id == NULL)
        return SP_ERR_MEMORY;
    /* Again, because only now is it known which workspace the audit entry is about. */
    ctx->workspace = sp_str_from(template.id);
    status = sp_admin_begin_changes(ctx, request->request_id);
    if (status != SP_OK)
        return status;
    status = sp_admin_add_workspace(ctx, &template);
    if (status != SP_OK)
        return status;
    status = add_first_admin(ctx, request, response);
    if (status != SP_OK)
        return status;
    response->workspace = ctx->stored_workspace->workspace;
    *ret_reply = &response->base;
    return SP_OK;
}

enum sp_status sp_admin_get_workspace(struct sp_admin_context *ctx, const ProtobufCMessage *message,
                                      ProtobufCMessage **ret_reply) {
    (void)message;
    *ret_reply = &ctx->stored_workspace->workspace->base;
    return SP_OK;
}

static enum sp_status keep_listed_workspace(void *list, const ProtobufCMessage *stored, bool *ret_kept) {
    Sallyport__V1__ListWorkspacesResponse *response = list;
    response->workspaces[response->n_workspaces++] =
        ((const Sallyport__Store__V1__StoredWorkspace *)(const void *)stored)->workspace;
    *ret_kept = true;
    return SP_OK;
}

enum sp_status sp_admin_list_workspaces(struct sp_admin_context *ctx, const ProtobufCMessage *message,
                                        ProtobufCMessage **ret_reply) {
    const Sallyport__V1__ListWorkspacesRequest *request = (const void *)message;
    Sallyport__V1__ListWorkspacesResponse *response =
        SP_ADMIN_NEW(ctx, Sallyport__V1__ListWorkspacesResponse, sallyport__v1__list_workspaces_response);
    if (response == NULL)
        return SP_ERR_MEMORY;
    response->workspaces = sp_arena_calloc(ctx->arena, SP_ADMIN_PAGE_MAX, sizeof(void *));
    if (response->workspaces == NULL)
        return SP_ERR_MEMORY;
    static const uint8_t all[] = {SP_KIND_WORKSPACE};
    enum sp_status status = sp_admin_page(
        ctx, (struct sp_bytes){all, sizeof(all)}, &sallyport__store__v1__stored_workspace__descriptor,
        request->page_size, request->page_token, keep_listed_workspace, response, &response->next_page_token);
    if (status != SP_OK)
        return status;
    *ret_reply = &response->base;
    return SP_OK;
}

enum {
    NAME,
    PLAN,
    SEATS,
    FEATURES,
    QUOTAS,
    DISABLED,
    PRIVATE_RANGES,
    POLICY, /* from here on also for admins of the workspace */
    POLICY_LIFETIME,
    POLICY_DISABLE,
    POLICY_CREATORS,
    WORKSPACE_FIELDS
};

static enum sp_status check_admin_takes_policy_only(struct sp_admin_context *ctx,
                                                    const bool takes[static WORKSPACE_FIELDS],
                                                    const char *const *names) {
    for (size_t i = 0; i < POLICY && !ctx->is_operator; i++)
        if (takes[i])
            return sp_error_set(
                ctx->error, SP_ERR_PERMISSION,
                "UpdateWorkspace requires an operator's key for %s: admins of the workspace change only "
                "its policy",
                names[i]);
    return SP_OK;
}

static enum sp_status take_policy_fields(struct sp_admin_context *ctx, const bool takes[static WORKSPACE_FIELDS],
                                         Sallyport__V1__WorkspacePolicy *given, Sallyport__V1__Workspace *workspace) {
    if (!takes[POLICY] && !takes[POLICY_LIFETIME] && !takes[POLICY_DISABLE] && !takes[POLICY_CREATORS])
        return SP_OK;
    Sallyport__V1__WorkspacePolicy *none =
        SP_ADMIN_NEW(ctx, Sallyport__V1__WorkspacePolicy, sallyport__v1__workspace_policy);
    if (none == NULL)
        return SP_ERR_MEMORY;
    if (given == NULL)
        given = none;
    if (takes[POLICY]) {
        workspace->policy = given;
        return SP_OK;
    }
    Sallyport__V1__WorkspacePolicy *policy = workspace->policy == NULL ? none : workspace->policy;
    if (takes[POLICY_LIFETIME])
        policy->max_key_lifetime_s = given->max_key_lifetime_s;
    if (takes[POLICY_DISABLE])
        policy->holders_may_not_disable = given->holders_may_not_disable;
    if (takes[POLICY_CREATORS])
        policy->key_creators = given->key_creators;
    workspace->policy = policy;
    return SP_OK;
}

static enum sp_status take_workspace_fields(struct sp_admin_context *ctx,
                                            const Sallyport__V1__UpdateWorkspaceRequest *request,
                                            const Sallyport__V1__Workspace *given) {
    static const char *const fields[] = {[NAME] = "name",
                                         [PLAN] = "plan",
                                         [SEATS] = "seats",
                                         [FEATURES] = "features",
                                         [QUOTAS] = "quotas",
                                         [DISABLED] = "disabled",
                                         [PRIVATE_RANGES] = "allow_private_ranges",
                                         [POLICY] = "policy",
                                         [POLICY_LIFETIME] = "policy.max_key_lifetime_s",
                                         [POLICY_DISABLE] = "policy.holders_may_not_disable",
                                         [POLICY_CREATORS] = "policy.key_creators",
                                         [WORKSPACE_FIELDS] = NULL};
    enum sp_status status = sp_admin_check_mask(ctx, request->update_mask, request->n_update_mask, fields);
    if (status != SP_OK)
        return status;
    Sallyport__V1__Workspace *workspace = ctx->stored_workspace->workspace;
    bool takes[WORKSPACE_FIELDS];
    for (size_t i = 0; i < WORKSPACE_FIELDS; i++)
        takes[i] = sp_admin_mask_has(request->update_mask, request->n_update_mask, fields[i]);
    status = check_admin_takes_policy_only(ctx, takes, fields);
    if (status != SP_OK)
        return status;
    if (takes[NAME])
        workspace->name = given->name;
    if (takes[PLAN])
        workspace->plan = given->plan;
    if (takes[SEATS])
        workspace->seats = given->seats;
    if (takes[FEATURES]) {
        workspace->n_features = given->n_features;
        workspace->features = given->features;
    }
    if (takes[QUOTAS])
        workspace->quotas = given->quotas;
    if (takes[DISABLED])
        workspace->disabled = given->disabled;
    if (takes[PRIVATE_RANGES])
        workspace->allow_private_ranges = given->allow_private_ranges;
    return take_policy_fields(ctx, takes, given->policy, workspace);
}

static enum sp_status reply_with_workspace(struct sp_admin_context *ctx, ProtobufCMessage **ret_reply) {
    Sallyport__V1__WorkspaceResponse *response =
        SP_ADMIN_NEW(ctx, Sallyport__V1__WorkspaceResponse, sallyport__v1__workspace_response);
    if (response == NULL)
        return SP_ERR_MEMORY;
    response->workspace = ctx->stored_workspace->workspace;
    *ret_reply = &response->base;
    return SP_OK;
}

enum sp_status sp_admin_update_workspace(struct sp_admin_context *ctx, const ProtobufCMessage *message,
                                         ProtobufCMessage **ret_reply) {
    const Sallyport__V1__UpdateWorkspaceRequest *request = (const void *)message;
    if (request->workspace == NULL)
        return sp_error_set(ctx->error, SP_ERR_INVALID, "workspace: required");
    const Sallyport__V1__Workspace *given = (const void *)sp_wire_copy(&request->workspace->base, ctx->arena);
    if (given == NULL)
        return SP_ERR_MEMORY;
    const char *name_before = ctx->stored_workspace->workspace->name;
    struct sp_bytes packed_before;
    enum sp_status status = sp_wire_pack(&ctx->stored_workspace->base, ctx->arena, &packed_before);
    if (status != SP_OK)
        return status;
    status = take_workspace_fields(ctx, request, given);
    if (status != SP_OK)
        return status;
    status = check_workspace_fields(ctx, ctx->stored_workspace->workspace, name_before);
    if (status != SP_OK)
        return status;
    status = sp_admin_put_if_changed(ctx, SP_KIND_WORKSPACE, ctx->stored_workspace->workspace->id, packed_before,
                                     &ctx->stored_workspace->base);
    if (status != SP_OK)
        return status;
    return reply_with_workspace(ctx, ret_reply);
}

enum sp_status sp_admin_delete_workspace(struct sp_admin_context *ctx, const ProtobufCMessage *message,
                                         ProtobufCMessage **ret_reply) {
    (void)message;
    Sallyport__V1__Workspace *workspace = ctx->stored_workspace->workspace;
    if (!workspace->disabled)
        return sp_error_set(ctx->error, SP_ERR_PRECONDITION, "workspace %s is enabled: disable it first",
                            workspace->id);
    Sallyport__V1__MutationResponse *response =
        SP_ADMIN_NEW(ctx, Sallyport__V1__MutationResponse, sallyport__v1__mutation_response);
    if (response == NULL)
        return SP_ERR_MEMORY;
    workspace->deleting = true;
    enum sp_status status = put_workspace(ctx);
    if (status != SP_OK)
        return status;
    *ret_reply = &response->base;
    return SP_OK;
}
