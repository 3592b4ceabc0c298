/* The roles of those who ask sallyportd, over gRPC and over HTTP. */
#ifndef SP_SERVER_CALLERS_H
#define SP_SERVER_CALLERS_H

#include "daemon/caller_admit.h"
#include "http/server.h"
#include "server/service.h"

/* For sp_rpc_server_options.admit: `permit` is an enum sp_caller_role. */
enum sp_status sp_server_admit(struct sp_rpc_call *call, unsigned permit, void *service,
                               struct sp_error *error) SP_MUST_USE;

/* The same for a request over HTTP, which is plaintext, or a token's. */
enum sp_status sp_server_admit_http(const struct sp_service *service, struct sp_http_exchange *exchange,
                                    enum sp_caller_role wanted, struct sp_error *error) SP_MUST_USE;

/* Reads a changed callers file; now and then. */
void sp_server_tend_callers(struct sp_service *service);

#endif
