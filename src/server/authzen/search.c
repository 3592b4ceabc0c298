#include "server/authzen/search.h"

#include "decide/list.h"
#include "http/server.h"
#include "server/authzen/admit.h"
#include "server/authzen/ask.h"
#include "server/authzen/context.h"
#include "server/authzen/page.h"
#include "store/records/head.h"
#include "store/records/index_walk.h"

enum { LOOKED_AT_MAX = 4096, STEP_MAX_MS = 40 }; /* for one page, which may be shorter than its limit */

struct search {
    struct sp_authzen_call *call;
    struct sp_authzen_question question;
    struct sp_authzen_asked asked;
    struct sp_authzen_page page;
    json_t *results;
    struct sp_list_place place;
    struct sp_list_end end;
    enum sp_reason denied; /* why the last one that the list allows is not among the results */
};

static enum sp_status add_result(struct search *search, json_t *result) {
    return json_array_append_new(search->results, result) == 0 ? SP_OK : SP_ERR_MEMORY;
}

static json_t *make_entity(const char *type, size_t type_size, struct sp_str id) {
    return json_pack("{s:s%, s:s%}", "type", type, type_size, "id", id.data, id.size);
}

/* ---- the reply ---- */

static json_t *make_page(const struct search *search) {
    char token[SP_BASE64URL_CHARS(SP_AUTHZEN_TOKEN_BYTES)] = "";
    if (!search->end.complete)
        sp_authzen_token(&search->page, (struct sp_str){search->place.after, search->place.size}, token);
    return json_pack("{s:s, s:I}", "next_token", token, "count", (json_int_t)json_array_size(search->results));
}

