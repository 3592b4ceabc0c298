/* ListShares: the grants on a resource, and those of a subject. */
#include "admin/grant.h"
#include "admin/handlers.h"
#include "admin/message.h"
#include "admin/page.h"
#include "admin/schema_names.h"
#include "base/clock.h"
#include "sallyport/store/v1/records.pb-c.h"
#include "store/records/entity_key.h"
#include "store/records/index_walk.h"
#include "store/records/layout.h"
#include "store/records/resource_key.h"

typedef Sallyport__Store__V1__StoredGrant stored_grant;

/* ---- on a resource ---- */

struct resource_grants {
    Sallyport__V1__ListSharesResponse *response;
    uint32_t type_number;
};

static enum sp_status keep_grant(void *context, const ProtobufCMessage *message, bool *ret_kept) {
    struct resource_grants *list = context;
    const stored_grant *stored = (const void *)message;
    *ret_kept = stored->type_number == list->type_number;
    if (*ret_kept)
        list->response->grants[list->response->n_grants++] = stored->grant;
    return SP_OK;
}

static enum sp_status list_on_resource(struct sp_admin_context *ctx, const Sallyport__V1__ListSharesRequest *request,
                                       Sallyport__V1__ListSharesResponse *response) {
    struct sp_admin_target target;
    struct sp_entity_key prefix;
    enum sp_status status = sp_admin_find_target(ctx, request->resource, &target);
    if (status != SP_OK)
        return status;
    status = sp_admin_check_target(ctx, &target);
    if (status != SP_OK)
        return status;
    struct sp_str parts[] = {sp_str_from(target.ref->type), sp_str_from(target.ref->id), {0}};
    status = sp_entity_key_make(SP_KIND_GRANT, ctx->workspace, parts, 3, &prefix);
    if (status != SP_OK)
        return status;
    struct resource_grants list = {.response = response, .type_number = target.type_number};
    return sp_admin_page(ctx, (struct sp_bytes){prefix.bytes, prefix.size},
                         &sallyport__store__v1__stored_grant__descriptor, request->page_size, request->page_token,
                         keep_grant, &list, &response->next_page_token);
}

/* ---- of a subject ---- */

struct subject_grants {
    struct sp_admin_context *ctx;
    Sallyport__V1__ListSharesResponse *response;
    struct sp_admin_subject subject;
    size_t page_size;
    size_t visited;
    int64_t began_ms;
    struct sp_entity_key last; /* the resource key that was visited last */
    bool more;
};

static enum sp_status append_grant(struct subject_grants *list, const char *type, struct sp_str resource_id) {
    struct sp_entity_key key;
    const stored_grant *stored = NULL;
    enum sp_status status = sp_entity_key_grant(list->ctx->workspace, sp_str_from(type), resource_id,
                                                list->subject.kind, list->subject.id, &key);
    if (status != SP_OK)
        return status;
    status = sp_admin_load_grant(list->ctx, &key, &stored);
    if (status != SP_OK)
        return status;
    if (stored == NULL)
        return SP_ERR_CORRUPT;
    list->response->grants[list->response->n_grants++] = stored->grant;
    return SP_OK;
}

static enum sp_status visit_granted_resource(void *context, struct sp_bytes resource_key) {
    struct subject_grants *list = context;
    struct sp_resource_name name;
    struct sp_admin_resource_type type;
    if (list->response->n_grants == list->page_size || list->visited == SP_ADMIN_PAGE_MAX_VISITED ||
        sp_admin_page_is_late(list->began_ms, list->visited)) {
        list->more = true;
        return SP_WALK_END;
    }
    enum sp_status status = sp_resource_key_read(resource_key, &name);
    if (status != SP_OK)
        return status;
    list->visited++;
    list->last.size = (uint16_t)resource_key.size;
    memcpy(list->last.bytes, resource_key.data, resource_key.size);
    status = sp_admin_find_type_by_number(list->ctx, name.type_number, &type);
    if (status != SP_OK || type.removed)
        return status;
    return append_grant(list, type.name, name.id);
}

static enum sp_status list_of_subject(struct sp_admin_context *ctx, const Sallyport__V1__ListSharesRequest *request,
                                      Sallyport__V1__ListSharesResponse *response) {
    struct subject_grants list = {.ctx = ctx, .response = response, .began_ms = sp_clock_thread_ms()};
    struct sp_entity_key after;
    enum sp_status status = sp_admin_page_size(ctx, request->page_size, &list.page_size);
    if (status != SP_OK)
        return status;
    status = sp_admin_token_decode(ctx, request->page_token, &after);
    if (status != SP_OK)
        return status;
    status = sp_admin_find_subject(ctx, request->subject, &list.subject);
    if (status != SP_OK)
        return status;
    status = sp_index_walk_subject_resources(ctx->view, list.subject.number, sp_entity_key_bytes(&after),
                                             visit_granted_resource, &list);
    if (status != SP_OK || !list.more)
        return status;
    return sp_admin_token_encode(ctx, (struct sp_bytes){list.last.bytes, list.last.size}, &response->next_page_token);
}

static enum sp_status list_grants(struct sp_admin_context *ctx, const Sallyport__V1__ListSharesRequest *request,
                                  Sallyport__V1__ListSharesResponse *response) {
    switch ((int)request->of_case) {
    case SALLYPORT__V1__LIST_SHARES_REQUEST__OF_RESOURCE:
        return list_on_resource(ctx, request, response);
    case SALLYPORT__V1__LIST_SHARES_REQUEST__OF_SUBJECT:
        return list_of_subject(ctx, request, response);
    default:
        return sp_error_set(ctx->error, SP_ERR_INVALID, "required: either resource or subject");
    }
}

enum sp_status sp_admin_list_shares(struct sp_admin_context *ctx, const ProtobufCMessage *message,
                                    ProtobufCMessage **ret_reply) {
    Sallyport__V1__ListSharesResponse *response =
        SP_ADMIN_NEW(ctx, Sallyport__V1__ListSharesResponse, sallyport__v1__list_shares_response);
    if (response == NULL)
        return SP_ERR_MEMORY;
    response->grants = sp_arena_calloc(ctx->arena, SP_ADMIN_PAGE_MAX, sizeof(*response->grants));
    if (response->grants == NULL)
        return SP_ERR_MEMORY;
    enum sp_status status = list_grants(ctx, (const void *)message, response);
    if (status != SP_OK)
        return status;
    *ret_reply = &response->base;
    return SP_OK;
}
