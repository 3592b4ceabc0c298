#include "admin/methods.h"

#include <string.h>

#include "admin/handlers.h"
#include "sallyport/v1/admin.pb-c.h"

/* A row's columns, without braces so that a row can add others. */
#define COLUMNS(method, function, message, kind, who)                                                                  \
    .name = #method, .path = "/sallyport.v1.Admin/" #method, .request = &sallyport__v1__##message##__descriptor,       \
    .type = SP_ADMIN_##kind, .access = SP_ACCESS_##who, .handler = (function)
#define ROW(method, function, message, kind, who)                                                                      \
    { COLUMNS(method, function, message, kind, who) }

/* A read that walks. */
#define WALK(method, function, message, who)                                                                           \
    { COLUMNS(method, function, message, READ, who), .reads_much = true }

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
    WALK(ListWorkspaces, sp_admin_list_workspaces, list_workspaces_request, OPERATOR),
    {COLUMNS(UpdateWorkspace, sp_admin_update_workspace, update_workspace_request, MUTATION, OPERATOR_OR_ADMIN),
     .workspace_of = workspace_of_update_workspace, .narrowing = sp_admin_judge_workspace_update},
    {COLUMNS(DeleteWorkspace, sp_admin_delete_workspace, delete_workspace_request, MUTATION, OPERATOR),
     .deletes_in_pieces = true, .narrowing = sp_admin_always_narrows},

    ROW(CreateUser, sp_admin_create_user, create_user_request, MUTATION, ADMIN_WRITE),
    ROW(CreateServiceAccount, sp_admin_create_service_account, create_service_account_request, MUTATION, ADMIN_WRITE),
    ROW(GetPrincipal, sp_admin_get_principal, get_principal_request, READ, ADMIN_READ),
    WALK(ListPrincipals, sp_admin_list_principals, list_principals_request, ADMIN_READ),
    {COLUMNS(UpdatePrincipal, sp_admin_update_principal, update_principal_request, MUTATION, ADMIN_WRITE),
     .workspace_of = workspace_of_update_principal, .narrowing = sp_admin_judge_principal_update},
    {COLUMNS(DeletePrincipal, sp_admin_delete_principal, delete_principal_request, MUTATION, ADMIN_WRITE),
     .narrowing = sp_admin_always_narrows, .deletes_in_pieces = true},

    ROW(CreateGroup, sp_admin_create_group, create_group_request, MUTATION, ADMIN_WRITE),
    ROW(GetGroup, sp_admin_get_group, get_group_request, READ, ADMIN_READ),
    WALK(ListGroups, sp_admin_list_groups, list_groups_request, ADMIN_READ),
    ROW(UpdateGroup, sp_admin_update_group, update_group_request, MUTATION, ADMIN_WRITE),
    {COLUMNS(DeleteGroup, sp_admin_delete_group, delete_group_request, MUTATION, ADMIN_WRITE),
     .narrowing = sp_admin_always_narrows, .deletes_in_pieces = true},
    ROW(AddGroupMembers, sp_admin_add_group_members, group_members_request, MUTATION, ADMIN_WRITE),
    {COLUMNS(RemoveGroupMembers, sp_admin_remove_group_members, group_members_request, MUTATION, ADMIN_WRITE),
     .narrowing = sp_admin_always_narrows},
    WALK(ListGroupMembers, sp_admin_list_group_members, list_group_members_request, ADMIN_READ),

    ROW(RegisterResource, sp_admin_register_resource, register_resource_request, MUTATION, RESOURCE),
    {COLUMNS(DeleteResource, sp_admin_delete_resource, delete_resource_request, MUTATION, RESOURCE),
     .narrowing = sp_admin_always_narrows, .deletes_in_pieces = true},
    ROW(GetResource, sp_admin_get_resource, get_resource_request, READ, ADMIN_READ),
    WALK(ListResources, sp_admin_list_resources, list_resources_request, ADMIN_READ),

    ROW(ShareResource, sp_admin_share_resource, share_resource_request, MUTATION, SHARE),
    {COLUMNS(UnshareResource, sp_admin_unshare_resource, unshare_resource_request, MUTATION, SHARE),
     .narrowing = sp_admin_always_narrows},
    {COLUMNS(UpdateShares, sp_admin_update_shares, update_shares_request, MUTATION, SHARE),
     .narrowing = sp_admin_judge_share_updates},
    WALK(ListShares, sp_admin_list_shares, list_shares_request, ADMIN_READ),
    WALK(ExportPolicy, sp_admin_export_policy, export_policy_request, ADMIN_READ),
    {COLUMNS(ApplyPolicy, sp_admin_apply_policy, apply_policy_request, MUTATION, ADMIN_WRITE), .is_batch = true,
     .narrowing = sp_admin_judge_policy_edits},

    ROW(CreateApiKey, sp_admin_create_api_key, create_api_key_request, MUTATION, CREATE_KEY),
    ROW(GetApiKey, sp_admin_get_api_key, get_api_key_request, READ, ADMIN_READ),
    WALK(ListApiKeys, sp_admin_list_api_keys, list_api_keys_request, ADMIN_READ),
    {COLUMNS(UpdateApiKey, sp_admin_update_api_key, update_api_key_request, MUTATION, OPERATOR_OR_ADMIN),
     .narrowing = sp_admin_judge_key_update},
    ROW(RotateApiKey, sp_admin_rotate_api_key, rotate_api_key_request, MUTATION, ROTATE),
    {COLUMNS(DisableApiKey, sp_admin_disable_api_key, disable_api_key_request, MUTATION, OPERATOR_OR_ADMIN),
     .narrowing = sp_admin_always_disables_key},
    ROW(EnableApiKey, sp_admin_enable_api_key, enable_api_key_request, MUTATION, ADMIN_WRITE),
    {COLUMNS(DeleteApiKey, sp_admin_delete_api_key, delete_api_key_request, MUTATION, OPERATOR_OR_ADMIN),
     .narrowing = sp_admin_always_disables_key},
    ROW(FindKey, sp_admin_find_key, find_key_request, READ, ADMIN_READ),
    {COLUMNS(DisableSelf, sp_admin_disable_self, disable_self_request, MUTATION, ANY_KEY),
     .narrowing = sp_admin_always_disables_key},

    ROW(GetKeyUsage, sp_admin_get_key_usage, get_key_usage_request, READ, ADMIN_READ),
    /* Servers are not policy: retiring one makes no revision and no entry in the audit trail. */
    WALK(ListServers, sp_admin_list_servers, list_servers_request, OPERATOR),
    ROW(RetireServer, sp_admin_retire_server, retire_server_request, USAGE_WRITE, OPERATOR),

    WALK(ListOperators, sp_admin_list_operators, list_operators_request, OPERATOR),
    {COLUMNS(RevokeOperator, sp_admin_revoke_operator, revoke_operator_request, MUTATION, OPERATOR),
     .narrowing = sp_admin_always_narrows},

    ROW(GetSchema, sp_admin_get_schema, get_schema_request, READ, ADMIN_READ),
    {COLUMNS(PutSchema, sp_admin_put_schema, put_schema_request, MUTATION, OPERATOR), .deletes_in_pieces = true},

    WALK(ExplainKey, sp_admin_explain_key, explain_key_request, ADMIN_READ),
    ROW(WhoAmI, sp_admin_who_am_i, who_am_irequest, READ, ANY_KEY),
    {COLUMNS(ListChanges, sp_admin_list_changes, list_changes_request, READ, ADMIN_READ), .workspace_optional = true,
     .reads_much = true},
    {COLUMNS(WatchChanges, NULL, watch_changes_request, STREAM, ADMIN_READ), .stream = SP_ADMIN_WATCH_CHANGES,
     .workspace_optional = true},
    {COLUMNS(Backup, NULL, backup_request, STREAM, OPERATOR), .stream = SP_ADMIN_BACKUP},
    {COLUMNS(Import, NULL, import_request, STREAM, OPERATOR), .stream = SP_ADMIN_IMPORT},
};

enum { METHODS = sizeof(methods) / sizeof(*methods) };

const struct sp_admin_method *sp_admin_method_find(const char *name) {
    for (size_t i = 0; i < METHODS; i++)
        if (strcmp(methods[i].name, name) == 0)
            return &methods[i];
    return NULL;
}

const struct sp_admin_method *sp_admin_method_at(size_t i) {
    return i < METHODS ? &methods[i] : NULL;
}
