/* The words of an explanation, for people. */
#ifndef SP_TRIAL_WHY_H
#define SP_TRIAL_WHY_H

#include <stdio.h>

#include "core/decision.h"
#include "sallyport/v1/authorization.pb-c.h"

/* Lines, each after `indent`: for a denial, the steps that failed and what would have to change;
 * for an allowed answer, the last step. NULL: nothing. */
void sp_trial_print_why(const Sallyport__V1__ExplainResponse *explanation, enum sp_reason reason, const char *indent,
                        FILE *out);

#endif
