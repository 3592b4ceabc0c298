/* Who may open a stream of the admin API, and how one ends that fails. On the call's thread. */
#ifndef SP_SYNC_STREAM_ACCESS_H
#define SP_SYNC_STREAM_ACCESS_H

#include "sync/caller.h"
#include "sync/service.h"

/* Whether the caller's key may call the method at all, before anything is allocated, registered or
 * read for it; what it may see is for the request. If not, ends the call. *ret_workspace: whose key
 * it is, in the call's arena; empty: an operator's. */
bool sp_sync_admit_stream(const struct sp_sync_method *of, struct sp_rpc_call *call, struct sp_str *ret_workspace);

/* Counts the failure, reports it in the event log, and ends the call. */
void sp_sync_fail_stream(const struct sp_sync_method *of, const struct sp_sync_caller *caller, struct sp_rpc_call *call,
                         enum sp_status status, const char *message);

#endif
