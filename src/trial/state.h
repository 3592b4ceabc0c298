/* The two states that a change is between. */
#ifndef SP_TRIAL_STATE_H
#define SP_TRIAL_STATE_H

enum sp_trial_state { SP_TRIAL_BEFORE, SP_TRIAL_AFTER, SP_TRIAL_STATES };

#endif
