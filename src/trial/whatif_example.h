/* Examples of groups of flips: read again and explained. */
#ifndef SP_TRIAL_WHATIF_EXAMPLE_H
#define SP_TRIAL_WHATIF_EXAMPLE_H

#include "base/moment.h"
#include "trial/flips.h"

/* All of it is in the arena, or borrowed from the group. */
struct sp_trial_whatif_example {
    struct sp_trial_log_line line;
    char time[SP_MOMENT_TEXT_BYTES];
    Sallyport__V1__ExplainResponse *before, *after; /* NULL: as sp_trial_replay_explain */
};

/* Visits all groups, those that have most first, each with its example. Ends at another status than
 * SP_OK, and gives that, with a message. SP_ERR_MEMORY, and as sp_trial_replay_explain. */
typedef enum sp_status sp_trial_whatif_visit(void *context, const struct sp_trial_flip_group *group,
                                             const struct sp_trial_whatif_example *example);
enum sp_status sp_trial_whatif_visit_groups(struct sp_trial_replay *replay, struct sp_trial_flips *flips,
                                            sp_trial_whatif_visit *visit, void *context,
                                            struct sp_error *error) SP_MUST_USE;

#endif
