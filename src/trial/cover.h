/* What of a policy the questions of a run reached. */
#ifndef SP_TRIAL_COVER_H
#define SP_TRIAL_COVER_H

#include <stdio.h>

#include "trial/run.h"

/* Which actions, roles, routes and gates no question reached. */
void sp_trial_print_coverage(const struct sp_trial_run *run, FILE *out);

#endif
