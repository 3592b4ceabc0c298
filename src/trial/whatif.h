/* Replays decision logs against a store before and after a change. One thread. */
#ifndef SP_TRIAL_WHATIF_H
#define SP_TRIAL_WHATIF_H

#include "trial/change.h"
#include "trial/findings.h"

/* Borrowed. */
struct sp_trial_whatif_options {
    const char *store, *backup; /* one of them is given */
    struct sp_trial_change change;
    const char **logs; /* "-": standard input */
    size_t log_count;
    struct sp_trial_allowed_flip *allowed;
    size_t allowed_count;
    bool json;
    bool colour;
};

/* Replays and reports on stdout. The exit status: 0, 1 if a decision would flip that is not allowed
 * to, 2 after an error, which is on stderr, or if
 * there are lines of which none could be replayed. */
int sp_trial_run_whatif(const struct sp_trial_whatif_options *options);

#endif
