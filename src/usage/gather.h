/* Last uses gathered by threads that must not wait: each has a lane of its own and takes no lock; one other thread collects
 * what they noted.
 *
 * A lane's thread says that it is busy, looks which tables are the lane's, and notes; the collector puts empty ones in their
 * place and waits until the thread is not busy (it is for some tens of nanoseconds). Both orders are sequentially
 * consistent, so what was collected is then nobody else's. The time of a use is read between the two: whatever a collection
 * does not hold was noted at or after the time at which it began. */
#ifndef SP_USAGE_GATHER_H
#define SP_USAGE_GATHER_H

#include <stdatomic.h>

#include "usage/table.h"

/* Tables that are filled one after the other: the one that is being filled stays in the processor's cache, and the others
 * are room for when the collector does not come in time. */
enum { SP_USAGE_SEGMENTS = 16 };
struct sp_usage_set {
    struct sp_usage_table tables[SP_USAGE_SEGMENTS];
    unsigned current;
};

struct sp_usage_lane {
    _Alignas(64) atomic_bool busy;
    _Atomic(struct sp_usage_set *) set;
};

struct sp_usage_gather {
    struct sp_usage_lane *lanes;
    unsigned lane_count;
    struct sp_usage_set *spare; /* the collector's */
    /* Called on a lane's thread, once between two collections of it: one of its tables is full. Must not wait. May be NULL. */
    void (*filling)(void *user);
    void *user;
};

/* Makes `lanes` lanes of tables for `capacity` keys each; `seed` as for the table that they are collected into. SP_ERR_MEMORY. */
enum sp_status sp_usage_gather_init(struct sp_usage_gather *gather, unsigned lanes, uint32_t capacity, uint64_t seed,
                                    void (*filling)(void *user), void *user) SP_MUST_USE;
/* After all threads have ended. Of one that was initialised or is all zero. */
void sp_usage_gather_fini(struct sp_usage_gather *gather);

/* Notes a use now, or with a reason a rejection. On the lane's thread. `ip` may be NULL. */
void sp_usage_note(struct sp_usage_gather *gather, unsigned lane, struct sp_str workspace, struct sp_str key_id,
                   const struct sp_ip *ip, enum sp_reason rejected);

/* Moves what all lanes noted into the table, `into->lost` included. *ret_until_s: no use before it is missing (of those
 * that were not lost). One thread at a time. */
void sp_usage_collect(struct sp_usage_gather *gather, struct sp_usage_table *into, int64_t *ret_until_s);

#endif
