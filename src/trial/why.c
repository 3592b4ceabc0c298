#include "trial/why.h"

static const char *name_trial_role(Sallyport__V1__Role role) {
    return sp_role_name((enum sp_role)role);
}

/* What was given to whom, of which the highest counts. */
static void print_shares(const Sallyport__V1__ExplainResponse *explanation, const char *indent, FILE *out) {
    for (size_t i = 0; i < explanation->n_grants; i++) {
        const Sallyport__V1__ConsideredGrant *grant = explanation->grants[i];
        bool to_group = grant->subject->kind_case == SALLYPORT__V1__SUBJECT__KIND_GROUP;
        (void)fprintf(out, "%sshared with %s%s: %s\n", indent, to_group ? "group " : "", grant->subject->principal,
                      name_trial_role(grant->role));
    }
}

void sp_trial_print_why(const Sallyport__V1__ExplainResponse *explanation, enum sp_reason reason, const char *indent,
                        FILE *out) {
    if (explanation == NULL)
        return;
    for (size_t i = 0; i < explanation->n_steps; i++) {
        const Sallyport__V1__ExplainStep *step = explanation->steps[i];
        if (step->outcome == SALLYPORT__V1__EXPLAIN_STEP__OUTCOME__FAILED ||
            (reason == SP_REASON_ALLOWED && i + 1 == explanation->n_steps))
            (void)fprintf(out, "%sstep %u, %s: %s\n", indent, (unsigned)step->number, step->test, step->evidence);
    }
    print_shares(explanation, indent, out);
    for (size_t i = 0; i < explanation->n_changes_needed; i++)
        (void)fprintf(out, "%sto allow it: %s\n", indent, explanation->changes_needed[i]);
}
