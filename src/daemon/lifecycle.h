/* Start and stop of a program that serves. For the main thread. */
#ifndef SP_DAEMON_LIFECYCLE_H
#define SP_DAEMON_LIFECYCLE_H

#include <stdatomic.h>

#include "config/variables.h"
#include "daemon/options.h"
#include "observe/process.h"
#include "rpc/server.h"

/* Blocks signals, forbids core dumps, and starts the log, whose lines are written by a thread of
 * their own from then on. Call before any other thread starts; `program` names it in the log. */
void sp_daemon_begin(const char *program, const struct sp_daemon_options *options);

/* Warns of each environment variable that no option reads. After sp_daemon_begin. */
void sp_daemon_log_unknown_variables(const struct sp_unknown_variables *unknown);

/* Closes the log of events, and writes what is left of the program's log, for at most a second.
 * Lines that follow go to stderr directly. */
void sp_daemon_end(void);

/* What the program reports about itself. Any thread. */
void sp_daemon_observe(struct sp_observed_process *ret_process);

/* Says to probes whether calls are served: to /readyz through *ready, and to gRPC's health
 * service. */
void sp_daemon_set_serving(atomic_bool *ready, struct sp_rpc_server *server, bool serving);

/* After the signal to end: probes see that nothing is served, and the next signal ends the process
 * at once. Returns after the quiet time, in which all goes on as before. Whatever holds up what
 * follows, the process ends, with an error, SP_DAEMON_OVERTIME_MS after the time to drain. */
void sp_daemon_stop_serving(const struct sp_daemon_options *options, atomic_bool *ready, struct sp_rpc_server *server);

enum { SP_DAEMON_OVERTIME_MS = 8000 };

enum { SP_EXIT_USAGE = 2 };
/* The exit status of a program or command that ended with the status: 0; SP_EXIT_USAGE for
 * SP_ERR_INVALID, a mistake in the command line, the settings or a file that they name, with which
 * it would fail again; 1 for everything else. */
int sp_daemon_exit_status(enum sp_status status);

#endif
