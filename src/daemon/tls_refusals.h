/* Log lines about clients that TLS refused: for each client address one a minute at most, and sixty over all. Any
 * thread. */
#ifndef SP_DAEMON_TLS_REFUSALS_H
#define SP_DAEMON_TLS_REFUSALS_H

#include "tls/refusal.h"

/* For sp_rpc_server_options. `user` is not used. */
void sp_daemon_log_tls_refusal(void *user, const struct sp_tls_refusal *refusal);

#endif
