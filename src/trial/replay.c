#include "trial/replay.h"

#include <stdlib.h>
#include <string.h>

#include "base/moment.h"
#include "core/question_text.h"
#include "decide/check.h"
#include "decide/explain.h"
#include "trial/past_answers.h"
#include "trial/past_keys.h"
#include "trial/past_routes.h"

/* A state and what is asked of it. */
struct past_question {
    struct sp_view *view;
    bool settled; /* `reason` is the answer already */
    enum sp_reason reason;
    struct sp_query query;
};

struct sp_trial_replay {
    struct sp_view *views[SP_TRIAL_STATES];
    struct sp_trial_past_keys *keys;
    struct sp_trial_past_answers *answers;
    struct sp_trial_past_routes *routes; /* NULL: both states have the same routes */
    enum sp_reason last_reason;
    struct sp_ip ip;
    struct past_question questions[SP_TRIAL_STATES];
};

/* ---- the question ---- */

/* Most lines have the reason of the line before. */
static enum sp_reason read_logged_reason(struct sp_trial_replay *replay, struct sp_str name) {
    if (replay->last_reason != SP_REASON_NONE && sp_str_equal(name, sp_str_from(sp_reason_name(replay->last_reason))))
        return replay->last_reason;
    enum sp_reason reason = sp_reason_find(name);
    replay->last_reason = reason;
    return reason;
}

