/* Inside src/rpc: addresses some of whose connections were shut down lately. One that offends again
 * and again is refused new connections for a moment, since what it sends on each costs more than to
 * accept it. Not synchronized. */
#ifndef SP_RPC_OFFENDERS_H
#define SP_RPC_OFFENDERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/peer.h"

enum { OFFENDERS_MAX = 64 }; /* remembered */

struct offender {
    struct sp_peer peer;
    size_t listener;
    unsigned offences;
    int64_t first_ms; /* 0: unused */
    int64_t penalty_ms;
    int64_t until_ms; /* when it may connect again */
};

/* All zeros is empty. */
struct offenders {
    struct offender all[OFFENDERS_MAX];
};

/* A connection of that peer to that listener was shut down. */
void sp_rpc_offenders_note(struct offenders *offenders, size_t listener, const struct sp_peer *peer, int64_t now_ms);
/* How many connections of the peer to the listener may be open that were not answered yet: 0 during
 * a penalty, few for a while after it, else UINT_MAX. */
unsigned sp_rpc_offenders_most(const struct offenders *offenders, size_t listener, const struct sp_peer *peer,
                               int64_t now_ms);

#endif
