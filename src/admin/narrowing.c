#include "admin/narrowing.h"

#include <stdbool.h>
#include <string.h>

#include "sallyport/v1/admin.pb-c.h"

enum sp_admin_narrowing sp_admin_always_narrows(const ProtobufCMessage *request) {
    (void)request;
    return SP_ADMIN_NARROWS;
}

enum sp_admin_narrowing sp_admin_always_disables_key(const ProtobufCMessage *request) {
    (void)request;
    return SP_ADMIN_DISABLES_KEY;
}

enum sp_admin_narrowing sp_admin_judge_key_update(const ProtobufCMessage *request) {
    (void)request;
    return SP_ADMIN_MAY_NARROW;
}

static enum sp_admin_narrowing choose_narrowing(bool narrows) {
    return narrows ? SP_ADMIN_NARROWS : SP_ADMIN_WIDENS;
}

enum sp_admin_narrowing sp_admin_judge_workspace_update(const ProtobufCMessage *request) {
    const Sallyport__V1__UpdateWorkspaceRequest *update = (const void *)request;
    bool only_disabled = update->n_update_mask == 1 && strcmp(update->update_mask[0], "disabled") == 0;
    return choose_narrowing(only_disabled && update->workspace != NULL && update->workspace->disabled);
}

static bool narrows_principal(const Sallyport__V1__Principal *principal, const char *field) {
    if (strcmp(field, "disabled") == 0)
        return principal->disabled;
    return strcmp(field, "role") == 0 && principal->role == SALLYPORT__V1__WORKSPACE_ROLE__WORKSPACE_ROLE_MEMBER;
}

enum sp_admin_narrowing sp_admin_judge_principal_update(const ProtobufCMessage *request) {
    const Sallyport__V1__UpdatePrincipalRequest *update = (const void *)request;
    bool narrows = update->n_update_mask > 0 && update->principal != NULL;
    for (size_t i = 0; narrows && i < update->n_update_mask; i++)
        narrows = narrows_principal(update->principal, update->update_mask[i]);
    return choose_narrowing(narrows);
}

enum sp_admin_narrowing sp_admin_judge_share_updates(const ProtobufCMessage *request) {
    const Sallyport__V1__UpdateSharesRequest *update = (const void *)request;
    bool narrows = update->n_updates > 0;
    for (size_t i = 0; narrows && i < update->n_updates; i++)
        narrows = update->updates[i]->role == SALLYPORT__V1__ROLE__ROLE_UNSPECIFIED;
    return choose_narrowing(narrows);
}

static bool is_narrowing_edit(const Sallyport__V1__PolicyEdit *edit) {
    switch ((int)edit->edit_case) {
    case SALLYPORT__V1__POLICY_EDIT__EDIT_DELETE_PRINCIPAL:
    case SALLYPORT__V1__POLICY_EDIT__EDIT_DELETE_GROUP:
    case SALLYPORT__V1__POLICY_EDIT__EDIT_REMOVE_MEMBER:
    case SALLYPORT__V1__POLICY_EDIT__EDIT_DELETE_RESOURCE:
    case SALLYPORT__V1__POLICY_EDIT__EDIT_UNSHARE:
        return true;
    default:
        return false;
    }
}

bool sp_admin_is_narrowing_policy(const ProtobufCMessage *request) {
    const Sallyport__V1__ApplyPolicyRequest *apply = (const void *)request;
    bool narrows = apply->n_edits > 0;
    for (size_t i = 0; narrows && i < apply->n_edits; i++)
        narrows = is_narrowing_edit(apply->edits[i]);
    return narrows;
}

enum sp_admin_narrowing sp_admin_judge_policy_edits(const ProtobufCMessage *request) {
    return sp_admin_is_narrowing_policy(request) ? SP_ADMIN_MAY_NARROW : SP_ADMIN_WIDENS;
}
