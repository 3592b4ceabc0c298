#include "rpc/offenders.h"

#include <limits.h>

enum {
    OFFENCES = 4,      /* connections shut down within PROBATION_MS before new ones are refused */
    PENALTY_MS = 1000, /* doubled each time, to at most MOST_PENALTY_MS */
    MOST_PENALTY_MS = 8 * 1000,
    PROBATION_MS = 30 * 1000, /* after a penalty */
    MOST_ON_PROBATION = 2,
};

static size_t find_offender(const struct offenders *offenders, size_t listener, const struct sp_peer *peer) {
    for (size_t i = 0; i < OFFENDERS_MAX; i++) {
        const struct offender *offender = &offenders->all[i];
        if (offender->first_ms != 0 && offender->listener == listener && sp_peer_same_host(&offender->peer, peer))
            return i;
    }
    return OFFENDERS_MAX;
}

static struct offender begin_offender(size_t listener, const struct sp_peer *peer, int64_t now_ms) {
    return (struct offender){.peer = *peer, .listener = listener, .first_ms = now_ms, .penalty_ms = PENALTY_MS / 2};
}

/* In the place of the one that is longest past. */
static size_t add_offender(struct offenders *offenders, size_t listener, const struct sp_peer *peer, int64_t now_ms) {
    size_t oldest = 0;
    for (size_t i = 1; i < OFFENDERS_MAX; i++)
        if (offenders->all[i].first_ms < offenders->all[oldest].first_ms)
            oldest = i;
    offenders->all[oldest] = begin_offender(listener, peer, now_ms);
    return oldest;
}

void sp_rpc_offenders_note(struct offenders *offenders, size_t listener, const struct sp_peer *peer, int64_t now_ms) {
    size_t at = find_offender(offenders, listener, peer);
    if (at == OFFENDERS_MAX)
        at = add_offender(offenders, listener, peer, now_ms);
    struct offender *offender = &offenders->all[at];
    if (now_ms - offender->first_ms > offender->penalty_ms + PROBATION_MS)
        *offender = begin_offender(listener, peer, now_ms);
    if (++offender->offences < OFFENCES || now_ms < offender->until_ms)
        return;
    if (offender->penalty_ms < MOST_PENALTY_MS)
        offender->penalty_ms *= 2;
    offender->first_ms = now_ms;
    offender->until_ms = now_ms + offender->penalty_ms;
}

unsigned sp_rpc_offenders_most(const struct offenders *offenders, size_t listener, const struct sp_peer *peer,
                               int64_t now_ms) {
    size_t at = find_offender(offenders, listener, peer);
    if (at == OFFENDERS_MAX || offenders->all[at].until_ms == 0)
        return UINT_MAX;
    int64_t until_ms = offenders->all[at].until_ms;
    if (now_ms < until_ms)
        return 0;
    return now_ms < until_ms + PROBATION_MS ? MOST_ON_PROBATION : UINT_MAX;
}
