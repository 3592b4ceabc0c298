/* Watches whether the threads that answer and write go on, on a thread of its own that waits for
 * none of them. One that has stood still for too long makes the process not alive: probes see it,
 * and a line names the thread. The same thread tells of refused clients whose minute is over
 * (daemon/tls_refusals.h).
 *
 * Any thread may ask; the rest is for the main thread. */
#ifndef SP_DAEMON_WATCHDOG_H
#define SP_DAEMON_WATCHDOG_H

#include <stdbool.h>

#include "base/heartbeat.h"
#include "base/status.h"
#include "daemon/options.h"
#include "rpc/server.h"

struct sp_watchdog;

struct sp_watchdog_options {
    unsigned limit_ms; /* how long a thread may stand still */
    /* Told of each change, on the watchdog's thread; may be NULL. */
    void (*changed)(void *user, bool alive);
    void *user;
};

/* SP_ERR_MEMORY. */
enum sp_status sp_watchdog_create(const struct sp_watchdog_options *options, struct sp_watchdog **ret_watchdog,
                                  struct sp_error *error) SP_MUST_USE;
/* That of a program: with the limit of --stuck-after, and `server`, which must outlive it, is told
 * for gRPC's health service. /healthz asks it, so create it before the HTTP server starts.
 * SP_ERR_MEMORY. */
enum sp_status sp_watchdog_create_for(const struct sp_daemon_options *options, struct sp_rpc_server *server,
                                      struct sp_watchdog **ret_watchdog, struct sp_error *error) SP_MUST_USE;

struct sp_watched_thread {
    const char *name;                     /* that a log line gives it; copied */
    const struct sp_heartbeat *heartbeat; /* must outlive the watchdog's thread; NULL: there is no such thread */
};

/* Starts to watch every thread of a gRPC server (or NULL), and these. SP_ERR_MEMORY, SP_ERR_IO. */
enum sp_status sp_watchdog_start(struct sp_watchdog *watchdog, const struct sp_rpc_server *server,
                                 const struct sp_watched_thread *threads, size_t count,
                                 struct sp_error *error) SP_MUST_USE;

/* Threads that stand still; 0 before it was started. NULL is allowed. */
unsigned sp_watchdog_stuck(const struct sp_watchdog *watchdog);

/* Stops to watch, before the threads end. Allowed before it was started; NULL is allowed. */
void sp_watchdog_stop(struct sp_watchdog *watchdog);
/* Frees a stopped one. NULL is allowed. */
void sp_watchdog_free(struct sp_watchdog *watchdog);

#endif
