#include "trial/file_errors.h"

#include <stdio.h>

enum sp_status sp_trial_report_file_errors(const struct sp_policy_errors *errors, struct sp_error *error) {
    if (errors->count == 0)
        return SP_OK;
    for (size_t i = 1; i < errors->count && i < SP_POLICY_ERRORS_MAX; i++)
        (void)fprintf(stderr, "%s\n", errors->texts[i]);
    return sp_error_set(error, SP_ERR_INVALID, "%s", errors->texts[0]);
}
