#include "admin/methods.h"

#include <string.h>

#include "admin/handlers.h"
#include "sallyport/v1/admin.pb-c.h"

/* A row's columns, without braces so that a row can add others. */
#define COLUMNS(method, function, message, kind, who, operators)                                                       \
    .name = #method, .path = "/sallyport.v1.Admin/" #method, .request = &sallyport__v1__##message##__descriptor,       \
    .type = SP_ADMIN_##kind, .access = SP_ACCESS_##who, .scope = SP_SCOPE_##operators, .handler = (function)
#define ROW(method, function, message, kind, who, operators)                                                           \
    { COLUMNS(method, function, message, kind, who, operators) }

/* A read that walks. */
#define WALK(method, function, message, who, operators)                                                                \
    { COLUMNS(method, function, message, READ, who, operators), .reads_much = true }

static struct sp_str workspace_of_update_workspace(const ProtobufCMessage *request) {
    const Sallyport__V1__UpdateWorkspaceRequest *update = (const void *)request;
    return sp_str_from(update->workspace == NULL ? NULL : update->workspace->id);
}

static struct sp_str workspace_of_update_principal(const ProtobufCMessage *request) {
    const Sallyport__V1__UpdatePrincipalRequest *update = (const void *)request;
    return sp_str_from(update->principal == NULL ? NULL : update->principal->workspace);
}

