/* The table of methods, and what happens around every handler. */
#include "admin/idempotency.h"
#include "admin/internal.h"

#define ROW(method, function, message, kind, who)                                                                      \
    {                                                                                                                  \
        .name = #method, .request = &sallyport__v1__##message##__descriptor, .type = SP_ADMIN_##kind,                  \
        .access = SP_ACCESS_##who, .handler = (function)                                                               \
    }

static struct sp_str workspace_of_update_workspace(const ProtobufCMessage *request) {
    const Sallyport__V1__UpdateWorkspaceRequest *update = (const void *)request;
    return sp_str_from(update->workspace == NULL ? NULL : update->workspace->id);
}

static struct sp_str workspace_of_update_principal(const ProtobufCMessage *request) {
    const Sallyport__V1__UpdatePrincipalRequest *update = (const void *)request;
    return sp_str_from(update->principal == NULL ? NULL : update->principal->workspace);
}

static const struct sp_admin_method methods[] = {
    ROW(CreateWorkspace, sp_admin_create_workspace, create_workspace_request, MUTATION, OPERATOR),
    ROW(GetWorkspace, sp_admin_get_workspace, get_workspace_request, READ, ADMIN_READ),
    ROW(ListWorkspaces, sp_admin_list_workspaces, list_workspaces_request, READ, OPERATOR),
    {.name = "UpdateWorkspace",
     .request = &sallyport__v1__update_workspace_request__descriptor,
     .type = SP_ADMIN_MUTATION,
     .access = SP_ACCESS_OPERATOR,
     .handler = sp_admin_update_workspace,
     .workspace_of = workspace_of_update_workspace},
    ROW(DeleteWorkspace, sp_admin_delete_workspace, delete_workspace_request, MUTATION, OPERATOR),

    ROW(CreateUser, sp_admin_create_user, create_user_request, MUTATION, ADMIN_WRITE),
    ROW(CreateServiceAccount, sp_admin_create_service_account, create_service_account_request, MUTATION, ADMIN_WRITE),
    ROW(GetPrincipal, sp_admin_get_principal, get_principal_request, READ, ADMIN_READ),
    ROW(ListPrincipals, sp_admin_list_principals, list_principals_request, READ, ADMIN_READ),
    {.name = "UpdatePrincipal",
     .request = &sallyport__v1__update_principal_request__descriptor,
     .type = SP_ADMIN_MUTATION,
     .access = SP_ACCESS_ADMIN_WRITE,
     .handler = sp_admin_update_principal,
     .workspace_of = workspace_of_update_principal},
    ROW(DeletePrincipal, sp_admin_delete_principal, delete_principal_request, MUTATION, ADMIN_WRITE),

    ROW(CreateGroup, sp_admin_create_group, create_group_request, MUTATION, ADMIN_WRITE),
    ROW(GetGroup, sp_admin_get_group, get_group_request, READ, ADMIN_READ),
    ROW(ListGroups, sp_admin_list_groups, list_groups_request, READ, ADMIN_READ),
    ROW(UpdateGroup, sp_admin_update_group, update_group_request, MUTATION, ADMIN_WRITE),
    ROW(DeleteGroup, sp_admin_delete_group, delete_group_request, MUTATION, ADMIN_WRITE),
    ROW(AddGroupMembers, sp_admin_add_group_members, group_members_request, MUTATION, ADMIN_WRITE),
    ROW(RemoveGroupMembers, sp_admin_remove_group_members, group_members_request, MUTATION, ADMIN_WRITE),
    ROW(ListGroupMembers, sp_admin_list_group_members, list_group_members_request, READ, ADMIN_READ),

    ROW(RegisterResource, sp_admin_register_resource, register_resource_request, MUTATION, REGISTER),
    ROW(DeleteResource, sp_admin_delete_resource, delete_resource_request, MUTATION, REGISTER),
    ROW(GetResource, sp_admin_get_resource, get_resource_request, READ, ADMIN_READ),
    ROW(ListResources, sp_admin_list_resources, list_resources_request, READ, ADMIN_READ),

    ROW(ShareResource, sp_admin_share_resource, share_resource_request, MUTATION, SHARE),
    ROW(UnshareResource, sp_admin_unshare_resource, unshare_resource_request, MUTATION, SHARE),
    ROW(UpdateShares, sp_admin_update_shares, update_shares_request, MUTATION, SHARE),
    ROW(ListShares, sp_admin_list_shares, list_shares_request, READ, ADMIN_READ),

    ROW(CreateApiKey, sp_admin_create_api_key, create_api_key_request, MUTATION, OPERATOR_OR_ADMIN),
    ROW(GetApiKey, sp_admin_get_api_key, get_api_key_request, READ, ADMIN_READ),
    ROW(ListApiKeys, sp_admin_list_api_keys, list_api_keys_request, READ, ADMIN_READ),
    ROW(UpdateApiKey, sp_admin_update_api_key, update_api_key_request, MUTATION, ADMIN_WRITE),
    ROW(RotateApiKey, sp_admin_rotate_api_key, rotate_api_key_request, MUTATION, ROTATE),
    ROW(DisableApiKey, sp_admin_disable_api_key, disable_api_key_request, MUTATION, OPERATOR_OR_ADMIN),
    ROW(EnableApiKey, sp_admin_enable_api_key, enable_api_key_request, MUTATION, ADMIN_WRITE),
    ROW(DeleteApiKey, sp_admin_delete_api_key, delete_api_key_request, MUTATION, OPERATOR_OR_ADMIN),
    ROW(FindKey, sp_admin_find_key, find_key_request, READ, ADMIN_READ),
    ROW(DisableSelf, sp_admin_disable_self, disable_self_request, MUTATION, ANY_KEY),

    ROW(GetKeyUsage, sp_admin_get_key_usage, get_key_usage_request, READ, ADMIN_READ),
    /* Not part of policy: no revision, no entry in the trail. What they change is the record of last uses. */
    ROW(ListServers, sp_admin_list_servers, list_servers_request, READ, OPERATOR),
    ROW(RetireServer, sp_admin_retire_server, retire_server_request, READ, OPERATOR),

    ROW(GetSchema, sp_admin_get_schema, get_schema_request, READ, ADMIN_READ),
    ROW(PutSchema, sp_admin_put_schema, put_schema_request, MUTATION, OPERATOR),

    ROW(ExplainKey, sp_admin_explain_key, explain_key_request, READ, ADMIN_READ),
    ROW(WhoAmI, sp_admin_who_am_i, who_am_irequest, READ, ANY_KEY),
    {.name = "ListChanges",
     .request = &sallyport__v1__list_changes_request__descriptor,
     .type = SP_ADMIN_READ,
     .access = SP_ACCESS_ADMIN_READ,
     .handler = sp_admin_list_changes,
     .workspace_optional = true},
    {.name = "WatchChanges",
     .request = &sallyport__v1__watch_changes_request__descriptor,
     .type = SP_ADMIN_STREAM,
     .access = SP_ACCESS_ADMIN_READ,
     .workspace_optional = true},
    ROW(Backup, NULL, backup_request, STREAM, OPERATOR),
    ROW(Import, NULL, import_request, STREAM, OPERATOR),
};

