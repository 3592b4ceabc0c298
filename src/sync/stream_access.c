#include "sync/stream_access.h"

#include "store/records/snapshot.h"
#include "sync/call_event.h"
#include "wire/wire.h"

/* The request is not known yet: an empty one asks for no more than any other. */
static enum sp_status authorize_opening(const struct sp_sync_method *of, struct sp_rpc_call *call,
                                        const struct sp_admin_caller *caller, struct sp_str *ret_workspace,
                                        struct sp_error *error) {
    ProtobufCMessage *request = NULL;
    struct sp_snapshot *snapshot = NULL;
    struct sp_arena *arena = sp_rpc_call_arena(call);
    enum sp_status status =
        sp_wire_unpack(sp_admin_method_request(of->method), (struct sp_bytes){NULL, 0}, arena, &request, error);
    if (status != SP_OK)
        return status;
    status = sp_sync_acquire(of->sync, sp_rpc_call_worker(call), &snapshot, error);
    if (status != SP_OK)
        return status;
    status =
        sp_admin_authorize_stream(of->method, sp_snapshot_view(snapshot), caller, request, arena, ret_workspace, error);
    sp_snapshot_release(snapshot);
    return status;
}

void sp_sync_fail_stream(const struct sp_sync_method *of, const struct sp_sync_caller *caller, struct sp_rpc_call *call,
                         enum sp_status status, const char *message) {
    sp_sync_count_call(of, sp_rpc_call_worker(call), status);
    sp_sync_report_call(of->method, caller, NULL, status);
    sp_rpc_fail(call, status, message);
}

bool sp_sync_admit_stream(const struct sp_sync_method *of, struct sp_rpc_call *call, struct sp_str *ret_workspace) {
    struct sp_sync_caller caller;
    struct sp_error error = {0};
    sp_sync_caller_of(of->sync, call, &caller);
    caller.caller.usage = NULL; /* noted when the request is authorized */
    enum sp_status status = authorize_opening(of, call, &caller.caller, ret_workspace, &error);
    if (status != SP_OK)
        sp_sync_fail_stream(of, &caller, call, status, error.message);
    sp_sync_caller_wipe(&caller);
    return status == SP_OK;
}
