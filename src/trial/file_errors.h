/* What is wrong in policy files. */
#ifndef SP_TRIAL_FILE_ERRORS_H
#define SP_TRIAL_FILE_ERRORS_H

#include "policy/read.h"

/* SP_ERR_INVALID if there are errors: the first is the message, the others are lines on stderr. */
enum sp_status sp_trial_report_file_errors(const struct sp_policy_errors *errors, struct sp_error *error) SP_MUST_USE;

#endif
