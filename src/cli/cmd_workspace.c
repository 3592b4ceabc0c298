/* sallyport workspace … (operators; `get` also for the workspace's admins) */
#include "cli/command_rows.h"
#include "cli/connection.h"
#include "cli/json_path.h"
#include "cli/report.h"
#include "cli/single_call.h"

/* All quotas are one field of the service, so the current values of those that were not given are
 * sent too. */
static enum sp_status add_other_quotas(struct cli_call *call, json_t *quotas, struct sp_error *error) {
    json_t *workspace = NULL;
    json_t *request = json_pack("{s:O}", "workspace", sp_cli_at(call->request, "workspace.id"));
    enum sp_status status = sp_cli_call_once(call, "Admin/GetWorkspace", request, &workspace, error);
    json_decref(request);
    if (status != SP_OK)
        return status;
    json_t *now = json_object_get(workspace, "quotas");
    if (json_is_object(now) && json_object_update_missing(quotas, now) != 0)
        status = sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    json_decref(workspace);
    return status;
}

static int run_workspace_update(struct cli_call *call) {
    struct sp_error error = {0};
    json_t *quotas = sp_cli_at(call->request, "workspace.quotas");
    if (sp_cli_local_flag(call, "no-features") && sp_cli_at(call->request, "workspace.features") != NULL) {
        (void)sp_error_set(&error, SP_ERR_INVALID, "--no-features cannot be combined with --feature");
        return sp_cli_report_error(call, &error);
    }
    if (quotas != NULL && add_other_quotas(call, quotas, &error) != SP_OK)
        return sp_cli_report_error(call, &error);
    return sp_cli_run_single_call(call);
}

#define WORKSPACE_LINES                                                                                                \
    "id=id:raw,name=name:raw,plan=plan,seats=seats,features=features,private ranges=allowPrivateRanges,"               \
    "disabled=disabled,deleting=deleting,"                                                                             \
    "quota of service accounts=quotas.serviceAccounts:quota,quota of keys=quotas.keys:quota,quota of "                 \
    "groups=quotas.groups:quota,"                                                                                      \
    "quota of members=quotas.members:quota,quota of grants=quotas.grants:quota,quota of "                              \
    "resources=quotas.resources:quota,max key lifetime (s)=policy.maxKeyLifetimeS,holders may not "                    \
    "disable=policy.holdersMayNotDisable,key creators=policy.keyCreators,created=createdAt:time"

#define QUOTA(at, masked, option, field, what)                                                                         \
    {                                                                                                                  \
        .name = "quota-" option, .kind = CLI_NUMBER, .path = at field, .mask = (masked), .value = "N",                 \
        .help = "maximum number of " what                                                                              \
    }
#define QUOTAS(at, masked)                                                                                             \
    QUOTA(at, masked, "service-accounts", "serviceAccounts", "service accounts (0: the default, 20)"),                 \
        QUOTA(at, masked, "keys", "keys", "keys (0: the default, 1,000)"),                                             \
        QUOTA(at, masked, "groups", "groups", "groups (0: the default, 500)"),                                         \
        QUOTA(at, masked, "members", "members", "memberships in all groups (0: the default, 10,000)"),                 \
        QUOTA(at, masked, "grants", "grants", "shares (0: the default, 100,000)"),                                     \
        QUOTA(at, masked, "resources", "resources", "registered resources (0: the default, 100,000)")

/* Rows that several commands here have. */
#define WORKSPACE(at)                                                                                                  \
    { .name = "id", .kind = CLI_TEXT, .path = (at), .value = "ID", .help = "id of the workspace", .required = true }

