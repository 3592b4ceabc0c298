/* Last uses gathered by threads that must not wait: each notes in a lane of its own and takes no
 * lock; another thread collects what they noted.
 *
 * A lane's thread sets its busy flag, loads the lane's tables, and notes. The collector exchanges
 * the tables for empty ones and waits until the flag is clear, some tens of nanoseconds later. Both
 * are sequentially consistent, so nobody else touches what was collected. The time of a use is read
 * while the flag is set: a use that a collection lacks was noted at or after the time at which the
 * collection began. */
#ifndef SP_USAGE_GATHER_H
#define SP_USAGE_GATHER_H

#include <stdatomic.h>

#include "usage/table.h"

/* Tables that are filled one after the other: the one being filled stays in the processor's cache,
 * and the others are room for when the collector is late. */
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
    /* One table of a lane is full: called on the lane's thread, once between two collections. Must
     * not wait. May be NULL. */
    void (*filling)(void *user);
    void *user;
};

/* Makes `lanes` lanes of tables for `capacity` keys each, with the seed of the table that they are
 * collected into. SP_ERR_MEMORY. */
enum sp_status sp_usage_gather_init(struct sp_usage_gather *gather, unsigned lanes, uint32_t capacity, uint64_t seed,
                                    void (*filling)(void *user), void *user) SP_MUST_USE;
/* After all threads have ended. One that is all zero is allowed. */
void sp_usage_gather_fini(struct sp_usage_gather *gather);

/* Notes a use now, or a rejection if there is a reason. On the lane's thread. `ip` may be NULL. */
void sp_usage_note(struct sp_usage_gather *gather, unsigned lane, struct sp_str workspace, struct sp_str key_id,
                   const struct sp_ip *ip, enum sp_reason rejected);

/* Moves what all lanes noted into the table, `into->lost` included. No use before *ret_until_s is
 * missing, but for those that were lost. One thread at a time. */
void sp_usage_collect(struct sp_usage_gather *gather, struct sp_usage_table *into, int64_t *ret_until_s);

#endif
