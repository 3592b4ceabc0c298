/* What a run found, for people, for CI and for coverage. */
#ifndef SP_TRIAL_REPORT_H
#define SP_TRIAL_REPORT_H

#include <stdio.h>

#include "trial/run.h"

/* Each question that was not answered as expected, "FILE:LINE:COLUMN: …" with its explanation. */
void sp_trial_print_failures(const struct sp_trial_run *run, bool colour, FILE *out);

/* The same as annotations of GitHub Actions, a line each. */
void sp_trial_print_annotations(const struct sp_trial_run *run, FILE *out);

/* JUnit's XML: the file's suite, with a case for each test. */
void sp_trial_print_junit(const struct sp_trial_run *run, FILE *out);

#endif
