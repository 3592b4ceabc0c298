/* What a replay of decision logs found, as JSON. */
#ifndef SP_TRIAL_WHATIF_JSON_H
#define SP_TRIAL_WHATIF_JSON_H

#include "trial/whatif_report.h"

/* One object, as sp_trial_print_whatif. */
enum sp_status sp_trial_print_whatif_json(const struct sp_trial_whatif_report *report, FILE *out,
                                          struct sp_error *error) SP_MUST_USE;

#endif
