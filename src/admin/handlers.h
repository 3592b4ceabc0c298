/* The handlers of the method table, by file. */
#ifndef SP_ADMIN_HANDLERS_H
#define SP_ADMIN_HANDLERS_H

#include "admin/method_row.h"

/* workspace.c */
sp_admin_handler sp_admin_create_workspace, sp_admin_get_workspace, sp_admin_list_workspaces, sp_admin_update_workspace,
    sp_admin_delete_workspace;

/* principal.c */
sp_admin_handler sp_admin_create_user, sp_admin_create_service_account, sp_admin_get_principal,
    sp_admin_list_principals, sp_admin_update_principal, sp_admin_delete_principal;

/* group.c */
sp_admin_handler sp_admin_create_group, sp_admin_get_group, sp_admin_list_groups, sp_admin_update_group,
    sp_admin_delete_group, sp_admin_add_group_members, sp_admin_remove_group_members, sp_admin_list_group_members;

/* resource.c */
sp_admin_handler sp_admin_register_resource, sp_admin_delete_resource, sp_admin_get_resource, sp_admin_list_resources;

/* share.c, share_list.c */
sp_admin_handler sp_admin_share_resource, sp_admin_unshare_resource, sp_admin_update_shares, sp_admin_list_shares;

/* policy_export.c, policy_apply.c */
sp_admin_handler sp_admin_export_policy, sp_admin_apply_policy;

/* key.c, key_list.c, key_find.c, key_change.c, key_rotate.c */
sp_admin_handler sp_admin_create_api_key, sp_admin_get_api_key, sp_admin_list_api_keys, sp_admin_get_key_usage,
    sp_admin_find_key, sp_admin_update_api_key, sp_admin_rotate_api_key, sp_admin_disable_api_key,
    sp_admin_enable_api_key, sp_admin_delete_api_key, sp_admin_disable_self;

/* operator_list.c */
sp_admin_handler sp_admin_list_operators, sp_admin_revoke_operator;

/* servers.c */
sp_admin_handler sp_admin_list_servers, sp_admin_retire_server;

/* schema.c */
sp_admin_handler sp_admin_get_schema, sp_admin_put_schema;

/* explain_key.c, who_am_i.c, changes.c */
sp_admin_handler sp_admin_explain_key, sp_admin_who_am_i, sp_admin_list_changes;

#endif
