/* Log lines about clients that TLS refused, on gRPC and HTTP ports. What is new is logged at once:
 * an address, another reason, or other names in the certificate. The same again is counted for a
 * minute, and one line at its end tells how often. An address gets eight different lines a minute
 * and all addresses sixty; what is beyond is counted too. Any thread. */
#ifndef SP_DAEMON_TLS_REFUSALS_H
#define SP_DAEMON_TLS_REFUSALS_H

#include "tls/refusal.h"

/* For sp_rpc_server_options. `user` is not used. */
void sp_daemon_log_tls_refusal(void *user, const struct sp_tls_refusal *refusal);
/* For sp_http_options: the same, and counts it. */
void sp_daemon_log_http_tls_refusal(void *user, const struct sp_tls_refusal *refusal);

/* Tells of what was counted, where the minute is over by this monotonic time. To be called every
 * few seconds, and with INT64_MAX before the process ends. */
void sp_daemon_tell_tls_refusals(int64_t now_ms);

/* Clients of the HTTP ports that TLS refused so far. */
uint64_t sp_daemon_http_tls_refusals(void);

#endif
