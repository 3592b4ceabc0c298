/* The process's one funnel of security events (observe/events.h), for whoever has one to report.
 * Opened and closed by the main thread, before and after all others; put by any. */
#ifndef SP_DAEMON_EVENT_LOG_H
#define SP_DAEMON_EVENT_LOG_H

#include <stdbool.h>

#include "core/address.h"
#include "observe/events.h"

/* `path`: --event-log; NULL: events are not wanted. `program` names it in them; both must outlive
 * it. SP_ERR_IO, SP_ERR_MEMORY. */
enum sp_status sp_event_log_open(const char *path, const char *program, struct sp_error *error) SP_MUST_USE;
/* Writes what is left, for at most a second. */
void sp_event_log_close(void);

/* Whether events are wanted. */
bool sp_event_log_is_open(void);
/* Does nothing if they are not. */
void sp_event_log_put(const struct sp_event *event);

/* After the file was renamed. */
void sp_event_log_reopen(void);
/* False: none is open. */
bool sp_event_log_read_stats(struct sp_events_stats *ret_stats);

/* The part of an address by which a source of events is known: all of IPv4, the first 64 bits of
 * IPv6, whose holder has all that follow. `ip` NULL: not known. Borrowed from it. */
struct sp_bytes sp_event_network(const struct sp_ip *ip);

#endif
