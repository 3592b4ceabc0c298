#include "trial/insider.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "sallyport/v1/admin.pb-c.h"

enum { ARENA_FIRST_BYTES = 1 << 18, ARENA_BUDGET_BYTES = 256 << 20, PAGE_ROWS = 1000, KEY_LIFETIME_S = 3600 };

/* Messages have texts that nobody changes, and say so nowhere. */
static char *borrow_insider_text(const char *text) {
    return (char *)(uintptr_t)text;
}

static bool may_be_insider(const Sallyport__V1__Principal *principal, const struct sp_policy *want) {
    if (principal->kind != SALLYPORT__V1__PRINCIPAL_KIND__USER || principal->disabled ||
        principal->role != SALLYPORT__V1__WORKSPACE_ROLE__WORKSPACE_ROLE_ADMIN)
        return false;
    if (want == NULL || !want->has[SP_POLICY_USERS])
        return true;
    const struct sp_policy_principal *wanted = sp_policy_find_principal(want, principal->id);
    return wanted != NULL && wanted->admin && !wanted->disabled;
}

/* *ret_id stays NULL if the workspace has none. */
static enum sp_status find_insider(struct sp_trial_scratch *scratch, const char *workspace,
                                   const struct sp_policy *want, struct sp_arena *arena, const char **ret_id,
                                   struct sp_error *error) {
    Sallyport__V1__ListPrincipalsRequest request = SALLYPORT__V1__LIST_PRINCIPALS_REQUEST__INIT;
    request.workspace = borrow_insider_text(workspace);
    request.page_size = PAGE_ROWS;
    for (;;) {
        ProtobufCMessage *message = NULL;
        enum sp_status status =
            sp_trial_scratch_call(scratch, NULL, "ListPrincipals", &request.base, arena, &message, error);
        if (status != SP_OK)
            return status;
        const Sallyport__V1__ListPrincipalsResponse *page = (const void *)message;
        for (size_t i = 0; i < page->n_principals; i++) {
            if (!may_be_insider(page->principals[i], want))
                continue;
            *ret_id = page->principals[i]->id;
            return SP_OK;
        }
        if (page->next_page_token[0] == '\0')
            return SP_OK;
        request.page_token = page->next_page_token;
    }
}

/* By the one key that nobody asked for. */
static enum sp_status raise_key_quota(struct sp_trial_scratch *scratch, const char *workspace, struct sp_arena *arena,
                                      struct sp_error *error) {
    char *mask[] = {borrow_insider_text("quotas")};
    Sallyport__V1__GetWorkspaceRequest get = SALLYPORT__V1__GET_WORKSPACE_REQUEST__INIT;
    Sallyport__V1__UpdateWorkspaceRequest update = SALLYPORT__V1__UPDATE_WORKSPACE_REQUEST__INIT;
    ProtobufCMessage *message = NULL;
    get.workspace = borrow_insider_text(workspace);
    enum sp_status status = sp_trial_scratch_call(scratch, NULL, "GetWorkspace", &get.base, arena, &message, error);
    if (status != SP_OK)
        return status;
    update.workspace = (Sallyport__V1__Workspace *)(void *)message;
    update.update_mask = mask;
    update.n_update_mask = 1;
    if (update.workspace->quotas == NULL || update.workspace->quotas->keys == UINT32_MAX)
        return sp_error_set(error, SP_ERR_EXHAUSTED, "its quota of keys is used up");
    update.workspace->quotas->keys++;
    return sp_trial_scratch_call(scratch, NULL, "UpdateWorkspace", &update.base, arena, &message, error);
}

static enum sp_status create_insider_key(struct sp_trial_scratch *scratch, Sallyport__V1__CreateApiKeyRequest *request,
                                         struct sp_arena *arena, ProtobufCMessage **ret_reply, struct sp_error *error) {
    enum sp_status status =
        sp_trial_scratch_call(scratch, NULL, "CreateApiKey", &request->base, arena, ret_reply, error);
    if (status != SP_ERR_EXHAUSTED)
        return status;
    status = raise_key_quota(scratch, request->workspace, arena, error);
    if (status != SP_OK)
        return status;
    return sp_trial_scratch_call(scratch, NULL, "CreateApiKey", &request->base, arena, ret_reply, error);
}

/* Without an end, so that it reaches as far as any; a workspace may demand one. */
static enum sp_status make_insider_key(struct sp_trial_scratch *scratch, const char *workspace, const char *principal,
                                       struct sp_arena *arena, struct sp_trial_insider *insider,
                                       struct sp_error *error) {
    char *claiming[] = {borrow_insider_text("resource_register"), borrow_insider_text("api_key_rotate")};
    Sallyport__V1__CreateApiKeyRequest request = SALLYPORT__V1__CREATE_API_KEY_REQUEST__INIT;
    Sallyport__V1__Permissions permissions = SALLYPORT__V1__PERMISSIONS__INIT;
    ProtobufCMessage *message = NULL;
    permissions.all = true;
    permissions.names = claiming;
    permissions.n_names = sizeof(claiming) / sizeof(*claiming);
    request.workspace = borrow_insider_text(workspace);
    request.principal = borrow_insider_text(principal);
    request.name = borrow_insider_text("what-if");
    request.permissions = &permissions;
    enum sp_status status = create_insider_key(scratch, &request, arena, &message, error);
    if (status == SP_ERR_PRECONDITION || status == SP_ERR_INVALID) {
        request.expires_at = request.not_after = sp_clock_now_s() + KEY_LIFETIME_S;
        status = create_insider_key(scratch, &request, arena, &message, error);
    }
    if (status != SP_OK)
        return status;
    const Sallyport__V1__ApiKeySecretResponse *made = (const void *)message;
    (void)snprintf(insider->key, sizeof(insider->key), "%s", made->secret);
    (void)snprintf(insider->workspace, sizeof(insider->workspace), "%s", workspace);
    return SP_OK;
}

enum sp_status sp_trial_insider_enter(struct sp_trial_scratch *scratch, const char *workspace,
                                      const struct sp_policy *want, struct sp_trial_insider *insider,
                                      struct sp_error *error) {
    struct sp_error why = {0};
    struct sp_arena arena;
    const char *id = NULL;
    if (strcmp(insider->workspace, workspace) == 0)
        return SP_OK;
    if (sp_arena_init(&arena, ARENA_FIRST_BYTES, ARENA_BUDGET_BYTES) != SP_OK)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    enum sp_status status = find_insider(scratch, workspace, want, &arena, &id, &why);
    if (status == SP_OK && id == NULL)
        status = sp_error_set(&why, SP_ERR_NOT_FOUND, "it has no ADMIN user who is enabled and stays one");
    if (status == SP_OK)
        status = make_insider_key(scratch, workspace, id, &arena, insider, &why);
    sp_arena_wipe(&arena);
    sp_arena_fini(&arena);
    if (status != SP_OK)
        (void)sp_error_set(error, status, "cannot act in workspace %s: %s", workspace, why.message);
    return status;
}
