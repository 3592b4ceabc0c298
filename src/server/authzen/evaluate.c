#include "server/authzen/evaluate.h"

#include <stdio.h>

#include "base/clock.h"
#include "decide/role_memo.h"
#include "server/authzen/admit.h"
#include "server/authzen/ask.h"
#include "server/authzen/context.h"
#include "server/batch.h"

enum {
    EVALUATIONS_MAX = 1000,
    WORK_EVERY = 64, /* evaluations between two looks at the budget */
};

/* ---- one decision ---- */

static enum sp_status decide_evaluation(struct sp_authzen_call *call, const struct sp_authzen_question *question,
                                        struct sp_check_memo *memo, json_t **ret_decision, struct sp_error *error) {
    struct sp_authzen_asked asked;
    struct sp_answer answer = {.allowed = false};
    char id[SP_DECISION_ID_BYTES];
    enum sp_status status = sp_authzen_answer(call->service, call->view, question, memo, &asked, &answer);
    if (status != SP_OK) {
        sp_service_explain_failure(call->service, status, error);
        return status;
    }
    sp_decision_id_next(&call->service->snapshots.workers[call->asking.worker].ids, id);
    sp_record_decision(&call->service->recorder, &call->asking, &asked.query, &answer, id);
    json_t *decision =
        json_pack("{s:b, s:o}", "decision", (int)answer.allowed, "context", sp_authzen_context(&answer, id));
    if (decision == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    *ret_decision = decision;
    return SP_OK;
}

static enum sp_status evaluate_entities(struct sp_authzen_call *call, const struct sp_authzen_entities *entities,
                                        struct sp_check_memo *memo, json_t **ret_decision, struct sp_error *error) {
    struct sp_authzen_question question;
    enum sp_status status =
        sp_authzen_read(entities, SP_AUTHZEN_EVALUATION, &call->service->config->authzen, &question, error);
    if (status != SP_OK)
        return status;
    status = sp_authzen_admit_question(call, &question, error);
    if (status != SP_OK)
        return status;
    return decide_evaluation(call, &question, memo, ret_decision, error);
}

enum sp_status sp_authzen_evaluation(struct sp_authzen_call *call, json_t **ret_reply, struct sp_error *error) {
    struct sp_authzen_entities entities;
    sp_authzen_entities(call->body, "", NULL, &entities);
    return evaluate_entities(call, &entities, NULL, ret_reply, error);
}

/* ---- several ---- */

enum semantic { EXECUTE_ALL, DENY_ON_FIRST_DENY, PERMIT_ON_FIRST_PERMIT };

static enum sp_status read_semantic(const json_t *body, enum semantic *ret_semantic, struct sp_error *error) {
    static const char *const names[] = {"execute_all", "deny_on_first_deny", "permit_on_first_permit"};
    const json_t *options = sp_authzen_member(body, "options");
    const json_t *name = sp_authzen_member(options, "evaluations_semantic");
    *ret_semantic = EXECUTE_ALL;
    if (options != NULL && !json_is_object(options))
        return sp_error_set(error, SP_ERR_INVALID, "options: must be an object");
    if (name == NULL)
        return SP_OK;
    for (size_t i = 0; i < sizeof(names) / sizeof(*names) && json_is_string(name); i++) {
        struct sp_str text = {json_string_value(name), json_string_length(name)};
        if (sp_str_equal(text, sp_str_from(names[i]))) {
            *ret_semantic = (enum semantic)i;
            return SP_OK;
        }
    }
    return sp_error_set(error, SP_ERR_INVALID,
                        "options.evaluations_semantic: must be execute_all, deny_on_first_deny or "
                        "permit_on_first_permit");
}

/* Defaults must be valid even if every evaluation overrides them. */
static enum sp_status check_defaults(const struct sp_authzen_entities *defaults, struct sp_error *error) {
    const struct sp_authzen_entity *const all[] = {&defaults->subject, &defaults->action, &defaults->resource,
                                                   &defaults->context};
    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
        if (all[i]->json != NULL && !json_is_object(all[i]->json))
            return sp_error_set(error, SP_ERR_INVALID, "%s: must be an object", all[i]->at);
    return SP_OK;
}

/* A mistake in one evaluation denies that one, with its message. */
static enum sp_status deny_mistake(const struct sp_error *mistake, json_t **ret_decision, struct sp_error *error) {
    json_t *decision = json_pack("{s:b, s:{s:{s:i, s:s}}}", "decision", 0, "context", "error", "status", 400, "message",
                                 mistake->message);
    if (decision == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    *ret_decision = decision;
    return SP_OK;
}

static enum sp_status evaluate_item(struct sp_authzen_call *call, size_t i, const json_t *item,
                                    const struct sp_authzen_entities *defaults, struct sp_check_memo *memo,
                                    json_t **ret_decision, struct sp_error *error) {
    struct sp_authzen_entities entities;
    char prefix[48];
    if (!json_is_object(item))
        return sp_error_set(error, SP_ERR_INVALID, "evaluations[%zu]: must be an object", i);
    (void)snprintf(prefix, sizeof(prefix), "evaluations[%zu].", i);
    sp_authzen_entities(item, prefix, defaults, &entities);
    return evaluate_entities(call, &entities, memo, ret_decision, error);
}

static bool ends_evaluations(enum semantic semantic, const json_t *decision) {
    bool allowed = json_is_true(json_object_get(decision, "decision"));
    return (semantic == DENY_ON_FIRST_DENY && !allowed) || (semantic == PERMIT_ON_FIRST_PERMIT && allowed);
}

bool sp_authzen_evaluations_take_long(const struct sp_authzen_call *call) {
    return sp_batch_is_large(call->service, json_array_size(sp_authzen_member(call->body, "evaluations")));
}

/* Evaluations on a bulk thread share what they find of roles, and have a budget as a CheckBatch. */
static enum sp_status watch_evaluations(const struct sp_authzen_call *call, size_t i, struct sp_error *error) {
    if (call->asking.work_until_ms == 0 || i % WORK_EVERY != WORK_EVERY - 1 ||
        sp_clock_thread_ms() < call->asking.work_until_ms)
        return SP_OK;
    return sp_error_set(error, SP_ERR_EXHAUSTED,
                        "the evaluations exceed the work limit of one request: send fewer per request");
}

static enum sp_status evaluate_or_deny(struct sp_authzen_call *call, size_t i, const json_t *item,
                                       const struct sp_authzen_entities *defaults, struct sp_check_memo *memo,
                                       json_t **ret_decision, struct sp_error *error) {
    struct sp_error mistake = {0};
    enum sp_status status = evaluate_item(call, i, item, defaults, memo, ret_decision, &mistake);
    if (status == SP_ERR_INVALID)
        return deny_mistake(&mistake, ret_decision, error);
    if (status != SP_OK)
        *error = mistake;
    return status;
}

static enum sp_status evaluate_all(struct sp_authzen_call *call, const json_t *items, enum semantic semantic,
                                   const struct sp_authzen_entities *defaults, json_t *decisions,
                                   struct sp_error *error) {
    struct sp_check_memo memo = {0};
    size_t count = json_array_size(items);
    if (call->asking.work_until_ms != 0 &&
        sp_role_memo_create(sp_http_arena(call->exchange), count, &memo.roles) != SP_OK)
        memo.roles = NULL; /* each role is looked up */
    for (size_t i = 0; i < count; i++) {
        json_t *decision = NULL;
        enum sp_status status = watch_evaluations(call, i, error);
        if (status != SP_OK)
            return status;
        status = evaluate_or_deny(call, i, json_array_get(items, i), defaults, &memo, &decision, error);
        if (status != SP_OK)
            return status;
        bool last = ends_evaluations(semantic, decision);
        if (json_array_append_new(decisions, decision) != 0)
            return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
        if (last)
            break;
    }
    return SP_OK;
}

enum sp_status sp_authzen_evaluations(struct sp_authzen_call *call, json_t **ret_reply, struct sp_error *error) {
    const json_t *items = sp_authzen_member(call->body, "evaluations");
    struct sp_authzen_entities defaults;
    enum semantic semantic;
    if (items != NULL && !json_is_array(items))
        return sp_error_set(error, SP_ERR_INVALID, "evaluations: must be an array");
    if (json_array_size(items) == 0)
        return sp_authzen_evaluation(call, ret_reply, error);
    if (json_array_size(items) > EVALUATIONS_MAX)
        return sp_error_set(error, SP_ERR_INVALID, "evaluations: %zu are too many; send at most %d",
                            json_array_size(items), EVALUATIONS_MAX);
    sp_authzen_entities(call->body, "", NULL, &defaults);
    enum sp_status status = read_semantic(call->body, &semantic, error);
    if (status != SP_OK)
        return status;
    status = check_defaults(&defaults, error);
    if (status != SP_OK)
        return status;
    json_t *reply = json_pack("{s:[]}", "evaluations");
    if (reply == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    uint64_t began_ns = sp_asking_elapsed_ns(&call->asking);
    json_t *decisions = json_object_get(reply, "evaluations");
    status = evaluate_all(call, items, semantic, &defaults, decisions, error);
    sp_batch_note_cost(call->service, sp_asking_elapsed_ns(&call->asking) - began_ns, json_array_size(decisions));
    if (status != SP_OK) {
        json_decref(reply);
        return status;
    }
    *ret_reply = reply;
    return SP_OK;
}
