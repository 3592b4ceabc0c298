#include "daemon/event_log.h"

#include <stddef.h>

static struct sp_events *event_log;

enum sp_status sp_event_log_open(const char *path, const char *program, struct sp_error *error) {
    return path == NULL ? SP_OK : sp_events_open(path, program, &event_log, error);
}

void sp_event_log_close(void) {
    sp_events_close(event_log);
    event_log = NULL;
}

bool sp_event_log_is_open(void) {
    return event_log != NULL;
}

void sp_event_log_put(const struct sp_event *event) {
    if (event_log != NULL)
        sp_events_put(event_log, event);
}

void sp_event_log_reopen(void) {
    if (event_log != NULL)
        sp_events_reopen(event_log);
}

bool sp_event_log_read_stats(struct sp_events_stats *ret_stats) {
    if (event_log == NULL)
        return false;
    sp_events_read_stats(event_log, ret_stats);
    return true;
}

struct sp_bytes sp_event_network(const struct sp_ip *ip) {
    enum { V6_NETWORK_BYTES = 8 };
    if (ip == NULL)
        return (struct sp_bytes){NULL, 0};
    return (struct sp_bytes){ip->bytes, sp_ip_is_v4(ip) ? sizeof(ip->bytes) : V6_NETWORK_BYTES};
}
