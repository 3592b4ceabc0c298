#include "trial/run.h"

#include <regex.h>
#include <string.h>

#include "base/clock.h"
#include "core/address.h"
#include "core/question_text.h"
#include "core/route_match.h"
#include "decide/explain.h"

bool sp_trial_is_expected(const struct sp_trial_question *question, enum sp_reason reason) {
    return question->expected == SP_TRIAL_DENIED ? reason != SP_REASON_ALLOWED : reason == question->expected;
}

const char *sp_trial_word(enum sp_reason expected) {
    return expected == SP_TRIAL_DENIED ? "DENIED" : sp_reason_name(expected);
}

/* What one question needs while it is asked. */
struct asking {
    struct sp_trial_run *run;
    struct sp_view *view;
    const struct sp_trial_question *question;
    int64_t now_s;
    char scratch[SP_ROUTE_SCRATCH_BYTES];
    uint8_t sha256[32];
    struct sp_ip ip;
    struct sp_error *error;
};

static enum sp_status refuse_question(const struct asking *asking, const char *what) {
    const struct sp_trial_test *test = &asking->run->spec->tests[asking->question->test];
    return sp_error_set(asking->error, SP_ERR_INVALID, "%s:%zu:%zu: %s: %s", asking->run->spec->file, test->line,
                        test->column, test->name, what);
}

/* ---- what is asked about ---- */

/* By the schema's routes, as gateways do it. False: the answer is there already. */
static enum sp_status route_request(struct asking *asking, struct sp_trial_answer *answer, bool *ret_routed) {
    const char *request = asking->question->request;
    const char *space = strchr(request, ' ');
    *ret_routed = false;
    if (space == NULL)
        return refuse_question(asking, "a request is a method and a path, such as GET /v1/notes/1");
    const char *slash = strchr(space + 1, '/');
    bool has_host = slash != NULL && sp_routes_have_hosts(asking->run->schema->matcher);
    const char *target = has_host ? slash : space + 1;
    const struct sp_route_request asked = {.method = {request, (size_t)(space - request)},
                                           .host = {space + 1, (size_t)(target - space - 1)},
                                           .target = sp_str_from(target)};
    struct sp_route_match match = sp_routes_match(asking->run->schema->matcher, &asked, asking->scratch);
    if (match.outcome != SP_ROUTE_FOUND) {
        answer->reason = match.outcome == SP_ROUTE_REFUSED ? SP_REASON_REQUEST_MALFORMED : SP_REASON_ROUTE_UNKNOWN;
        return SP_OK;
    }
    char *id = sp_arena_strdup(asking->run->arena, match.id);
    if (id == NULL)
        return sp_error_set(asking->error, SP_ERR_MEMORY, "out of memory");
    answer->route = match.route;
    answer->type = match.route->type;
    answer->id = sp_str_from(id);
    answer->action = match.route->action;
    *ret_routed = true;
    return SP_OK;
}

/* "type/id", or "type" for an action that needs no resource. */
static enum sp_status read_asked_resource(const struct asking *asking, struct sp_trial_answer *answer) {
    struct sp_str resource = sp_str_from(asking->question->resource);
    const char *slash = memchr(resource.data, '/', resource.size);
    answer->type = (struct sp_str){resource.data, slash == NULL ? resource.size : (size_t)(slash - resource.data)};
    if (slash != NULL)
        answer->id = sp_str_from(slash + 1);
    answer->action = sp_str_from(asking->question->action);
    if (answer->type.size == 0 || sp_question_text_fault(SP_QUESTION_ID, answer->id) != NULL)
        return refuse_question(asking, "a resource is TYPE/ID, such as voice/rachel, or TYPE");
    return SP_OK;
}

static enum sp_status find_asked(struct asking *asking, struct sp_trial_answer *answer, bool *ret_found) {
    if (asking->question->request != NULL)
        return route_request(asking, answer, ret_found);
    *ret_found = true;
    return read_asked_resource(asking, answer);
}

/* ---- asking ---- */

static size_t number_of_key(const struct sp_trial_spec *spec, const struct sp_trial_key *key) {
    size_t number = 0;
    while (spec->keys[number] != key)
        number++;
    return number;
}

