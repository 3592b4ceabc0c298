#include "decide/check.h"

#include "decide/lookup.h"
#include "decide/role_memo.h"
#include "store/records/head.h"
#include "store/records/index.h"
#include "store/records/resource_key.h"
#include "store/records/store_time.h"

/* Steps 3 to 6, of a key that was found. */
static enum sp_status judge_presenter(struct sp_view *view, const struct sp_query *query,
                                      struct sp_presented *presented) {
    const struct sp_key *key = &presented->key;
    int64_t now_s;
    enum sp_status status = sp_view_floor_time(view, query->now_s, &now_s);
    if (status != SP_OK)
        return status;
    presented->reason = sp_step_key_live(key, now_s);
    if (presented->reason != SP_REASON_NONE)
        return SP_OK;
    struct sp_workspace_state workspace;
    status = sp_index_workspace(view, key->workspace_number, &workspace);
    if (status != SP_OK)
        return status;
    status = sp_index_principal(view, key->principal_number, &presented->principal);
    if (status != SP_OK)
        return status;
    presented->reason = sp_step_owners_enabled(key, &workspace, &presented->principal);
    if (presented->reason == SP_REASON_NONE)
        presented->reason = sp_step_workspace(key, query->workspace);
    if (presented->reason == SP_REASON_NONE)
        presented->reason = sp_step_address(key, query->ip);
    return SP_OK;
}

/* Steps 1 to 6. `presented` is zeroed by the caller. */
static enum sp_status judge_credential(struct sp_view *view, const struct sp_query *query,
                                       struct sp_presented *presented) {
    enum sp_status status = sp_find_presented_key(view, query, &presented->key, &presented->reason);
    if (status != SP_OK || presented->reason != SP_REASON_NONE)
        return status;
    presented->key_found = true;
    return judge_presenter(view, query, presented);
}

enum sp_status sp_check_credential(struct sp_view *view, const struct sp_query *query,
                                   struct sp_presented *ret_presented) {
    struct sp_presented presented = {0};
    enum sp_status status = judge_credential(view, query, &presented);
    if (status != SP_OK)
        return status;
    *ret_presented = presented;
    return SP_OK;
}

/* Step 9. */
static enum sp_status judge_resource_owner(struct sp_view *view, const struct sp_query *query, const struct sp_key *key,
                                           const struct sp_action *action, struct sp_bytes resource_key,
                                           enum sp_reason *ret_reason) {
    uint64_t owner = 0;
    if (!action->workspace_scoped && resource_key.size > 0) {
        enum sp_status status = sp_index_owner(view, resource_key, &owner);
        if (status != SP_OK)
            return status;
    }
    *ret_reason = sp_step_resource(key, action, query->resource_id.size > 0, owner);
    return SP_OK;
}

/* The role of step 10, from the batch's memo if that has it. */
static enum sp_status find_role_once(struct sp_view *view, const struct sp_query *query,
                                     const struct sp_presented *presented, struct sp_bytes resource_key,
                                     struct sp_found_role *ret_found) {
    const struct sp_key *key = &presented->key;
    struct sp_role_memo *roles = query->memo == NULL ? NULL : query->memo->roles;
    if (roles != NULL && sp_role_memo_find(roles, key->principal_number, resource_key, ret_found))
        return SP_OK;
    enum sp_status status = sp_find_role(view, key, &presented->principal, resource_key, ret_found);
    if (status != SP_OK)
        return status;
    if (roles != NULL)
        sp_role_memo_put(roles, key->principal_number, resource_key, *ret_found);
    return SP_OK;
}

/* Steps 7 to 10. */
static enum sp_status judge_action(struct sp_view *view, const struct sp_query *query,
                                   const struct sp_presented *presented, struct sp_found_role *found,
                                   enum sp_reason *ret_reason) {
    const struct sp_key *key = &presented->key;
    struct sp_action action;
    enum sp_status status = sp_index_action(view, query->resource_type, query->action, &action);
    if (status != SP_OK)
        return status;
    *ret_reason = sp_step_action(&action);
    if (*ret_reason == SP_REASON_NONE)
        *ret_reason = sp_step_permission(key, &action);
    if (*ret_reason != SP_REASON_NONE)
        return SP_OK;

    uint8_t bytes[SP_RESOURCE_KEY_MAX_BYTES];
    uint64_t scope = action.workspace_scoped ? key->workspace_number : 0;
    struct sp_bytes resource_key = {bytes, sp_resource_key(action.type_number, scope, query->resource_id, bytes)};
    status = judge_resource_owner(view, query, key, &action, resource_key, ret_reason);
    if (status != SP_OK || *ret_reason != SP_REASON_NONE || action.role == SP_ROLE_NONE)
        return status;
    status = find_role_once(view, query, presented, resource_key, found);
    if (status != SP_OK)
        return status;
    *ret_reason = sp_step_role(&action, found->role);
    return SP_OK;
}

static void reveal_key(const struct sp_key *key, struct sp_answer *answer) {
    answer->key_found = true;
    answer->principal_kind = key->principal_kind;
    answer->workspace = key->workspace;
    answer->principal = key->principal;
    answer->key_id = key->id;
}

enum sp_status sp_check(struct sp_view *view, const struct sp_query *query, struct sp_answer *ret_answer) {
    struct sp_answer answer = {0};
    struct sp_presented presented = {0};
    enum sp_status status = sp_view_revision(view, &answer.revision);
    if (status != SP_OK)
        return status;
    if (query->stale) {
        answer.reason = SP_REASON_STALE;
        *ret_answer = answer;
        return SP_OK;
    }
    status = judge_credential(view, query, &presented);
    if (status != SP_OK)
        return status;
    answer.reason = presented.reason;
    if (answer.reason == SP_REASON_NONE) {
        struct sp_found_role found = {SP_ROLE_NONE, SP_VIA_NONE};
        status = judge_action(view, query, &presented, &found, &answer.reason);
        if (status != SP_OK)
            return status;
        answer.role = found.role;
        answer.via = found.via;
    }
    if (presented.key_found)
        reveal_key(&presented.key, &answer);
    if (answer.reason == SP_REASON_NONE)
        answer.reason = SP_REASON_ALLOWED;
    answer.allowed = answer.reason == SP_REASON_ALLOWED;
    *ret_answer = answer;
    return SP_OK;
}
