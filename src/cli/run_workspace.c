/* workspace update: quotas are one field of the service, so those that were not given must go along as they are. */
#include <string.h>

#include "cli/connection.h"
#include "cli/run.h"
#include "cli/single_call.h"

static enum sp_status add_other_quotas(struct cli_call *call, json_t *quotas, struct sp_error *error) {
    struct sp_rpc_client *client = NULL;
    json_t *workspace = NULL, *now;
    json_t *request = json_pack("{s:O}", "workspace", cli_at(call->request, "workspace.id"));
    enum sp_status status = cli_open_admin(call, &client, error);
    if (status == SP_OK)
        status = cli_call_json(client, "Admin/GetWorkspace", request, &workspace, error);
    sp_rpc_client_close(client);
    json_decref(request);
    now = json_object_get(workspace, "quotas");
    if (status == SP_OK && json_is_object(now) && json_object_update_missing(quotas, now) != 0)
        status = sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    json_decref(workspace);
    return status;
}

int cli_run_workspace_update(struct cli_call *call) {
    struct sp_error error = {0};
    json_t *quotas = cli_at(call->request, "workspace.quotas");
    if (quotas != NULL && add_other_quotas(call, quotas, &error) != SP_OK)
        return cli_complain(call, &error);
    if (cli_local_flag(call, "no-features") && cli_at(call->request, "workspace.features") != NULL) {
        (void)sp_error_set(&error, SP_ERR_INVALID, "--no-features goes without --feature");
        return cli_complain(call, &error);
    }
    return cli_generic_run(call);
}
