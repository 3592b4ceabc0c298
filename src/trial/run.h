/* Asks the questions of a spec and compares the answers. One thread. */
#ifndef SP_TRIAL_RUN_H
#define SP_TRIAL_RUN_H

#include "core/schema.h"
#include "sallyport/v1/authorization.pb-c.h"
#include "trial/spec.h"
#include "trial/world.h"

/* An answer. Texts are in the arena of the run. */
struct sp_trial_answer {
    enum sp_reason reason;
    enum sp_role role;              /* the effective one; SP_ROLE_NONE: none, or none was asked for */
    const struct sp_route *route;   /* that the request reached; NULL: none */
    struct sp_str type, id, action; /* that were asked about */
    const Sallyport__V1__ExplainResponse *explanation; /* of one that was not expected; NULL: of others */
};

struct sp_trial_run {
    struct sp_arena *arena;
    const struct sp_trial_spec *spec;
    const struct sp_schema *schema;
    bool *chosen;                    /* by test: it is asked */
    struct sp_trial_answer *answers; /* by question; of chosen tests */
    size_t asked, failed;            /* questions */
    size_t tests, failed_tests;
};

/* Whether an answer is what was expected. */
bool sp_trial_is_expected(const struct sp_trial_question *question, enum sp_reason reason);

/* "ALLOWED", "DENIED" or a reason. A constant. */
const char *sp_trial_word(enum sp_reason expected);

/* Asks. `ret_run` needs arena, spec and schema; `pattern` is a POSIX extended expression that
 * chooses tests by their names, or NULL: all. SP_ERR_INVALID: the pattern is invalid, or a question
 * is (its place is in the message). */
enum sp_status sp_trial_ask(struct sp_trial_world *world, const char *pattern, struct sp_trial_run *ret_run,
                            struct sp_error *error) SP_MUST_USE;

#endif
