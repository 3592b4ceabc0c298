/* What a replay of decision logs found, for people and for programs. */
#ifndef SP_TRIAL_WHATIF_REPORT_H
#define SP_TRIAL_WHATIF_REPORT_H

#include <stdio.h>

#include "store/records/head.h"
#include "trial/findings.h"

/* Borrowed. */
struct sp_trial_whatif_report {
    struct sp_revision revision; /* of the store */
    struct sp_trial_replay *replay;
    struct sp_trial_flips *flips;
    const struct sp_trial_findings *findings;
    const struct sp_trial_allowed_flip *allowed;
    size_t allowed_count;
    bool colour;
};

/* Writes it with an explanation of each group's example. SP_ERR_MEMORY, and what the explanations
 * give; with a message. */
enum sp_status sp_trial_print_whatif(const struct sp_trial_whatif_report *report, FILE *out,
                                     struct sp_error *error) SP_MUST_USE;

#endif