const struct cli_command sp_cli_workspace_commands[] = {
    {.noun = "workspace",
     .verb = "create",
     .summary = "Create a workspace with its first admin, and show that admin's key.",
     .method = "CreateWorkspace",
     .mutation = true,
     .columns = "id=workspace.id:raw,name=workspace.name:raw,plan=workspace.plan,seats=workspace.seats,features="
                "workspace.features,"
                "created=workspace.createdAt:time,admin=admin.id:raw,admin's key=apiKey.id:raw,revision=revision",
     .example = "  sallyport workspace create --id acme --name \"Acme Audio\" --plan enterprise --seats 5 --feature "
                "ip-allowlist --secret-file admin.key",
     .options = {CLI_NEW_ID,
                 CLI_DISPLAY_NAME,
                 {.name = "plan",
                  .kind = CLI_ENUM,
                  .path = "plan",
                  .prefix = "PLAN_",
                  .choices = "free|standard|enterprise",
                  .value = "PLAN",
                  .help = "free, standard or enterprise"},
                 {.name = "seats",
                  .kind = CLI_NUMBER,
                  .least = 1,
                  .path = "seats",
                  .value = "N",
                  .help = "maximum number of enabled users, 1 to 1,000,000; service accounts require at least 2"},
                 {.name = "feature",
                  .kind = CLI_ENUMS,
                  .path = "features",
                  .prefix = "FEATURE_",
                  .choices = "ip-allowlist",
                  .value = "NAME",
                  .help = "feature to switch on: ip-allowlist"},
                 QUOTAS("quotas.", NULL),
                 {.name = "admin-id",
                  .kind = CLI_TEXT,
                  .path = "adminId",
                  .value = "ID",
                  .help = "id of the first admin (default: generated)"},
                 {.name = "admin-name",
                  .kind = CLI_TEXT,
                  .path = "adminName",
                  .value = "TEXT",
                  .help = "display name of the first admin"},
                 CLI_SECRET_FILE}},
    {.noun = "workspace",
     .verb = "get",
     .summary = "Show a workspace.",
     .method = "GetWorkspace",
     .columns = WORKSPACE_LINES,
     .example = "  sallyport workspace get acme",
     .positionals = {{.name = "id",
                      .kind = CLI_TEXT,
                      .path = "workspace",
                      .value = "ID",
                      .help = "workspace id (default: your key's workspace)"}}},
    {.noun = "workspace",
     .verb = "list",
     .summary = "List all workspaces.",
     .method = "ListWorkspaces",
     .list = "workspaces",
     .columns = "~ID=id:raw,~NAME=name:raw,PLAN=plan,SEATS=seats,DISABLED=disabled,CREATED=createdAt:time",
     .example = "  sallyport workspace list\n"
                "  sallyport workspace list -o ndjson"},
    {.noun = "workspace",
     .verb = "update",
     .summary = "Change the given fields of a workspace.",
     .method = "UpdateWorkspace",
     .mutation = true,
     .main = "workspace",
     .columns = WORKSPACE_LINES,
     .example = "  sallyport workspace update acme --plan enterprise --feature ip-allowlist\n"
                "  sallyport workspace update acme --quota-service-accounts 100",
     .run = run_workspace_update,
     .positionals = {WORKSPACE("workspace.id")},
     .options = {{.name = "name",
                  .kind = CLI_TEXT,
                  .path = "workspace.name",
                  .mask = "name",
                  .value = "TEXT",
                  .help = "display name"},
                 {.name = "plan",
                  .kind = CLI_ENUM,
                  .path = "workspace.plan",
                  .prefix = "PLAN_",
                  .choices = "free|standard|enterprise",
                  .mask = "plan",
                  .value = "PLAN",
                  .help = "free, standard or enterprise"},
                 {.name = "seats",
                  .kind = CLI_NUMBER,
                  .least = 1,
                  .path = "workspace.seats",
                  .mask = "seats",
                  .value = "N",
                  .help = "maximum number of enabled users, 1 to 1,000,000; service accounts require at least 2"},
                 {.name = "feature",
                  .kind = CLI_ENUMS,
                  .path = "workspace.features",
                  .prefix = "FEATURE_",
                  .choices = "ip-allowlist",
                  .mask = "features",
                  .value = "NAME",
                  .help = "feature to switch on: ip-allowlist"},
                 {.name = "no-features", .kind = CLI_CLEAR, .mask = "features", .help = "switch all features off"},
                 {.name = "allow-private-ranges",
                  .kind = CLI_FLAG,
                  .path = "workspace.allowPrivateRanges",
                  .mask = "allow_private_ranges",
                  .help = "let allowlists of keys hold private networks too, such as 10.0.0.0/8"},
                 {.name = "no-private-ranges",
                  .kind = CLI_CLEAR,
                  .mask = "allow_private_ranges",
                  .help = "allow only public ranges in new allowlists; existing allowlists are unchanged"},
                 QUOTAS("workspace.quotas.", "quotas")}},
    {.noun = "workspace",
     .verb = "set-policy",
     .summary = "Set a workspace's policy for keys: lifetime, and who creates and disables them.",
     .details = "Existing keys stay as they are; `sallyport key list --beyond-max-lifetime` shows those that exceed "
                "the policy.",
     .method = "UpdateWorkspace",
     .mutation = true,
     .main = "workspace",
     .columns = WORKSPACE_LINES,
     .example = "  sallyport workspace set-policy --max-key-lifetime 90d\n"
                "  sallyport workspace set-policy acme --key-creators holders --holders-may-not-disable",
     .positionals = {{.name = "id",
                      .kind = CLI_TEXT,
                      .path = "workspace.id",
                      .value = "ID",
                      .help = "workspace id (default: your key's workspace)"}},
     .options = {{.name = "max-key-lifetime",
                  .kind = CLI_DURATION,
                  .path = "workspace.policy.maxKeyLifetimeS",
                  .mask = "policy.max_key_lifetime_s",
                  .value = "DURATION",
                  .help = "maximum lifetime of keys, which then must expire"},
                 {.name = "no-max-key-lifetime",
                  .kind = CLI_CLEAR,
                  .mask = "policy.max_key_lifetime_s",
                  .help = "remove the limit on the lifetime of keys"},
                 {.name = "holders-may-disable",
                  .kind = CLI_CLEAR,
                  .mask = "policy.holders_may_not_disable",
                  .help = "holders may disable their keys (the default)"},
                 {.name = "holders-may-not-disable",
                  .kind = CLI_FLAG,
                  .path = "workspace.policy.holdersMayNotDisable",
                  .mask = "policy.holders_may_not_disable",
                  .help = "only admins and operators disable keys"},
                 {.name = "key-creators",
                  .kind = CLI_ENUM,
                  .path = "workspace.policy.keyCreators",
                  .prefix = "KEY_CREATORS_",
                  .choices = "admins|holders",
                  .mask = "policy.key_creators",
                  .value = "WHO",
                  .help = "who creates keys: admins, or holders too (each for itself, with a key that lists "
                          "api_key_rotate)"}}},
    {.noun = "workspace",
     .verb = "disable",
     .summary = "Disable a workspace: all its keys are denied.",
     .method = "UpdateWorkspace",
     .fixed = "{\"workspace\":{\"disabled\":true},\"updateMask\":[\"disabled\"]}",
     .mutation = true,
     .main = "workspace",
     .columns = WORKSPACE_LINES,
     .example = "  sallyport workspace disable acme",
     .positionals = {WORKSPACE("workspace.id")}},
    {.noun = "workspace",
     .verb = "enable",
     .summary = "Enable a workspace: its keys work again.",
     .method = "UpdateWorkspace",
     .fixed = "{\"workspace\":{\"disabled\":false},\"updateMask\":[\"disabled\"]}",
     .mutation = true,
     .main = "workspace",
     .columns = WORKSPACE_LINES,
     .example = "  sallyport workspace enable acme",
     .positionals = {WORKSPACE("workspace.id")}},
    {.noun = "workspace",
     .verb = "delete",
     .summary = "Delete a disabled workspace and everything in it; the audit trail stays.",
     .method = "DeleteWorkspace",
     .mutation = true,
     .example = "  sallyport workspace disable acme && sallyport workspace delete acme",
     .positionals = {WORKSPACE("workspace")}},
    {.noun = NULL},
};