enum { METHODS = sizeof(methods) / sizeof(methods[0]) };

const struct sp_admin_method *sp_admin_method_find(const char *name) {
    for (size_t i = 0; i < METHODS; i++)
        if (strcmp(methods[i].name, name) == 0)
            return &methods[i];
    return NULL;
}

const struct sp_admin_method *sp_admin_method_at(size_t i) {
    return i < METHODS ? &methods[i] : NULL;
}

const char *sp_admin_method_name(const struct sp_admin_method *method) {
    return method->name;
}

enum sp_admin_type sp_admin_method_type(const struct sp_admin_method *method) {
    return method->type;
}

const ProtobufCMessageDescriptor *sp_admin_method_request(const struct sp_admin_method *method) {
    return method->request;
}

static const ProtobufCMessageDescriptor *reply_of(const struct sp_admin_method *method) {
    const ProtobufCMethodDescriptor *rpc =
        protobuf_c_service_descriptor_get_method_by_name(&sallyport__v1__admin__descriptor, method->name);
    return rpc == NULL ? NULL : rpc->output;
}

/* Inner steps leave plain failures without words. */
static enum sp_status explain_failure(struct sp_error *error, enum sp_status status) {
    if (error == NULL || status == SP_OK || error->status != SP_OK)
        return status;
    switch ((int)status) {
    case SP_ERR_MEMORY:
        return sp_error_set(error, status, "the call takes more memory than one call may use");
    case SP_ERR_CORRUPT:
        return sp_error_set(error, status, "the store is damaged: run 'sallyport-sync verify'");
    default:
        return sp_error_set(error, status, "the store could not answer");
    }
}

static enum sp_status enter(struct sp_admin_context *ctx, enum sp_admin_type type, const ProtobufCMessage *request) {
    if (ctx->method->type != type || request->descriptor != ctx->method->request)
        return sp_error_set(ctx->error, SP_ERR_INTERNAL, "%s was called as another kind of method", ctx->method->name);
    enum sp_status status = sp_admin_authenticate(ctx);
    if (status == SP_OK)
        status = sp_admin_authorize(ctx);
    return status == SP_OK ? sp_admin_resolve_workspace(ctx, request) : status;
}

/* Fills the reply's field `revision`, if it has one that is not filled. */
static enum sp_status stamp(struct sp_admin_context *ctx, struct sp_revision revision, ProtobufCMessage *reply) {
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field_by_name(reply->descriptor, "revision");
    if (field == NULL || field->descriptor != &sallyport__v1__revision__descriptor)
        return SP_OK;
    Sallyport__V1__Revision *message = SP_ADMIN_NEW(ctx, Sallyport__V1__Revision, sallyport__v1__revision);
    if (message == NULL)
        return SP_ERR_MEMORY;
    message->epoch = revision.epoch;
    message->number = revision.number;
    memcpy((char *)reply + field->offset, &message, sizeof(void *));
    return SP_OK;
}

