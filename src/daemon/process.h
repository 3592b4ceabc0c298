/* Signals and core dumps of a program. For the main thread. */
#ifndef SP_DAEMON_PROCESS_H
#define SP_DAEMON_PROCESS_H

#include <stdbool.h>

#include "base/status.h"

/* Blocks SIGTERM, SIGINT and SIGHUP and ignores SIGPIPE. Call before any thread starts. */
void sp_process_block_signals(void);

/* Sets what SIGHUP does; NULL: nothing, as at first. The function is called by
 * sp_process_wait_for_signal. */
void sp_process_on_hangup(void (*call)(void *user), void *user);

/* Waits for SIGTERM or SIGINT, at most `timeout_ms` (negative: forever). True if one came. */
bool sp_process_wait_for_signal(int timeout_ms);

/* From now on the next SIGTERM or SIGINT ends the process at once. */
void sp_process_let_signals_end(void);

/* From now on SIGBUS and SIGSEGV write one error line before they end the process, as they would
 * have. A handler that a sanitizer or debugger installed stays. After the log was set up. */
void sp_process_report_faults(const char *program);

/* Forbids core dumps, and other processes of the user to read this one's memory. SP_ERR_IO: the
 * kernel does not allow that. */
enum sp_status sp_process_forbid_dumps(void) SP_MUST_USE;

#endif
