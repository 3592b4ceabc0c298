#include "cli/acting_key.h"

#include <stddef.h>
#include <string.h>

#define ADMIN_WRITE "the key of a workspace's admin that permits workspace_write"
#define OR_OPERATOR ", or an operator's key"

static const char operator[] = "an operator's key",
                  admin_read[] = "the key of a workspace's admin that permits workspace_read" OR_OPERATOR,
                  admin_write[] = ADMIN_WRITE, operator_or_admin[] = ADMIN_WRITE OR_OPERATOR,
                  resource[] = "an operator's key, a key that lists resource_register, or the key of a workspace's "
                               "admin, as the schema says for the type",
                  share[] = ADMIN_WRITE ", or any key that permits the type's action \"share\" on the resource",
                  create_key[] = ADMIN_WRITE ", an operator's key for keys of admins, or, if the workspace's policy "
                                             "allows it, a key that lists api_key_rotate for its own principal",
                  rotate[] = ADMIN_WRITE ", or with --self a key that lists api_key_rotate", any[] = "any key";

static const struct {
    const char *method, *who;
} acting_keys[] = {
    {"CreateWorkspace", operator}, {"GetWorkspace", admin_read},
     {"ListWorkspaces", operator}, {"UpdateWorkspace", operator_or_admin},
      {"DeleteWorkspace", operator}, {"CreateUser", admin_write}, {"CreateServiceAccount", admin_write},
       {"GetPrincipal", admin_read}, {"ListPrincipals", admin_read}, {"UpdatePrincipal", admin_write},
       {"DeletePrincipal", admin_write}, {"CreateGroup", admin_write}, {"GetGroup", admin_read},
       {"ListGroups", admin_read}, {"UpdateGroup", admin_write}, {"DeleteGroup", admin_write},
       {"AddGroupMembers", admin_write}, {"RemoveGroupMembers", admin_write}, {"ListGroupMembers", admin_read},
       {"RegisterResource", resource}, {"DeleteResource", resource}, {"GetResource", admin_read},
       {"ListResources", admin_read}, {"ShareResource", share}, {"UnshareResource", share}, {"UpdateShares", share},
       {"ListShares", admin_read}, {"ExportPolicy", admin_read}, {"ApplyPolicy", admin_write},
       {"CreateApiKey", create_key}, {"GetApiKey", admin_read}, {"ListApiKeys", admin_read},
       {"UpdateApiKey", operator_or_admin}, {"RotateApiKey", rotate}, {"DisableApiKey", operator_or_admin},
       {"EnableApiKey", admin_write}, {"DeleteApiKey", operator_or_admin}, {"FindKey", admin_read},
       {"DisableSelf", any}, {"GetKeyUsage", admin_read},
       {"ListServers", operator},
        {"RetireServer", operator},
         {"ListOperators", operator},
          {"RevokeOperator", operator}, {"GetSchema", admin_read},
           {"PutSchema", operator}, {"ExplainKey", admin_read}, {"WhoAmI", any}, {"ListChanges", admin_read},
            {"Backup", operator},
             {
                 "Import",
                 operator},
            };

const char *sp_cli_acting_key(const char *method) {
    for (size_t i = 0; i < sizeof(acting_keys) / sizeof(*acting_keys); i++)
        if (strcmp(acting_keys[i].method, method) == 0)
            return acting_keys[i].who;
    return NULL;
}