static enum sp_status answer_read(struct sp_admin_context *ctx, const ProtobufCMessage *request,
                                  ProtobufCMessage **ret_reply) {
    ProtobufCMessage *reply = NULL;
    struct sp_revision revision = {0};
    enum sp_status status = enter(ctx, SP_ADMIN_READ, request);
    if (status == SP_OK)
        status = ctx->method->handler(ctx, request, &reply);
    if (status == SP_OK)
        status = sp_view_revision(ctx->view, &revision);
    if (status == SP_OK)
        status = stamp(ctx, revision, reply);
    if (status == SP_OK)
        *ret_reply = reply;
    return status;
}

enum sp_status sp_admin_read(const struct sp_admin_method *method, struct sp_view *view,
                             const struct sp_admin_caller *caller, const ProtobufCMessage *request,
                             struct sp_arena *arena, ProtobufCMessage **ret_reply, struct sp_error *error) {
    struct sp_error own = {0};
    struct sp_admin_context ctx = {
        .method = method, .view = view, .arena = arena, .caller = caller, .error = &own, .now_s = caller->now_s};
    enum sp_status status = explain_failure(&own, answer_read(&ctx, request, ret_reply));
    if (error != NULL && status != SP_OK)
        *error = own;
    return status;
}

static enum sp_status apply(struct sp_admin_context *ctx, const struct sp_admin_replay *replay,
                            ProtobufCMessage *reply) {
    struct sp_revision revision = {0};
    enum sp_status status = sp_changeset_apply(ctx->write, ctx->changes, &revision, ctx->error);
    if (status == SP_OK)
        status = stamp(ctx, revision, reply);
    return status == SP_OK ? sp_admin_replay_keep(ctx, replay, reply) : status;
}

static enum sp_status check_not_deleting(struct sp_admin_context *ctx) {
    if (ctx->stored_workspace == NULL || !ctx->stored_workspace->workspace->deleting)
        return SP_OK;
    return sp_error_set(ctx->error, SP_ERR_PRECONDITION, "workspace %.*s is being deleted", SP_STR_ARG(ctx->workspace));
}

static enum sp_status answer_mutation(struct sp_admin_context *ctx, const ProtobufCMessage *request,
                                      ProtobufCMessage **ret_reply) {
    struct sp_admin_replay replay = {0};
    enum sp_status status = enter(ctx, SP_ADMIN_MUTATION, request);
    if (status == SP_OK)
        status = sp_admin_replay_open(ctx, request, &replay);
    if (status != SP_OK)
        return status;
    status = sp_admin_replay_find(ctx, &replay, reply_of(ctx->method), ret_reply);
    if (status != SP_ERR_NOT_FOUND)
        return status;
    ProtobufCMessage *reply = NULL;
    status = check_not_deleting(ctx);
    if (status == SP_OK)
        status = sp_admin_begin_changes(ctx, sp_admin_request_id(request));
    if (status == SP_OK)
        status = ctx->method->handler(ctx, request, &reply);
    if (status == SP_OK)
        status = apply(ctx, &replay, reply);
    if (status == SP_OK)
        *ret_reply = reply;
    return status;
}

enum sp_status sp_admin_mutate(const struct sp_admin_method *method, struct sp_write *write,
                               const struct sp_admin_caller *caller, const ProtobufCMessage *request,
                               struct sp_arena *arena, ProtobufCMessage **ret_reply, struct sp_error *error) {
    struct sp_error own = {0};
    struct sp_admin_context ctx = {.method = method,
                                   .view = sp_write_view(write),
                                   .write = write,
                                   .arena = arena,
                                   .caller = caller,
                                   .error = &own,
                                   .now_s = caller->now_s};
    uint64_t operations_before = sp_write_operations(write);
    enum sp_status status = explain_failure(&own, answer_mutation(&ctx, request, ret_reply));
    if (status == SP_OK)
        return SP_OK;
    (void)sp_write_refuse(write, operations_before);
    if (error != NULL)
        *error = own;
    return status;
}

enum sp_status sp_admin_authorize_stream(const struct sp_admin_method *method, struct sp_view *view,
                                         const struct sp_admin_caller *caller, const ProtobufCMessage *request,
                                         struct sp_arena *arena, struct sp_str *ret_workspace, struct sp_error *error) {
    struct sp_error own = {0};
    struct sp_admin_context ctx = {
        .method = method, .view = view, .arena = arena, .caller = caller, .error = &own, .now_s = caller->now_s};
    enum sp_status status = explain_failure(&own, enter(&ctx, SP_ADMIN_STREAM, request));
    if (status == SP_OK)
        *ret_workspace = ctx.workspace;
    else if (error != NULL)
        *error = own;
    return status;
}
