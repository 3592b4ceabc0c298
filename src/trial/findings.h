/* What a replay of decision logs found. Counting only; one thread. */
#ifndef SP_TRIAL_FINDINGS_H
#define SP_TRIAL_FINDINGS_H

#include "trial/flips.h"

/* Which flips are meant to happen. */
struct sp_trial_allowed_flip {
    enum sp_reason before, after; /* SP_TRIAL_DENIED: any denial; SP_REASON_NONE: anything */
};

/* "all", or "BEFORE->AFTER" where each is ALLOWED, DENIED or a reason. SP_ERR_INVALID with a
 * message. */
enum sp_status sp_trial_allow_read(const char *text, struct sp_trial_allowed_flip *ret_allowed,
                                   struct sp_error *error) SP_MUST_USE;

struct sp_trial_findings {
    uint64_t lines;
    uint64_t outcomes[SP_TRIAL_OUTCOMES];
    uint64_t no_key[SP_REASON_COUNT]; /* of SP_TRIAL_NO_KEY, by the reason that was logged */
    uint64_t unreadable;              /* lines that are none of a decision log */
    struct sp_trial_log_place first_unreadable;
    int64_t first_s, last_s; /* of replayed decisions; 0: there is none */
    uint64_t flips, allowed_flips;
    uint64_t other_reason; /* denied before and after, for another reason */
    uint64_t drifted;      /* answered otherwise before the change than when they were logged */
    uint64_t drifts[SP_REASON_COUNT][SP_REASON_COUNT]; /* of these: as logged, and before the change */
    /* What the logs were told to take; counts of lines. */
    uint64_t took_all, took_allows, took_denials, took_samples, took_unknown;
    uint64_t of_some_workspaces;
    uint64_t sample_most;     /* N of the rarest sample:N */
    uint64_t allows, denials; /* as logged */
};

/* Counts a line that was read. */
void sp_trial_findings_note(struct sp_trial_findings *findings, const struct sp_trial_log_line *line,
                            const struct sp_trial_replayed *replayed);

/* Whether the decision would be another one. */
bool sp_trial_is_flip(const struct sp_trial_replayed *replayed);

bool sp_trial_flip_is_allowed(const struct sp_trial_allowed_flip *allowed, size_t count, enum sp_reason before,
                              enum sp_reason after);

#endif
