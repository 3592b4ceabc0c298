/* The keys of a decision log, by id, in both states: each is looked up once. One thread. */
#ifndef SP_TRIAL_PAST_KEYS_H
#define SP_TRIAL_PAST_KEYS_H

#include "core/decision.h"
#include "store/lmdb/view.h"
#include "trial/state.h"

struct sp_trial_past_keys;

/* Texts of the keys are borrowed from the views. */
struct sp_trial_past_key {
    bool found[SP_TRIAL_STATES];
    struct sp_key keys[SP_TRIAL_STATES];
};

/* Borrows the views, which must not change. SP_ERR_MEMORY. */
enum sp_status sp_trial_past_keys_open(struct sp_view *const views[static SP_TRIAL_STATES],
                                       struct sp_trial_past_keys **ret_keys) SP_MUST_USE;
void sp_trial_past_keys_close(struct sp_trial_past_keys *keys); /* NULL is allowed */

/* The key, until they are closed; SP_OK even if neither state has it. SP_ERR_CORRUPT, SP_ERR_IO,
 * SP_ERR_MEMORY. */
enum sp_status sp_trial_past_keys_find(struct sp_trial_past_keys *keys, struct sp_str workspace, struct sp_str id,
                                       const struct sp_trial_past_key **ret_key) SP_MUST_USE;

#endif