static bool can_be_asked(const struct sp_trial_log_line *line) {
    static const struct {
        enum sp_trial_log_text text;
        enum sp_question_field field;
    } rows[] = {{SP_TRIAL_LOG_RESOURCE_TYPE, SP_QUESTION_TYPE},
                {SP_TRIAL_LOG_ACTION, SP_QUESTION_ACTION},
                {SP_TRIAL_LOG_RESOURCE_ID, SP_QUESTION_ID},
                {SP_TRIAL_LOG_ASSERTED_WORKSPACE, SP_QUESTION_WORKSPACE}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        if (sp_question_text_fault(rows[i].field, line->texts[rows[i].text]) != NULL)
            return false;
    return true;
}

/* False: it lacks one of the two. */
static bool read_logged_answer(struct sp_trial_replay *replay, const struct sp_trial_log_line *line,
                               struct sp_trial_replayed *replayed) {
    replayed->logged = read_logged_reason(replay, line->texts[SP_TRIAL_LOG_REASON]);
    if (!sp_moment_parse(line->texts[SP_TRIAL_LOG_TIME], &replayed->time_s))
        replayed->time_s = 0;
    replayed->outcome = SP_TRIAL_INCOMPLETE;
    return replayed->logged != SP_REASON_NONE && replayed->time_s != 0;
}

/* What every replay needs. False: the outcome says what is missing. */
static bool read_past_question(struct sp_trial_replay *replay, const struct sp_trial_log_line *line,
                               struct sp_query *query, struct sp_trial_replayed *replayed) {
    struct sp_error ignored;
    struct sp_str ip = line->texts[SP_TRIAL_LOG_IP];
    replayed->outcome = replayed->logged == SP_REASON_STALE ? SP_TRIAL_STALE : SP_TRIAL_NO_KEY;
    if (replayed->logged == SP_REASON_STALE || line->texts[SP_TRIAL_LOG_KEY_ID].size == 0 ||
        line->texts[SP_TRIAL_LOG_WORKSPACE].size == 0)
        return false;
    replayed->outcome = SP_TRIAL_INCOMPLETE;
    if (!can_be_asked(line) || (ip.size > 0 && sp_ip_parse(ip, &replay->ip, &ignored) != SP_OK))
        return false;
    *query = (struct sp_query){.credential_kind = SP_CREDENTIAL_KNOWN,
                               .ip = ip.size > 0 ? &replay->ip : NULL,
                               .resource_type = line->texts[SP_TRIAL_LOG_RESOURCE_TYPE],
                               .resource_id = line->texts[SP_TRIAL_LOG_RESOURCE_ID],
                               .action = line->texts[SP_TRIAL_LOG_ACTION],
                               .workspace = line->texts[SP_TRIAL_LOG_ASSERTED_WORKSPACE],
                               .now_s = replayed->time_s};
    return true;
}

/* By the new schema's routes, if it was asked by one. */
static bool find_past_routes(struct sp_trial_replay *replay, const struct sp_trial_log_line *line) {
    struct sp_trial_past_route found;
    struct past_question *after = &replay->questions[SP_TRIAL_AFTER];
    if (replay->routes == NULL || line->texts[SP_TRIAL_LOG_ROUTE].size == 0)
        return true;
    if (!sp_trial_past_routes_find(replay->routes, line, &found))
        return false;
    after->query.resource_type = found.type;
    after->query.resource_id = found.id;
    after->query.action = found.action;
    after->settled = found.reason != SP_REASON_NONE;
    after->reason = found.reason;
    return true;
}

static enum sp_status prepare_questions(struct sp_trial_replay *replay, const struct sp_trial_log_line *line,
                                        struct sp_trial_replayed *replayed) {
    const struct sp_trial_past_key *key = NULL;
    struct sp_query query;
    if (!read_past_question(replay, line, &query, replayed))
        return SP_OK;
    enum sp_status status = sp_trial_past_keys_find(replay->keys, line->texts[SP_TRIAL_LOG_WORKSPACE],
                                                    line->texts[SP_TRIAL_LOG_KEY_ID], &key);
    if (status != SP_OK)
        return status;
    replayed->outcome = SP_TRIAL_KEY_GONE;
    if (!key->found[SP_TRIAL_BEFORE])
        return SP_OK;
    for (enum sp_trial_state state = 0; state < SP_TRIAL_STATES; state++) {
        struct past_question *question = &replay->questions[state];
        *question = (struct past_question){.view = replay->views[state], .query = query};
        question->query.known_key = &key->keys[state];
    }
    replayed->outcome = SP_TRIAL_ROUTE_UNCLEAR;
    if (!find_past_routes(replay, line))
        return SP_OK;
    if (!key->found[SP_TRIAL_AFTER]) {
        replay->questions[SP_TRIAL_AFTER].settled = true;
        replay->questions[SP_TRIAL_AFTER].reason = SP_REASON_KEY_UNKNOWN;
    }
    replayed->outcome = SP_TRIAL_REPLAYED;
    replayed->workspace = key->keys[SP_TRIAL_BEFORE].workspace;
    replayed->principal = key->keys[SP_TRIAL_BEFORE].principal;
    replayed->type = query.resource_type;
    replayed->action = query.action;
    return SP_OK;
}

/* ---- the answer ---- */

static enum sp_status answer_past_question(const struct past_question *question, enum sp_reason *ret_reason) {
    struct sp_answer answer;
    if (question->settled) {
        *ret_reason = question->reason;
        return SP_OK;
    }
    enum sp_status status = sp_check(question->view, &question->query, &answer);
    if (status != SP_OK)
        return status;
    *ret_reason = answer.reason;
    return SP_OK;
}

/* A decision depends on time by the key's end alone (core/decision.h, step 3). */
static void limit_past_answer(const struct sp_key *key, int64_t time_s, struct sp_trial_past_answer *answer) {
    int64_t end_s = key->expires_at_s;
    if (end_s == 0)
        return;
    if (time_s < end_s && end_s < answer->until_s)
        answer->until_s = end_s;
    if (time_s >= end_s && end_s > answer->from_s)
        answer->from_s = end_s;
}

static enum sp_status answer_past_questions(const struct sp_trial_replay *replay,
                                            struct sp_trial_past_answer *ret_answer) {
    struct sp_trial_past_answer answer = {.from_s = INT64_MIN, .until_s = INT64_MAX};
    for (enum sp_trial_state state = 0; state < SP_TRIAL_STATES; state++) {
        const struct past_question *question = &replay->questions[state];
        enum sp_reason reason = SP_REASON_NONE;
        enum sp_status status = answer_past_question(question, &reason);
        if (status != SP_OK)
            return status;
        answer.reasons[state] = (uint8_t)reason;
        limit_past_answer(question->query.known_key, question->query.now_s, &answer);
    }
    *ret_answer = answer;
    return SP_OK;
}

static enum sp_status ask_past_questions(struct sp_trial_replay *replay, const struct sp_trial_log_line *line,
                                         bool keep, struct sp_trial_replayed *replayed,
                                         struct sp_trial_past_answer *answer) {
    enum sp_status status = prepare_questions(replay, line, replayed);
    if (status != SP_OK || replayed->outcome != SP_TRIAL_REPLAYED)
        return status;
    status = answer_past_questions(replay, answer);
    if (status == SP_OK && keep)
        sp_trial_past_answers_keep(replay->answers, answer);
    return status;
}

/* Logs ask the same again and again. What a flip is about is not kept, but prepared again. */
enum sp_status sp_trial_replay_line(struct sp_trial_replay *replay, const struct sp_trial_log_line *line,
                                    struct sp_trial_replayed *ret_replayed) {
    struct sp_trial_replayed replayed = {0};
    struct sp_trial_past_answer answer = {0};
    const struct sp_trial_past_answer *kept = NULL;
    enum sp_status status = SP_OK;
    bool may_keep = replay->routes == NULL;
    if (!read_logged_answer(replay, line, &replayed)) {
        *ret_replayed = replayed;
        return SP_OK;
    }
    if (may_keep && replayed.logged != SP_REASON_STALE)
        kept = sp_trial_past_answers_find(replay->answers, line, replayed.time_s);
    if (kept != NULL) {
        answer = *kept;
        replayed.outcome = SP_TRIAL_REPLAYED;
    }
    if (kept == NULL)
        status = ask_past_questions(replay, line, may_keep && replayed.logged != SP_REASON_STALE, &replayed, &answer);
    else if (answer.reasons[SP_TRIAL_BEFORE] != answer.reasons[SP_TRIAL_AFTER])
        status = prepare_questions(replay, line, &replayed);
    if (status != SP_OK)
        return status;
    replayed.before = (enum sp_reason)answer.reasons[SP_TRIAL_BEFORE];
    replayed.after = (enum sp_reason)answer.reasons[SP_TRIAL_AFTER];
    *ret_replayed = replayed;
    return SP_OK;
}

static enum sp_status explain_past_question(const struct past_question *question, struct sp_arena *arena,
                                            Sallyport__V1__ExplainResponse **ret_explanation) {
    *ret_explanation = NULL;
    if (question->settled)
        return SP_OK;
    return sp_explain(question->view, &question->query, arena, ret_explanation);
}

enum sp_status sp_trial_replay_explain(struct sp_trial_replay *replay, const struct sp_trial_log_line *line,
                                       struct sp_arena *arena, Sallyport__V1__ExplainResponse **ret_before,
                                       Sallyport__V1__ExplainResponse **ret_after) {
    struct sp_trial_replayed replayed = {0};
    if (!read_logged_answer(replay, line, &replayed))
        return SP_ERR_INVALID;
    enum sp_status status = prepare_questions(replay, line, &replayed);
    if (status != SP_OK)
        return status;
    if (replayed.outcome != SP_TRIAL_REPLAYED)
        return SP_ERR_INVALID;
    status = explain_past_question(&replay->questions[SP_TRIAL_BEFORE], arena, ret_before);
    if (status != SP_OK)
        return status;
    return explain_past_question(&replay->questions[SP_TRIAL_AFTER], arena, ret_after);
}

/* ---- life ---- */

static enum sp_status prepare_replay(struct sp_trial_replay *replay, struct sp_trial_scratch *scratch) {
    for (enum sp_trial_state state = 0; state < SP_TRIAL_STATES; state++)
        replay->views[state] = sp_trial_scratch_view(scratch, state);
    enum sp_status status = sp_trial_past_keys_open(replay->views, &replay->keys);
    if (status != SP_OK)
        return status;
    status = sp_trial_past_answers_open(&replay->answers);
    if (status != SP_OK)
        return status;
    return sp_trial_past_routes_open(replay->views, &replay->routes);
}

enum sp_status sp_trial_replay_open(struct sp_trial_scratch *scratch, struct sp_trial_replay **ret_replay,
                                    struct sp_error *error) {
    struct sp_trial_replay *replay = calloc(1, sizeof(*replay));
    if (replay == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    enum sp_status status = prepare_replay(replay, scratch);
    if (status != SP_OK) {
        sp_trial_replay_close(replay);
        return sp_error_set(error, status, "cannot read the scratch store: %s", sp_status_name(status));
    }
    *ret_replay = replay;
    return SP_OK;
}

void sp_trial_replay_close(struct sp_trial_replay *replay) {
    if (replay == NULL)
        return;
    sp_trial_past_routes_close(replay->routes);
    sp_trial_past_answers_close(replay->answers);
    sp_trial_past_keys_close(replay->keys);
    free(replay);
}
