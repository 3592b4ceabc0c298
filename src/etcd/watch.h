/* Watches of etcd's keys. Threads as in etcd/client.h, statuses as in etcd/kv.h. */
#ifndef SP_ETCD_WATCH_H
#define SP_ETCD_WATCH_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/status.h"
#include "etcd/answer.h"

struct sp_etcd;
struct sp_etcd_watch;

struct sp_etcd_event {
    bool deleted;
    struct sp_etcd_kv kv; /* of a deleted key: key and mod_revision only */
};

/* What arrived together: complete revisions, in order. `count` 0: a sign of life. */
struct sp_etcd_events {
    struct sp_etcd_header header;
    struct sp_etcd_event *events;
    size_t count;
};

/* Watches a range from a revision on, at the endpoint that answered last. Waits for etcd to
 * confirm the watch, for the timeout at most. SP_ERR_OUT_OF_RANGE: the revision was compacted
 * away. */
enum sp_status sp_etcd_watch_open(struct sp_etcd *etcd, struct sp_bytes key, struct sp_bytes end, uint64_t revision,
                                  struct sp_etcd_watch **ret_watch, struct sp_error *error) SP_MUST_USE;

/* The next events, waiting at most `timeout_ms`. SP_ERR_DEADLINE: none came; call again. Any
 * other error: the watch is over; close it. */
enum sp_status sp_etcd_watch_next(struct sp_etcd_watch *watch, unsigned timeout_ms, struct sp_arena *arena,
                                  struct sp_etcd_events *ret_events, struct sp_error *error) SP_MUST_USE;

/* NULL is allowed. */
void sp_etcd_watch_close(struct sp_etcd_watch *watch);

#endif
