/* The answers to questions that a log asks again and again. A table of a fixed size: a question may
 * take another's place. One thread. */
#ifndef SP_TRIAL_PAST_ANSWERS_H
#define SP_TRIAL_PAST_ANSWERS_H

#include "core/decision.h"
#include "trial/log_line.h"
#include "trial/state.h"

/* Good for questions from one time on until another. */
struct sp_trial_past_answer {
    int64_t from_s, until_s;
    uint8_t reasons[SP_TRIAL_STATES]; /* enum sp_reason */
};

struct sp_trial_past_answers;

/* SP_ERR_MEMORY. */
enum sp_status sp_trial_past_answers_open(struct sp_trial_past_answers **ret_answers) SP_MUST_USE;
void sp_trial_past_answers_close(struct sp_trial_past_answers *answers); /* NULL is allowed */

/* The answer to a line that has the same texts as this one in everything that is asked. NULL: it is
 * not there. */
const struct sp_trial_past_answer *sp_trial_past_answers_find(struct sp_trial_past_answers *answers,
                                                              const struct sp_trial_log_line *line, int64_t time_s);

/* Keeps the answer to the line that was last looked for, unless its texts are too long. */
void sp_trial_past_answers_keep(struct sp_trial_past_answers *answers, const struct sp_trial_past_answer *answer);

#endif
