/* Checks what only all policy files together show. Pure. */
#ifndef SP_POLICY_CHECK_H
#define SP_POLICY_CHECK_H

#include "policy/read.h"

/* After the last file: sorts the model, and finds what is there twice, and members and shares for
 * whom the files should have and do not. */
void sp_policy_check(struct sp_policy *policy, struct sp_policy_errors *errors);

#endif
