#include "server/authzen/ask.h"

#include "decide/list.h"
#include "store/records/head.h"
#include "store/records/index.h"

/* ---- which queries ---- */

/* "delete" and "soft": "delete_soft", if the type has it. */
static enum sp_status add_variant(struct sp_view *view, struct sp_str action, struct sp_str word,
                                  struct sp_authzen_asked *asked) {
    struct sp_action found;
    char *name = asked->names[asked->action_count];
    struct sp_str variant = {name, action.size + 1 + word.size};
    if (action.size == 0 || variant.size > SP_ID_MAX_BYTES)
        return SP_OK;
    memcpy(name, action.data, action.size);
    name[action.size] = '_';
    memcpy(name + action.size + 1, word.data, word.size);
    enum sp_status status = sp_index_action(view, asked->query.resource_type, variant, &found);
    if (status != SP_OK)
        return status;
    if (found.found)
        asked->actions[asked->action_count++] = variant;
    return SP_OK;
}

/* The schema's own names win, so that what a search answers can be asked about. */
static enum sp_status translate_action(struct sp_view *view, const struct sp_option_texts *names,
                                       struct sp_str resource_type, struct sp_str *action) {
    struct sp_action found;
    struct sp_str other = sp_authzen_translate(names, *action);
    if (sp_str_equal(other, *action))
        return SP_OK;
    enum sp_status status = sp_index_action(view, resource_type, *action, &found);
    if (status == SP_OK && !found.found)
        *action = other;
    return status;
}

static enum sp_status find_actions(struct sp_service *service, struct sp_view *view,
                                   const struct sp_authzen_question *question, struct sp_str action,
                                   struct sp_authzen_asked *asked) {
    enum sp_status status =
        translate_action(view, &service->config->authzen.actions, asked->query.resource_type, &action);
    if (status != SP_OK)
        return status;
    for (size_t i = 0; i < question->word_count; i++) {
        status = add_variant(view, action, question->words[i], asked);
        if (status != SP_OK)
            return status;
    }
    if (asked->action_count == 0)
        asked->actions[asked->action_count++] = action;
    return SP_OK;
}

/* The resource's workspace is asserted of the subject, and so is the workspace that a key is
 * said to belong to. */
static void find_workspaces(const struct sp_authzen_question *question, struct sp_authzen_asked *asked) {
    asked->workspaces[asked->workspace_count++] = question->query.workspace;
    if (question->subject != SP_AUTHZEN_KEY || question->workspace.size == 0 ||
        sp_str_equal(question->workspace, question->query.workspace))
        return;
    if (question->query.workspace.size == 0)
        asked->workspace_count = 0;
    asked->workspaces[asked->workspace_count++] = question->workspace;
}

enum sp_status sp_authzen_prepare(struct sp_service *service, struct sp_view *view,
                                  const struct sp_authzen_question *question, struct sp_str action,
                                  struct sp_authzen_asked *ret_asked) {
    ret_asked->query = question->query;
    ret_asked->action_count = 0;
    ret_asked->workspace_count = 0;
    find_workspaces(question, ret_asked);
    enum sp_status status = sp_service_complete(service, view, &ret_asked->query);
    if (status != SP_OK)
        return status;
    status = find_actions(service, view, question, action, ret_asked);
    if (status != SP_OK)
        return status;
    ret_asked->query.action = ret_asked->actions[0];
    ret_asked->query.workspace = ret_asked->workspaces[0];
    if (question->subject != SP_AUTHZEN_PRINCIPAL || question->subject_id.data == NULL)
        return SP_OK;
    ret_asked->query.credential_kind = SP_CREDENTIAL_KNOWN;
    ret_asked->query.known_key = &ret_asked->key;
    return sp_principal_key(view, question->workspace, question->subject_id, question->principal_kind, &ret_asked->key);
}

/* ---- asking ---- */

enum sp_status sp_authzen_ask(struct sp_view *view, struct sp_authzen_asked *asked, size_t first,
                              struct sp_answer *ret_answer) {
    struct sp_answer answer = {.allowed = true, .reason = SP_REASON_ALLOWED};
    size_t count = asked->action_count * asked->workspace_count;
    for (size_t i = first; i < count && answer.allowed; i++) {
        asked->query.action = asked->actions[i % asked->action_count];
        asked->query.workspace = asked->workspaces[i / asked->action_count];
        enum sp_status status = sp_check(view, &asked->query, &answer);
        if (status != SP_OK)
            return status;
    }
    *ret_answer = answer;
    return SP_OK;
}

/* A subject of an unknown type is a principal that nobody has. */
static enum sp_status deny_nobody(struct sp_view *view, const struct sp_query *query, struct sp_answer *ret_answer) {
    struct sp_answer answer = {.reason = query->stale ? SP_REASON_STALE : SP_REASON_PRINCIPAL_UNKNOWN};
    enum sp_status status = sp_view_revision(view, &answer.revision);
    if (status != SP_OK)
        return status;
    *ret_answer = answer;
    return SP_OK;
}

enum sp_status sp_authzen_answer(struct sp_service *service, struct sp_view *view,
                                 const struct sp_authzen_question *question, struct sp_check_memo *memo,
                                 struct sp_authzen_asked *ret_asked, struct sp_answer *ret_answer) {
    enum sp_status status = sp_authzen_prepare(service, view, question, question->query.action, ret_asked);
    if (status != SP_OK)
        return status;
    if (question->subject == SP_AUTHZEN_NOBODY)
        return deny_nobody(view, &ret_asked->query, ret_answer);
    /* The memo needs a credential that stays where it is: a text does; a digest lies in the
     * question, which is reused. */
    ret_asked->query.memo = ret_asked->query.credential_kind == SP_CREDENTIAL_TEXT ? memo : NULL;
    return sp_authzen_ask(view, ret_asked, 0, ret_answer);
}
