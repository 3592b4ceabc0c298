/* Start and stop of a program that serves. For the main thread. */
#ifndef SP_DAEMON_LIFECYCLE_H
#define SP_DAEMON_LIFECYCLE_H

#include <stdatomic.h>

#include "daemon/options.h"
#include "rpc/server.h"

/* Starts the log, blocks signals and forbids core dumps. Call before any thread starts;
 * `program` names it in the log. */
void sp_daemon_begin(const char *program, const struct sp_daemon_options *options);

/* Says to probes whether calls are served: to /readyz through *ready, and to gRPC's health
 * service. */
void sp_daemon_set_serving(atomic_bool *ready, struct sp_rpc_server *server, bool serving);

/* After the signal to end: probes see that nothing is served, and the next signal ends the
 * process at once. */
void sp_daemon_stop_serving(atomic_bool *ready, struct sp_rpc_server *server);

#endif
