/* Operators, online: listing them with their last use, and revoking one. */
#include "admin/handlers.h"
#include "admin/message.h"
#include "admin/page.h"
#include "base/text.h"
#include "core/decision.h"
#include "store/records/changeset.h"
#include "store/records/entity.h"
#include "store/records/layout.h"
#include "store/usage/usage.h"
#include "usage/judge.h"

struct operator_list {
    struct sp_admin_context *ctx;
    Sallyport__V1__ListOperatorsResponse *response;
    struct sp_usage_view *usage; /* NULL: this instance does not know */
};

static char *format_use_address(struct sp_admin_context *ctx, const struct sp_usage_moment *moment) {
    char text[SP_CIDR_TEXT_BYTES] = "";
    if (moment->at_s != 0 && moment->has_ip)
        sp_ip_format(&moment->ip, text);
    return sp_arena_strdup(ctx->arena, sp_str_from(text));
}

/* What cannot be read is left out; the list is there all the same. */
static struct sp_key_use read_operator_use(const struct operator_list *list, const char *name) {
    struct sp_key_use use = {0};
    if (list->usage == NULL ||
        sp_usage_view_key(list->usage, SP_STR_LITERAL(SP_USAGE_OPERATORS), sp_str_from(name), &use) != SP_OK)
        return (struct sp_key_use){0};
    return use;
}

static enum sp_status keep_operator(void *context, const ProtobufCMessage *stored, bool *ret_kept) {
    struct operator_list *list = context;
    struct sp_admin_context *ctx = list->ctx;
    Sallyport__V1__Operator *about = ((const Sallyport__Store__V1__StoredOperator *)(const void *)stored)->operator_;
    Sallyport__V1__OperatorStatus *status =
        SP_ADMIN_NEW(ctx, Sallyport__V1__OperatorStatus, sallyport__v1__operator_status);
    if (about == NULL)
        return SP_ERR_CORRUPT;
    if (status == NULL)
        return SP_ERR_MEMORY;
    struct sp_key_use use = read_operator_use(list, about->name);
    bool acts = sp_str_equal(ctx->operator_name, sp_str_from(about->name));
    const char *reason = use.rejected.at_s != 0 ? sp_reason_name(use.reason) : "";
    status->operator_ = about;
    status->last_used_at = acts ? ctx->now_s : use.accepted.at_s;
    status->last_used_ip =
        acts ? sp_arena_strdup(ctx->arena, ctx->caller->address) : format_use_address(ctx, &use.accepted);
    status->last_rejected_at = use.rejected.at_s;
    status->last_rejected_reason = sp_arena_strdup(ctx->arena, sp_str_from(reason));
    if (status->last_used_ip == NULL || status->last_rejected_reason == NULL)
        return SP_ERR_MEMORY;
    list->response->operators[list->response->n_operators++] = status;
    *ret_kept = true;
    return SP_OK;
}

static struct sp_usage_view *begin_reading_uses(const struct sp_admin_usage *usage) {
    struct sp_usage_view *view = NULL;
    if (usage == NULL || usage->store == NULL || sp_usage_view_begin(usage->store, &view) != SP_OK)
        return NULL;
    return view;
}

enum sp_status sp_admin_list_operators(struct sp_admin_context *ctx, const ProtobufCMessage *message,
                                       ProtobufCMessage **ret_reply) {
    static const uint8_t all[] = {SP_KIND_OPERATOR};
    const Sallyport__V1__ListOperatorsRequest *request = (const void *)message;
    struct operator_list list = {
        .ctx = ctx,
        .response = SP_ADMIN_NEW(ctx, Sallyport__V1__ListOperatorsResponse, sallyport__v1__list_operators_response)};
    if (list.response == NULL)
        return SP_ERR_MEMORY;
    list.response->operators = sp_arena_calloc(ctx->arena, SP_ADMIN_PAGE_MAX, sizeof(void *));
    if (list.response->operators == NULL)
        return SP_ERR_MEMORY;
    list.usage = begin_reading_uses(ctx->caller->usage);
    enum sp_status status =
        sp_admin_page(ctx, (struct sp_bytes){all, sizeof(all)}, &sallyport__store__v1__stored_operator__descriptor,
                      request->page_size, request->page_token, keep_operator, &list, &list.response->next_page_token);
    sp_usage_view_end(list.usage);
    if (status != SP_OK)
        return status;
    *ret_reply = &list.response->base;
    return SP_OK;
}

enum sp_status sp_admin_revoke_operator(struct sp_admin_context *ctx, const ProtobufCMessage *message,
                                        ProtobufCMessage **ret_reply) {
    const Sallyport__V1__RevokeOperatorRequest *request = (const void *)message;
    struct sp_str name = sp_str_from(request->name);
    struct sp_entity_key key;
    bool exists = false;
    Sallyport__V1__MutationResponse *response =
        SP_ADMIN_NEW(ctx, Sallyport__V1__MutationResponse, sallyport__v1__mutation_response);
    if (response == NULL)
        return SP_ERR_MEMORY;
    enum sp_status status = sp_text_check_id(name, "name", ctx->error);
    if (status != SP_OK)
        return status;
    if (sp_str_equal(name, ctx->operator_name))
        return sp_error_set(ctx->error, SP_ERR_PRECONDITION,
                            "you cannot revoke your own key: ask another operator, or run `sallyport-sync operator "
                            "revoke` on the store");
    status = sp_entity_key_1(SP_KIND_OPERATOR, (struct sp_str){0}, name, &key);
    if (status != SP_OK)
        return status;
    status = sp_entity_exists(ctx->view, &key, &exists);
    if (status != SP_OK)
        return status;
    if (!exists)
        return sp_error_set(ctx->error, SP_ERR_NOT_FOUND, "operator %s not found", request->name);
    status = sp_changeset_delete(ctx->changes, &key, ctx->now_s);
    if (status != SP_OK)
        return status;
    *ret_reply = &response->base;
    return SP_OK;
}
