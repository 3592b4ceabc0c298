/* What both servers do about being a process: signals, core dumps. For the programs only. */
#ifndef SP_DAEMON_PROCESS_H
#define SP_DAEMON_PROCESS_H

#include <stdbool.h>

#include "base/status.h"

/* Blocks SIGTERM, SIGINT and SIGHUP and ignores SIGPIPE. Call before any thread starts. */
void sp_process_block_signals(void);

/* What SIGHUP does, which is nothing at first; NULL: nothing again. Called within sp_process_wait_for_signal. */
void sp_process_on_hangup(void (*call)(void *user), void *user);

/* Waits for SIGTERM or SIGINT, at most `timeout_ms` (negative: for ever). True when one came. */
bool sp_process_wait_for_signal(int timeout_ms);

/* From now on the next SIGTERM or SIGINT ends the process at once. */
void sp_process_let_signals_end(void);

/* No core dumps, and no other process of the user may read this one's memory, where the kernel allows that. SP_ERR_IO. */
enum sp_status sp_process_forbid_dumps(void) SP_MUST_USE;

#endif
