/* What a source reports: its state, and what a comparison of the store with etcd found. */
#ifndef SP_SOURCE_REPORT_H
#define SP_SOURCE_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sp_source_state {
    bool filled;          /* the store holds a revision */
    bool following;       /* a watch is open, and the store has what was there when it began */
    bool reachable;       /* etcd answered within the last three seconds */
    bool signed_out;      /* etcd refuses the user or the password, and has not answered since */
    bool set_back;        /* etcd went back behind this store, and no epoch has begun since */
    bool unauthenticated; /* etcd authenticates nobody, although a user was given */
    size_t unreadable;    /* entities that are left out */
    int64_t age_ms;       /* since the store was last known to have everything; -1: never yet */
    uint64_t lists;       /* full listings */
    uint64_t differences; /* found by full comparisons */
    uint64_t lost_races;
    uint64_t refusals; /* what came from etcd and was not applied, because no head accounts for it */
};

/* Receives one line for each difference between the store and etcd. */
typedef void sp_source_report(void *context, const char *difference);

#endif
