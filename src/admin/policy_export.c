/* ExportPolicy: everything of a workspace that a policy file may hold, kind after kind. */
#include "admin/handlers.h"
#include "admin/message.h"
#include "admin/page.h"
#include "admin/policy_since.h"
#include "admin/schema_names.h"
#include "sallyport/store/v1/records.pb-c.h"
#include "store/records/entity.h"
#include "store/records/entity_key.h"

struct policy_page {
    struct sp_admin_context *ctx;
    Sallyport__V1__ExportPolicyResponse *response;
};

/* ---- what is kept, by kind ---- */

static enum sp_status export_principal(void *context, const ProtobufCMessage *message, bool *ret_kept) {
    struct policy_page *page = context;
    const Sallyport__Store__V1__StoredPrincipal *stored = (const void *)message;
    *ret_kept = !stored->deleting;
    if (*ret_kept)
        page->response->principals[page->response->n_principals++] = stored->principal;
    return SP_OK;
}

static enum sp_status export_group(void *context, const ProtobufCMessage *message, bool *ret_kept) {
    struct policy_page *page = context;
    const Sallyport__Store__V1__StoredGroup *stored = (const void *)message;
    *ret_kept = !stored->deleting;
    if (*ret_kept)
        page->response->groups[page->response->n_groups++] = stored->group;
    return SP_OK;
}

static enum sp_status export_member(void *context, const ProtobufCMessage *message, bool *ret_kept) {
    struct policy_page *page = context;
    page->response->members[page->response->n_members++] =
        ((const Sallyport__Store__V1__StoredMembership *)(const void *)message)->membership;
    *ret_kept = true;
    return SP_OK;
}

static enum sp_status is_type_in_use(struct policy_page *page, uint32_t type_number, bool *ret_in_use) {
    struct sp_admin_resource_type type;
    enum sp_status status = sp_admin_find_type_by_number(page->ctx, type_number, &type);
    if (status != SP_OK)
        return status;
    *ret_in_use = !type.removed;
    return SP_OK;
}

static enum sp_status export_resource(void *context, const ProtobufCMessage *message, bool *ret_kept) {
    struct policy_page *page = context;
    const Sallyport__Store__V1__StoredResource *stored = (const void *)message;
    bool in_use = false;
    enum sp_status status = is_type_in_use(page, stored->type_number, &in_use);
    if (status != SP_OK)
        return status;
    *ret_kept = in_use && !stored->deleting;
    if (*ret_kept)
        page->response->resources[page->response->n_resources++] = stored->resource;
    return SP_OK;
}

static enum sp_status export_share(void *context, const ProtobufCMessage *message, bool *ret_kept) {
    struct policy_page *page = context;
    const Sallyport__Store__V1__StoredGrant *stored = (const void *)message;
    enum sp_status status = is_type_in_use(page, stored->type_number, ret_kept);
    if (status != SP_OK)
        return status;
    if (*ret_kept)
        page->response->shares[page->response->n_shares++] = stored->grant;
    return SP_OK;
}

static const struct exported_kind {
    enum sp_kind kind;
    sp_admin_keep *keep;
} exported_kinds[] = {
    {SP_KIND_PRINCIPAL, export_principal}, {SP_KIND_GROUP, export_group}, {SP_KIND_MEMBERSHIP, export_member},
    {SP_KIND_RESOURCE, export_resource},   {SP_KIND_GRANT, export_share},
};

enum { EXPORTED_KINDS = sizeof(exported_kinds) / sizeof(*exported_kinds) };

/* ---- pages ---- */

static enum sp_status make_kind_prefix(struct sp_admin_context *ctx, size_t kind, struct sp_entity_key *ret_prefix) {
    return sp_entity_key_make(exported_kinds[kind].kind, ctx->workspace, NULL, 0, ret_prefix);
}

/* A token is the last key of its page; that of a kind's beginning is what its keys begin with. */
static enum sp_status find_kind_of_token(struct sp_admin_context *ctx, const char *page_token, size_t *ret_kind) {
    struct sp_entity_key token, prefix;
    *ret_kind = 0;
    enum sp_status status = sp_admin_token_decode(ctx, page_token, &token);
    if (status != SP_OK || token.size == 0)
        return status;
    for (size_t i = 0; i < EXPORTED_KINDS; i++) {
        status = make_kind_prefix(ctx, i, &prefix);
        if (status != SP_OK)
            return status;
        *ret_kind = i;
        if (sp_bytes_begin_with(sp_entity_key_bytes(&token), sp_entity_key_bytes(&prefix)))
            return SP_OK;
    }
    return sp_admin_refuse_token(ctx);
}

static enum sp_status fill_policy_page(struct policy_page *page, const Sallyport__V1__ExportPolicyRequest *request) {
    struct sp_admin_context *ctx = page->ctx;
    struct sp_entity_key prefix;
    size_t kind = 0;
    enum sp_status status = find_kind_of_token(ctx, request->page_token, &kind);
    if (status != SP_OK)
        return status;
    status = make_kind_prefix(ctx, kind, &prefix);
    if (status != SP_OK)
        return status;
    status = sp_admin_page(ctx, sp_entity_key_bytes(&prefix), sp_kind_descriptor(exported_kinds[kind].kind),
                           request->page_size, request->page_token, exported_kinds[kind].keep, page,
                           &page->response->next_page_token);
    if (status != SP_OK || page->response->next_page_token[0] != '\0' || kind + 1 == EXPORTED_KINDS)
        return status;
    status = make_kind_prefix(ctx, kind + 1, &prefix);
    if (status != SP_OK)
        return status;
    return sp_admin_token_encode(ctx, sp_entity_key_bytes(&prefix), &page->response->next_page_token);
}

static Sallyport__V1__ExportPolicyResponse *make_policy_response(struct sp_admin_context *ctx) {
    Sallyport__V1__ExportPolicyResponse *response =
        SP_ADMIN_NEW(ctx, Sallyport__V1__ExportPolicyResponse, sallyport__v1__export_policy_response);
    /* A page has entries of one kind only. */
    void *room = sp_arena_calloc(ctx->arena, SP_ADMIN_PAGE_MAX, sizeof(void *));
    if (response == NULL || room == NULL)
        return NULL;
    response->principals = room;
    response->groups = room;
    response->members = room;
    response->resources = room;
    response->shares = room;
    return response;
}

enum sp_status sp_admin_export_policy(struct sp_admin_context *ctx, const ProtobufCMessage *message,
                                      ProtobufCMessage **ret_reply) {
    const Sallyport__V1__ExportPolicyRequest *request = (const void *)message;
    struct policy_page page = {.ctx = ctx, .response = make_policy_response(ctx)};
    if (page.response == NULL)
        return SP_ERR_MEMORY;
    enum sp_status status = sp_admin_check_policy_since(ctx, request->unchanged_since);
    if (status != SP_OK)
        return status;
    status = fill_policy_page(&page, request);
    if (status != SP_OK)
        return status;
    *ret_reply = &page.response->base;
    return SP_OK;
}
