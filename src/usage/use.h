/* When a key was last used. A use is a presentation that passed steps 1 to 6 of the decision,
 * whatever came after. One that failed steps 3 to 6 is a rejection and kept apart; before them, the
 * key is not known. Pure.
 *
 * Times are seconds since 1970; 0: never. Reports of several servers are merged by the later time,
 * in any order. */
#ifndef SP_USAGE_USE_H
#define SP_USAGE_USE_H

#include "core/decision.h"

/* The last of its kind. */
struct sp_usage_moment {
    int64_t at_s;
    bool has_ip; /* the client's address is optional */
    struct sp_ip ip;
};

struct sp_key_use {
    struct sp_usage_moment accepted;
    struct sp_usage_moment rejected;
    enum sp_reason reason; /* of the last rejection; SP_REASON_NONE: there was none */
};

/* Whether to note a decision with this reason, and as what: SP_REASON_NONE for a use, else the
 * reason of a rejection. False if no key was found, or the store was too old to decide. */
bool sp_usage_counts(enum sp_reason decided, enum sp_reason *ret_rejected);

/* Keeps the later use and the later rejection of both; with equal times, that of `into`. */
void sp_key_use_merge(struct sp_key_use *into, const struct sp_key_use *from);

#endif