static const struct sp_admin_method methods[] = {
    ROW(CreateWorkspace, sp_admin_create_workspace, create_workspace_request, MUTATION, OPERATOR, WORKSPACES),
    ROW(GetWorkspace, sp_admin_get_workspace, get_workspace_request, READ, ADMIN_READ, WORKSPACES),
    WALK(ListWorkspaces, sp_admin_list_workspaces, list_workspaces_request, OPERATOR, WORKSPACES),
    {COLUMNS(UpdateWorkspace, sp_admin_update_workspace, update_workspace_request, MUTATION, OPERATOR_OR_ADMIN,
             WORKSPACES),
     .workspace_of = workspace_of_update_workspace, .narrowing = sp_admin_judge_workspace_update},
    {COLUMNS(DeleteWorkspace, sp_admin_delete_workspace, delete_workspace_request, MUTATION, OPERATOR, WORKSPACES),
     .deletes_in_pieces = true, .narrowing = sp_admin_always_narrows},

    ROW(CreateUser, sp_admin_create_user, create_user_request, MUTATION, ADMIN_WRITE, NONE),
    ROW(CreateServiceAccount, sp_admin_create_service_account, create_service_account_request, MUTATION, ADMIN_WRITE,
        NONE),
    ROW(GetPrincipal, sp_admin_get_principal, get_principal_request, READ, ADMIN_READ, WORKSPACES),
    WALK(ListPrincipals, sp_admin_list_principals, list_principals_request, ADMIN_READ, WORKSPACES),
    {COLUMNS(UpdatePrincipal, sp_admin_update_principal, update_principal_request, MUTATION, ADMIN_WRITE, NONE),
     .workspace_of = workspace_of_update_principal, .narrowing = sp_admin_judge_principal_update},
    {COLUMNS(DeletePrincipal, sp_admin_delete_principal, delete_principal_request, MUTATION, ADMIN_WRITE, NONE),
     .narrowing = sp_admin_always_narrows, .deletes_in_pieces = true},

    ROW(CreateGroup, sp_admin_create_group, create_group_request, MUTATION, ADMIN_WRITE, NONE),
    ROW(GetGroup, sp_admin_get_group, get_group_request, READ, ADMIN_READ, WORKSPACES),
    WALK(ListGroups, sp_admin_list_groups, list_groups_request, ADMIN_READ, WORKSPACES),
    ROW(UpdateGroup, sp_admin_update_group, update_group_request, MUTATION, ADMIN_WRITE, NONE),
    {COLUMNS(DeleteGroup, sp_admin_delete_group, delete_group_request, MUTATION, ADMIN_WRITE, NONE),
     .narrowing = sp_admin_always_narrows, .deletes_in_pieces = true},
    ROW(AddGroupMembers, sp_admin_add_group_members, group_members_request, MUTATION, ADMIN_WRITE, NONE),
    {COLUMNS(RemoveGroupMembers, sp_admin_remove_group_members, group_members_request, MUTATION, ADMIN_WRITE, NONE),
     .narrowing = sp_admin_always_narrows},
    WALK(ListGroupMembers, sp_admin_list_group_members, list_group_members_request, ADMIN_READ, WORKSPACES),

    ROW(RegisterResource, sp_admin_register_resource, register_resource_request, MUTATION, RESOURCE, RESOURCES),
    {COLUMNS(DeleteResource, sp_admin_delete_resource, delete_resource_request, MUTATION, RESOURCE, RESOURCES),
     .narrowing = sp_admin_always_narrows, .deletes_in_pieces = true},
    ROW(GetResource, sp_admin_get_resource, get_resource_request, READ, ADMIN_READ, RESOURCES),
    WALK(ListResources, sp_admin_list_resources, list_resources_request, ADMIN_READ, RESOURCES),

    ROW(ShareResource, sp_admin_share_resource, share_resource_request, MUTATION, SHARE, NONE),
    {COLUMNS(UnshareResource, sp_admin_unshare_resource, unshare_resource_request, MUTATION, SHARE, NONE),
     .narrowing = sp_admin_always_narrows},
    {COLUMNS(UpdateShares, sp_admin_update_shares, update_shares_request, MUTATION, SHARE, NONE),
     .narrowing = sp_admin_judge_share_updates},
    WALK(ListShares, sp_admin_list_shares, list_shares_request, ADMIN_READ, WORKSPACES),
    WALK(ExportPolicy, sp_admin_export_policy, export_policy_request, ADMIN_READ, WORKSPACES),
    {COLUMNS(ApplyPolicy, sp_admin_apply_policy, apply_policy_request, MUTATION, ADMIN_WRITE, NONE), .is_batch = true,
     .narrowing = sp_admin_judge_policy_edits},

    ROW(CreateApiKey, sp_admin_create_api_key, create_api_key_request, MUTATION, CREATE_KEY, KEYS),
    WALK(GetApiKey, sp_admin_get_api_key, get_api_key_request, ADMIN_READ, KEYS),
    WALK(ListApiKeys, sp_admin_list_api_keys, list_api_keys_request, ADMIN_READ, KEYS),
    {COLUMNS(UpdateApiKey, sp_admin_update_api_key, update_api_key_request, MUTATION, OPERATOR_OR_ADMIN, KEYS),
     .narrowing = sp_admin_judge_key_update},
    ROW(RotateApiKey, sp_admin_rotate_api_key, rotate_api_key_request, MUTATION, ROTATE, NONE),
    {COLUMNS(DisableApiKey, sp_admin_disable_api_key, disable_api_key_request, MUTATION, OPERATOR_OR_ADMIN, KEYS),
     .narrowing = sp_admin_always_disables_key},
    ROW(EnableApiKey, sp_admin_enable_api_key, enable_api_key_request, MUTATION, ADMIN_WRITE, NONE),
    {COLUMNS(DeleteApiKey, sp_admin_delete_api_key, delete_api_key_request, MUTATION, OPERATOR_OR_ADMIN, KEYS),
     .narrowing = sp_admin_always_disables_key},
    WALK(FindKey, sp_admin_find_key, find_key_request, ADMIN_READ, KEYS),
    {COLUMNS(DisableSelf, sp_admin_disable_self, disable_self_request, MUTATION, ANY_KEY, ANY),
     .narrowing = sp_admin_always_disables_key},

    ROW(GetKeyUsage, sp_admin_get_key_usage, get_key_usage_request, READ, ADMIN_READ, KEYS),
    /* Servers are not policy: retiring one makes no revision and no entry in the audit trail. */
    WALK(ListServers, sp_admin_list_servers, list_servers_request, OPERATOR, SERVERS),
    ROW(RetireServer, sp_admin_retire_server, retire_server_request, USAGE_WRITE, OPERATOR, SERVERS),

    WALK(ListOperators, sp_admin_list_operators, list_operators_request, OPERATOR, OPERATORS),
    {COLUMNS(RevokeOperator, sp_admin_revoke_operator, revoke_operator_request, MUTATION, OPERATOR, OPERATORS),
     .narrowing = sp_admin_always_narrows},

    ROW(GetSchema, sp_admin_get_schema, get_schema_request, READ, ADMIN_READ, SCHEMA),
    {COLUMNS(PutSchema, sp_admin_put_schema, put_schema_request, MUTATION, OPERATOR, SCHEMA),
     .deletes_in_pieces = true},

    WALK(ExplainKey, sp_admin_explain_key, explain_key_request, ADMIN_READ, KEYS),
    ROW(WhoAmI, sp_admin_who_am_i, who_am_irequest, READ, ANY_KEY, ANY),
    {COLUMNS(ListChanges, sp_admin_list_changes, list_changes_request, READ, ADMIN_READ, AUDIT),
     .workspace_optional = true, .reads_much = true},
    {COLUMNS(WatchChanges, NULL, watch_changes_request, STREAM, ADMIN_READ, AUDIT), .stream = SP_ADMIN_WATCH_CHANGES,
     .workspace_optional = true},
    {COLUMNS(Backup, NULL, backup_request, STREAM, OPERATOR, BACKUP), .stream = SP_ADMIN_BACKUP},
    {COLUMNS(Import, NULL, import_request, STREAM, OPERATOR, IMPORT), .stream = SP_ADMIN_IMPORT},
};

_Static_assert(sizeof(methods) / sizeof(*methods) == SP_ADMIN_METHODS, "count the rows in methods.h");

const struct sp_admin_method *sp_admin_method_find(const char *name) {
    for (size_t i = 0; i < SP_ADMIN_METHODS; i++)
        if (strcmp(methods[i].name, name) == 0)
            return &methods[i];
    return NULL;
}

const struct sp_admin_method *sp_admin_method_at(size_t i) {
    return i < SP_ADMIN_METHODS ? &methods[i] : NULL;
}

size_t sp_admin_method_place(const struct sp_admin_method *method) {
    return (size_t)(method - methods);
}
