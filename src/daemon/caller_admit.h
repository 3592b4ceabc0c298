/* Roles held against calls, for the programs' servers. */
#ifndef SP_DAEMON_CALLER_ADMIT_H
#define SP_DAEMON_CALLER_ADMIT_H

#include "daemon/caller.h"
#include "rpc/server.h"

/* SP_OK where the call's caller has the role; else as sp_caller_refuse. For sp_rpc_server_options.admit. */
enum sp_status sp_caller_admit(const struct sp_callers *callers, struct sp_rpc_call *call, enum sp_caller_role wanted,
                               struct sp_error *error) SP_MUST_USE;

#endif
