/* Calls and requests admitted by the roles of those who make them. Any thread that may use the
 * call. */
#ifndef SP_DAEMON_ADMIT_H
#define SP_DAEMON_ADMIT_H

#include "daemon/callers.h"
#include "http/server.h"
#include "rpc/server.h"

/* SP_OK if the call's caller has the role; otherwise as sp_caller_refuse. For
 * sp_rpc_server_options.admit. */
enum sp_status sp_admit_call(const struct sp_callers *callers, struct sp_rpc_call *call, enum sp_caller_role wanted,
                             struct sp_error *error) SP_MUST_USE;

/* The same for a request over HTTP. */
enum sp_status sp_admit_request(const struct sp_callers *callers, struct sp_http_exchange *exchange,
                                enum sp_caller_role wanted, struct sp_error *error) SP_MUST_USE;

/* The same by what the connection alone has proven: the request's Authorization is somebody
 * else's. */
enum sp_status sp_admit_connection(const struct sp_callers *callers, struct sp_http_exchange *exchange,
                                   enum sp_caller_role wanted, struct sp_error *error) SP_MUST_USE;

#endif
