/* When a key was last used. A use is a presentation that passed steps 1 to 6 of the decision, whatever came after; one that
 * failed steps 3 to 6 is a rejection and kept apart (one that fails before them is of no known key). Pure.
 *
 * Times are seconds since 1970; 0: never. What several servers tell of a key is merged by the later time, so the order in
 * which they tell it does not matter. */
#ifndef SP_USAGE_USE_H
#define SP_USAGE_USE_H

#include "core/decision.h"

/* The last of its kind. */
struct sp_usage_moment {
    int64_t at_s;
    bool has_ip; /* a caller need not say the client's address */
    struct sp_ip ip;
};

struct sp_key_use {
    struct sp_usage_moment accepted;
    struct sp_usage_moment rejected;
    enum sp_reason reason; /* of the last rejection; SP_REASON_NONE: there was none */
};

/* Whether a decision with this reason is to be noted, and as what: SP_REASON_NONE for a use, else the reason of a rejection.
 * False where no key was found, or the store was too old to say. */
bool sp_usage_counts(enum sp_reason decided, enum sp_reason *ret_rejected);

/* The later of both, each for itself. Of two that have the same time `into` stays. */
void sp_key_use_merge(struct sp_key_use *into, const struct sp_key_use *from);

#endif