static enum sp_status make_search_reply(const struct search *search, json_t **ret_reply, struct sp_error *error) {
    json_t *context = json_pack("{s:s, s:o}", "reason", sp_reason_name(search->end.reason), "revision",
                                sp_authzen_revision(search->end.revision));
    if (search->end.more_than_listed)
        (void)json_object_set_new(context, "more_than_listed", json_true());
    json_t *reply =
        json_pack("{s:o, s:o, s:O}", "page", make_page(search), "context", context, "results", search->results);
    if (reply == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    *ret_reply = reply;
    return SP_OK;
}

/* ---- the lists ---- */

/* Whether the other queries, by which the list was not made, allow the result too. */
static enum sp_status ask_one_question(struct search *search, bool *ret_allowed) {
    struct sp_answer answer = {.allowed = false};
    enum sp_status status = sp_authzen_ask(search->call->view, &search->asked, 1, &answer);
    if (status != SP_OK)
        return status;
    if (!answer.allowed)
        search->denied = answer.reason;
    *ret_allowed = answer.allowed;
    return SP_OK;
}

static enum sp_status take_allowed_resource(void *context, struct sp_str id, uint8_t principal_kind) {
    struct search *search = context;
    struct sp_str type = search->question.query.resource_type;
    bool allowed = false;
    (void)principal_kind;
    search->asked.query.resource_id = id;
    enum sp_status status = ask_one_question(search, &allowed);
    if (status != SP_OK || !allowed)
        return status;
    return add_result(search, make_entity(type.data, type.size, id));
}

/* Leaves out the principal whose key is asked about if it is an ADMIN of the workspace and searches
 * leave those out. */
static enum sp_status skip_admin(struct search *search, bool *ret_skipped) {
    struct sp_presented presented;
    *ret_skipped = false;
    if (!search->call->service->config->authzen.searches_skip_admins)
        return SP_OK;
    enum sp_status status = sp_check_credential(search->call->view, &search->asked.query, &presented);
    if (status != SP_OK)
        return status;
    *ret_skipped = presented.principal.workspace_admin;
    if (*ret_skipped)
        search->denied = SP_REASON_NOT_SHARED;
    return SP_OK;
}

static enum sp_status take_allowed_principal(void *context, struct sp_str id, uint8_t principal_kind) {
    struct search *search = context;
    struct sp_authzen_asked *asked = &search->asked;
    struct sp_str type = search->question.subject_type;
    bool allowed = false, skipped = false;
    enum sp_status status =
        sp_principal_key(search->call->view, search->question.workspace, id, principal_kind, &asked->key);
    if (status != SP_OK)
        return status;
    asked->query.credential_kind = SP_CREDENTIAL_KNOWN;
    asked->query.known_key = &asked->key;
    status = skip_admin(search, &skipped);
    if (status != SP_OK || skipped)
        return status;
    status = ask_one_question(search, &allowed);
    if (status != SP_OK || !allowed)
        return status;
    return add_result(search, make_entity(type.data, type.size, id));
}

static struct sp_list_limits search_limits(const struct search *search) {
    return (struct sp_list_limits){.results = search->page.limit, .looked_at = LOOKED_AT_MAX, .most_ms = STEP_MAX_MS};
}

/* Each result is asked the other queries, in search->asked; the list keeps a copy of the first. */
static enum sp_status search_resources(struct search *search) {
    struct sp_list_limits limits = search_limits(search);
    struct sp_query first = search->asked.query;
    return sp_list_resources(search->call->view, &first, &limits, take_allowed_resource, search, &search->place,
                             &search->end);
}

static enum sp_status search_subjects(struct search *search) {
    struct sp_list_limits limits = search_limits(search);
    struct sp_query first = search->asked.query;
    struct sp_str asserted = search->question.query.workspace;
    if (asserted.size > 0 && !sp_str_equal(asserted, search->question.workspace)) {
        search->end = (struct sp_list_end){.reason = SP_REASON_WORKSPACE_MISMATCH, .complete = true};
        return sp_view_revision(search->call->view, &search->end.revision);
    }
    first.workspace = search->question.workspace;
    return sp_list_principals(search->call->view, &first, search->question.principal_kind, &limits,
                              take_allowed_principal, search, &search->place, &search->end);
}

static enum sp_status take_allowed_action(void *context, struct sp_str action) {
    struct search *search = context;
    struct sp_answer answer = {.allowed = false};
    if (json_array_size(search->results) >= search->page.limit)
        return SP_WALK_END;
    enum sp_status status =
        sp_authzen_prepare(search->call->service, search->call->view, &search->question, action, &search->asked);
    if (status != SP_OK)
        return status;
    status = sp_authzen_ask(search->call->view, &search->asked, 0, &answer);
    if (status != SP_OK)
        return status;
    search->place.size = action.size;
    memcpy(search->place.after, action.data, action.size);
    if (answer.allowed || json_array_size(search->results) == 0)
        search->end.reason = answer.reason; /* why a list is empty */
    if (!answer.allowed)
        return SP_OK;
    return add_result(search, json_pack("{s:s%}", "name", action.data, action.size));
}

/* A type has at most 10,000 actions, and usually a handful: they are asked one by one. */
static enum sp_status search_actions(struct search *search) {
    struct sp_view *view = search->call->view;
    struct sp_str after = {search->place.after, search->place.size};
    search->end.reason = SP_REASON_ACTION_UNKNOWN;
    enum sp_status status = sp_view_revision(view, &search->end.revision);
    if (status != SP_OK)
        return status;
    status = sp_index_walk_actions(view, search->question.query.resource_type, after, take_allowed_action, search);
    if (status != SP_OK)
        return status;
    search->end.complete = json_array_size(search->results) < search->page.limit;
    return SP_OK;
}

/* ---- */

/* A list that allowed something of which no result is left is empty for the reason of that. */
static void explain_empty_results(struct search *search) {
    if (search->end.reason == SP_REASON_ALLOWED && search->end.complete && search->page.after_size == 0 &&
        json_array_size(search->results) == 0 && search->denied != SP_REASON_NONE)
        search->end.reason = search->denied;
}

/* A page of limit 0 has no results but a token for the next. */
static enum sp_status list_nothing(struct search *search) {
    search->end = (struct sp_list_end){.reason = SP_REASON_ALLOWED};
    return sp_view_revision(search->call->view, &search->end.revision);
}

/* For subjects of an unknown type. */
static enum sp_status list_for_nobody(struct search *search) {
    search->end = (struct sp_list_end){.reason = SP_REASON_PRINCIPAL_UNKNOWN, .complete = true};
    return sp_view_revision(search->call->view, &search->end.revision);
}

static enum sp_status make_list(struct search *search, enum sp_status (*list)(struct search *search)) {
    if (search->question.subject == SP_AUTHZEN_NOBODY)
        return list_for_nobody(search);
    enum sp_status status = sp_authzen_prepare(search->call->service, search->call->view, &search->question,
                                               search->question.query.action, &search->asked);
    if (status != SP_OK)
        return status;
    status = search->page.limit == 0 ? list_nothing(search) : list(search);
    explain_empty_results(search);
    return status;
}

static enum sp_status answer_search(struct search *search, enum sp_authzen_shape shape,
                                    enum sp_status (*list)(struct search *search), json_t **ret_reply,
                                    struct sp_error *error) {
    struct sp_authzen_call *call = search->call;
    struct sp_authzen_entities entities;
    sp_authzen_entities(call->body, "", NULL, &entities);
    enum sp_status status =
        sp_authzen_read(&entities, shape, &call->service->config->authzen, &search->question, error);
    if (status != SP_OK)
        return status;
    status = sp_authzen_admit_question(call, &search->question, error);
    if (status != SP_OK)
        return status;
    status = sp_authzen_page_read(call->path, call->body, &search->page, error);
    if (status != SP_OK)
        return status;
    search->place.size = search->page.after_size;
    memcpy(search->place.after, search->page.after, search->page.after_size);
    search->place.listed = search->page.after_size > 0;
    status = make_list(search, list);
    if (status != SP_OK) {
        sp_service_explain_failure(call->service, status, error);
        return status;
    }
    return make_search_reply(search, ret_reply, error);
}

static enum sp_status run_search(struct sp_authzen_call *call, enum sp_authzen_shape shape,
                                 enum sp_status (*list)(struct search *search), json_t **ret_reply,
                                 struct sp_error *error) {
    struct search *search = sp_arena_calloc(sp_http_arena(call->exchange), 1, sizeof(*search));
    if (search == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    search->call = call;
    search->results = json_array();
    if (search->results == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    enum sp_status status = answer_search(search, shape, list, ret_reply, error);
    json_decref(search->results);
    return status;
}

enum sp_status sp_authzen_search_subject(struct sp_authzen_call *call, json_t **ret_reply, struct sp_error *error) {
    return run_search(call, SP_AUTHZEN_SUBJECT_SEARCH, search_subjects, ret_reply, error);
}

enum sp_status sp_authzen_search_resource(struct sp_authzen_call *call, json_t **ret_reply, struct sp_error *error) {
    return run_search(call, SP_AUTHZEN_RESOURCE_SEARCH, search_resources, ret_reply, error);
}

enum sp_status sp_authzen_search_action(struct sp_authzen_call *call, json_t **ret_reply, struct sp_error *error) {
    return run_search(call, SP_AUTHZEN_ACTION_SEARCH, search_actions, ret_reply, error);
}
