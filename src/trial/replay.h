/* Asks what a decision log says was asked again, of a scratch copy's two states, by the key's id.
 * One thread. */
#ifndef SP_TRIAL_REPLAY_H
#define SP_TRIAL_REPLAY_H

#include "core/decision.h"
#include "sallyport/v1/authorization.pb-c.h"
#include "trial/log_line.h"
#include "trial/scratch.h"

struct sp_trial_replay;

/* What became of a line. */
enum sp_trial_outcome {
    SP_TRIAL_REPLAYED,
    SP_TRIAL_NO_KEY,        /* denied before a key was known */
    SP_TRIAL_STALE,         /* denied because the server's store was too old */
    SP_TRIAL_INCOMPLETE,    /* lacks what a replay needs, or has what nobody can ask */
    SP_TRIAL_KEY_GONE,      /* the copy has no such key */
    SP_TRIAL_ROUTE_UNCLEAR, /* the routes differ, and the line does not tell the request's path */
    SP_TRIAL_OUTCOMES
};

/* The answers; of SP_TRIAL_REPLAYED all fields are set, the texts only if the two differ; of others
 * `logged` and `time_s` alone, which are 0 if the line does not have them. Texts are borrowed until
 * the next line. */
struct sp_trial_replayed {
    enum sp_trial_outcome outcome;
    enum sp_reason logged, before, after;
    int64_t time_s;
    struct sp_str workspace, principal, type, action; /* as before */
};

/* Borrows the scratch copy, which is finished. SP_ERR_MEMORY, SP_ERR_CORRUPT. */
enum sp_status sp_trial_replay_open(struct sp_trial_scratch *scratch, struct sp_trial_replay **ret_replay,
                                    struct sp_error *error) SP_MUST_USE;
void sp_trial_replay_close(struct sp_trial_replay *replay); /* NULL is allowed */

/* SP_ERR_CORRUPT, SP_ERR_IO, SP_ERR_MEMORY: there is no answer. */
enum sp_status sp_trial_replay_line(struct sp_trial_replay *replay, const struct sp_trial_log_line *line,
                                    struct sp_trial_replayed *ret_replayed) SP_MUST_USE;

/* Explains both answers of a line that was replayed, in the arena. NULL: a denial by a route, or of
 * a key, that is no longer there. */
enum sp_status sp_trial_replay_explain(struct sp_trial_replay *replay, const struct sp_trial_log_line *line,
                                       struct sp_arena *arena, Sallyport__V1__ExplainResponse **ret_before,
                                       Sallyport__V1__ExplainResponse **ret_after) SP_MUST_USE;

#endif
