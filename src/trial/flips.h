/* Decisions that a change would flip, in groups: of one principal, resource type and action, for
 * one reason before and one after. One thread. */
#ifndef SP_TRIAL_FLIPS_H
#define SP_TRIAL_FLIPS_H

#include "trial/replay.h"

/* Where a line stands. */
struct sp_trial_log_place {
    const char *file; /* borrowed; "-" for standard input */
    uint64_t line;
};

struct sp_trial_flip_group {
    struct sp_str workspace, principal, type, action;
    enum sp_reason before, after;
    uint64_t count;
    int64_t first_s, last_s;
    /* The first of them, as it was logged. */
    struct sp_str example;
    struct sp_trial_log_place place;
};

struct sp_trial_flips;

enum sp_status sp_trial_flips_open(struct sp_trial_flips **ret_flips) SP_MUST_USE;
void sp_trial_flips_close(struct sp_trial_flips *flips); /* NULL is allowed */

/* Counts a decision whose line this is. SP_ERR_MEMORY. */
enum sp_status sp_trial_flips_add(struct sp_trial_flips *flips, const struct sp_trial_replayed *replayed,
                                  struct sp_str line, struct sp_trial_log_place place) SP_MUST_USE;

/* All groups, those that have most first, until they are closed. */
struct sp_trial_flip_group *const *sp_trial_flips_sort(struct sp_trial_flips *flips, size_t *ret_count);

#endif