static enum sp_status make_query(struct asking *asking, const struct sp_trial_answer *answer,
                                 struct sp_query *ret_query) {
    const struct sp_trial_question *question = asking->question;
    struct sp_error why = {0};
    sp_trial_key_sha256(number_of_key(asking->run->spec, question->key), asking->sha256);
    *ret_query = (struct sp_query){.credential_kind = SP_CREDENTIAL_SHA256,
                                   .credential = {asking->sha256, sizeof(asking->sha256)},
                                   .resource_type = answer->type,
                                   .resource_id = answer->id,
                                   .action = answer->action,
                                   .now_s = question->has_time ? question->now_s : asking->now_s};
    if (question->ip == NULL)
        return SP_OK;
    if (sp_ip_parse(sp_str_from(question->ip), &asking->ip, &why) != SP_OK)
        return refuse_question(asking, why.message);
    ret_query->ip = &asking->ip;
    return SP_OK;
}

static enum sp_status explain_unexpected(struct asking *asking, const struct sp_query *query,
                                         struct sp_trial_answer *answer) {
    Sallyport__V1__ExplainResponse *explanation = NULL;
    enum sp_status status = sp_explain(asking->view, query, asking->run->arena, &explanation);
    if (status != SP_OK)
        return sp_error_set(asking->error, status, "cannot explain the decision");
    answer->explanation = explanation;
    return SP_OK;
}

static enum sp_status ask_question(struct asking *asking, struct sp_trial_answer *answer) {
    struct sp_query query;
    struct sp_answer decided = {0};
    bool found = false;
    enum sp_status status = find_asked(asking, answer, &found);
    if (status != SP_OK || !found)
        return status;
    status = make_query(asking, answer, &query);
    if (status != SP_OK)
        return status;
    status = sp_check(asking->view, &query, &decided);
    if (status != SP_OK)
        return sp_error_set(asking->error, status, "cannot read the scratch store");
    answer->reason = decided.reason;
    answer->role = decided.role;
    return sp_trial_is_expected(asking->question, answer->reason) ? SP_OK : explain_unexpected(asking, &query, answer);
}

static enum sp_status ask_chosen(struct sp_trial_world *world, struct sp_trial_run *run, bool *failed_tests,
                                 struct sp_error *error) {
    struct asking asking = {.run = run, .view = sp_trial_world_view(world), .now_s = sp_clock_now_s(), .error = error};
    for (size_t i = 0; i < run->spec->question_count; i++) {
        asking.question = &run->spec->questions[i];
        if (!run->chosen[asking.question->test])
            continue;
        enum sp_status status = ask_question(&asking, &run->answers[i]);
        if (status != SP_OK)
            return status;
        bool failed = !sp_trial_is_expected(asking.question, run->answers[i].reason);
        run->asked++;
        run->failed += failed;
        failed_tests[asking.question->test] |= failed;
    }
    return SP_OK;
}

/* ---- choosing ---- */

static enum sp_status choose_tests(const char *pattern, struct sp_trial_run *run, struct sp_error *error) {
    regex_t expression;
    if (pattern != NULL && regcomp(&expression, pattern, REG_EXTENDED | REG_NOSUB) != 0)
        return sp_error_set(error, SP_ERR_INVALID, "--run: %s is not a regular expression", pattern);
    for (size_t i = 0; i < run->spec->test_count; i++) {
        run->chosen[i] = pattern == NULL || regexec(&expression, run->spec->tests[i].name, 0, NULL, 0) == 0;
        run->tests += run->chosen[i];
    }
    if (pattern != NULL)
        regfree(&expression);
    return SP_OK;
}

enum sp_status sp_trial_ask(struct sp_trial_world *world, const char *pattern, struct sp_trial_run *ret_run,
                            struct sp_error *error) {
    struct sp_trial_run *run = ret_run;
    size_t tests = run->spec->test_count;
    bool *failed_tests = sp_arena_calloc(run->arena, tests, sizeof(*failed_tests));
    run->chosen = sp_arena_calloc(run->arena, tests, sizeof(*run->chosen));
    run->answers = sp_arena_calloc(run->arena, run->spec->question_count, sizeof(*run->answers));
    if (failed_tests == NULL || run->chosen == NULL || run->answers == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    enum sp_status status = choose_tests(pattern, run, error);
    if (status != SP_OK)
        return status;
    status = ask_chosen(world, run, failed_tests, error);
    for (size_t i = 0; i < tests; i++)
        run->failed_tests += failed_tests[i];
    return status;
}
