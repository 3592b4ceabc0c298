/* Shares of a resource, and of a subject. */
#include "admin/share.h"
#include "base/text.h"
#include "store/records/index_walk.h"
#include "store/records/resource_key.h"

typedef Sallyport__Store__V1__StoredGrant stored_grant;

struct grant_list {
    struct sp_admin_context *ctx;
    Sallyport__V1__ListSharesResponse *response;
    uint32_t type_number; /* of the resource; by subject: unused */
    /* By subject: */
    const Sallyport__V1__Subject *subject;
    size_t page_size;
    struct sp_entity_key after; /* the last resource key of the page before; size 0: the first page */
    struct sp_entity_key last;
    bool more;
};

/* ---- of a resource ---- */

static bool keep_grant(void *context, const ProtobufCMessage *message) {
    struct grant_list *list = context;
    const stored_grant *stored = (const void *)message;
    if (stored->type_number != list->type_number)
        return false;
    list->response->grants[list->response->n_grants++] = stored->grant;
    return true;
}

static enum sp_status list_of_resource(struct grant_list *list, const Sallyport__V1__ListSharesRequest *request) {
    struct sp_admin_context *ctx = list->ctx;
    struct sp_admin_target target;
    struct sp_entity_key prefix;
    enum sp_status status = sp_admin_target(ctx, request->resource, &target);
    if (status == SP_OK)
        status = sp_admin_check_target(ctx, &target);
    if (status != SP_OK)
        return status;
    list->type_number = target.type_number;
    struct sp_str parts[] = {sp_str_from(target.ref->type), sp_str_from(target.ref->id), {0}};
    status = sp_entity_key_make(SP_KIND_GRANT, ctx->workspace, parts, 3, &prefix);
    if (status != SP_OK)
        return status;
    return sp_admin_page(ctx, (struct sp_bytes){prefix.bytes, prefix.size},
                         &sallyport__store__v1__stored_grant__descriptor, request->page_size, request->page_token,
                         keep_grant, list, &list->response->next_page_token);
}

/* ---- of a subject ---- */

static const char *live_type_name(const Sallyport__Store__V1__StoredSchema *schema, uint32_t number) {
    for (size_t i = 0; i < schema->n_types; i++)
        if (schema->types[i]->number == number && !schema->types[i]->removed)
            return schema->types[i]->name;
    return NULL;
}

static int compare(struct sp_bytes a, const struct sp_entity_key *b) {
    size_t shorter = a.size < b->size ? a.size : b->size;
    int order = memcmp(a.data, b->bytes, shorter);
    return order != 0 ? order : (a.size > b->size) - (a.size < b->size);
}

static enum sp_status load_grant(struct grant_list *list, const char *type, struct sp_str id) {
    struct sp_admin_context *ctx = list->ctx;
    bool group = list->subject->kind_case == SALLYPORT__V1__SUBJECT__KIND_GROUP;
    struct sp_str subject = sp_str_from(group ? list->subject->group : list->subject->principal);
    struct sp_entity_key key;
    ProtobufCMessage *message = NULL;
    enum sp_status status = sp_entity_key_grant(ctx->workspace, sp_str_from(type), id,
                                                group ? SP_SUBJECT_GROUP : SP_SUBJECT_PRINCIPAL, subject, &key);
    if (status == SP_OK)
        status = sp_entity_get(ctx->view, &key, ctx->arena, &message);
    if (status != SP_OK)
        return status == SP_ERR_NOT_FOUND ? SP_ERR_CORRUPT : status;
    list->response->grants[list->response->n_grants++] = ((const stored_grant *)(const void *)message)->grant;
    return SP_OK;
}

static enum sp_status visit_resource(void *context, struct sp_bytes resource_key) {
    struct grant_list *list = context;
    struct sp_resource_name name;
    enum sp_status status = sp_resource_key_read(resource_key, &name);
    if (status != SP_OK)
        return status;
    if (list->after.size > 0 && compare(resource_key, &list->after) <= 0)
        return SP_OK;
    if (list->response->n_grants == list->page_size) {
        list->more = true;
        return SP_WALK_END;
    }
    status = sp_entity_key_copy(resource_key, &list->last);
    if (status != SP_OK)
        return status;
    const char *type = live_type_name(list->ctx->schema.stored, name.type_number);
    return type == NULL ? SP_OK : load_grant(list, type, name.id);
}

static enum sp_status find_number(struct sp_admin_context *ctx, const Sallyport__V1__Subject *subject,
                                  uint64_t *ret_number) {
    ProtobufCMessage *message = NULL;
    enum sp_status status = SP_OK;
    switch ((int)subject->kind_case) {
    case SALLYPORT__V1__SUBJECT__KIND_PRINCIPAL:
        status = sp_admin_load(ctx, SP_KIND_PRINCIPAL, "principal", subject->principal, &message);
        if (status == SP_OK)
            *ret_number = ((const Sallyport__Store__V1__StoredPrincipal *)(const void *)message)->number;
        return status;
    case SALLYPORT__V1__SUBJECT__KIND_GROUP:
        status = sp_admin_load(ctx, SP_KIND_GROUP, "group", subject->group, &message);
        if (status == SP_OK)
            *ret_number = ((const Sallyport__Store__V1__StoredGroup *)(const void *)message)->number;
        return status;
    default:
        return sp_error_set(ctx->error, SP_ERR_INVALID, "subject: a principal or a group");
    }
}

static enum sp_status list_of_subject(struct grant_list *list, const Sallyport__V1__ListSharesRequest *request) {
    struct sp_admin_context *ctx = list->ctx;
    uint64_t number = 0;
    list->subject = request->subject;
    enum sp_status status = sp_admin_page_size(ctx, request->page_size, &list->page_size);
    if (status == SP_OK)
        status = sp_admin_token_decode(ctx, request->page_token, &list->after);
    if (status == SP_OK)
        status = find_number(ctx, request->subject, &number);
    if (status == SP_OK)
        status = sp_admin_schema_load(ctx);
    if (status == SP_OK)
        status = sp_index_walk_subject_resources(ctx->view, number, visit_resource, list);
    if (status != SP_OK || !list->more)
        return status;
    return sp_admin_token_encode(ctx, (struct sp_bytes){list->last.bytes, list->last.size},
                                 &list->response->next_page_token);
}

enum sp_status sp_admin_list_shares(struct sp_admin_context *ctx, const ProtobufCMessage *message,
                                    ProtobufCMessage **ret_reply) {
    const Sallyport__V1__ListSharesRequest *request = (const void *)message;
    struct grant_list list = {
        .ctx = ctx,
        .response = SP_ADMIN_NEW(ctx, Sallyport__V1__ListSharesResponse, sallyport__v1__list_shares_response)};
    if (list.response != NULL)
        list.response->grants = sp_arena_calloc(ctx->arena, SP_ADMIN_PAGE_MAX, sizeof(*list.response->grants));
    if (list.response == NULL || list.response->grants == NULL)
        return SP_ERR_MEMORY;
    enum sp_status status = SP_OK;
    switch ((int)request->of_case) {
    case SALLYPORT__V1__LIST_SHARES_REQUEST__OF_RESOURCE:
        status = list_of_resource(&list, request);
        break;
    case SALLYPORT__V1__LIST_SHARES_REQUEST__OF_SUBJECT:
        status = list_of_subject(&list, request);
        break;
    default:
        status = sp_error_set(ctx->error, SP_ERR_INVALID, "resource or subject: name one of the two");
    }
    if (status == SP_OK)
        *ret_reply = &list.response->base;
    return status;
}
