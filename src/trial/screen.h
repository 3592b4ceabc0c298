/* The screen that a report is printed on. */
#ifndef SP_TRIAL_SCREEN_H
#define SP_TRIAL_SCREEN_H

#include <stdbool.h>

/* Whether stdout is a terminal whose user wants colours. */
bool sp_trial_wants_colour(void);

#endif
