/* Reading keys, with what is known about their last use. */
#include "admin/entities.h"
#include "admin/handlers.h"
#include "admin/key_usage.h"
#include "admin/lineage.h"
#include "admin/message.h"
#include "admin/page.h"
#include "admin/policy.h"
#include "admin/schema_names.h"
#include "base/moment.h"
#include "sallyport/store/v1/records.pb-c.h"
#include "store/records/entity.h"
#include "store/records/entity_key.h"
#include "store/records/layout.h"

typedef Sallyport__Store__V1__StoredKey stored_key;

/* ---- one key ---- */

static enum sp_status load_key_usage(struct sp_admin_context *ctx, const char *id, const char *window_field,
                                     uint64_t window_s, stored_key **ret_stored, Sallyport__V1__KeyUsage **ret_usage) {
    stored_key *stored = NULL;
    struct sp_admin_usage_reading reading;
    enum sp_status status = sp_admin_load_key(ctx, id, &stored);
    if (status != SP_OK)
        return status;
    status = sp_admin_usage_begin(ctx, window_field, window_s, &reading);
    if (status != SP_OK)
        return status;
    Sallyport__V1__KeyUsage *usage = sp_admin_usage_of(ctx, &reading, stored->key);
    sp_admin_usage_end(&reading);
    if (usage == NULL)
        return SP_ERR_MEMORY;
    *ret_stored = stored;
    *ret_usage = usage;
    return SP_OK;
}

enum sp_status sp_admin_get_api_key(struct sp_admin_context *ctx, const ProtobufCMessage *message,
                                    ProtobufCMessage **ret_reply) {
    const Sallyport__V1__GetApiKeyRequest *request = (const void *)message;
    stored_key *stored = NULL;
    Sallyport__V1__KeyUsage *usage = NULL;
    enum sp_status status =
        load_key_usage(ctx, request->id, "usage_window_s", request->usage_window_s, &stored, &usage);
    if (status != SP_OK)
        return status;
    stored->key->usage = usage;
    stored->key->beyond_max_lifetime = sp_admin_is_beyond_max_lifetime(ctx, stored->key);
    status = request->with_descendants ? sp_admin_fill_descendants(ctx, stored->key) : SP_OK;
    if (status != SP_OK)
        return status;
    *ret_reply = &stored->key->base;
    return SP_OK;
}

enum sp_status sp_admin_get_key_usage(struct sp_admin_context *ctx, const ProtobufCMessage *message,
                                      ProtobufCMessage **ret_reply) {
    const Sallyport__V1__GetKeyUsageRequest *request = (const void *)message;
    stored_key *stored = NULL;
    Sallyport__V1__KeyUsage *usage = NULL;
    enum sp_status status = load_key_usage(ctx, request->id, "window_s", request->window_s, &stored, &usage);
    if (status != SP_OK)
        return status;
    *ret_reply = &usage->base;
    return SP_OK;
}

/* ---- a page of keys ---- */

struct key_list {
    struct sp_admin_context *ctx;
    const Sallyport__V1__ListApiKeysRequest *request;
    Sallyport__V1__ListApiKeysResponse *response;
    struct sp_admin_usage_reading reading;
};

static bool is_asked_for(const Sallyport__V1__ListApiKeysRequest *request, const Sallyport__V1__ApiKey *key) {
    if (request->principal[0] != '\0' && strcmp(request->principal, key->principal) != 0)
        return false;
    return request->expires_before == 0 || (key->expires_at != 0 && key->expires_at < request->expires_before);
}

static enum sp_status keep_listed_key(void *context, const ProtobufCMessage *message, bool *ret_kept) {
    struct key_list *list = context;
    stored_key *stored = (stored_key *)(uintptr_t)(const void *)message; /* in the arena */
    Sallyport__V1__ApiKey *key = stored->key;
    if (!is_asked_for(list->request, key))
        return SP_OK;
    enum sp_status status = sp_admin_trim_permissions(list->ctx, stored);
    if (status != SP_OK)
        return status;
    key->beyond_max_lifetime = sp_admin_is_beyond_max_lifetime(list->ctx, key);
    if (list->request->beyond_max_lifetime_only && !key->beyond_max_lifetime)
        return SP_OK;
    key->usage = sp_admin_usage_of(list->ctx, &list->reading, key);
    if (key->usage == NULL)
        return SP_ERR_MEMORY;
    if (list->request->safe_to_delete_only && key->usage->safe_to_delete != SALLYPORT__V1__KEY_SAFETY__KEY_SAFETY_SAFE)
        return SP_OK;
    list->response->api_keys[list->response->n_api_keys++] = key;
    *ret_kept = true;
    return SP_OK;
}

static enum sp_status fill_key_list(struct key_list *list) {
    struct sp_admin_context *ctx = list->ctx;
    const Sallyport__V1__ListApiKeysRequest *request = list->request;
    struct sp_entity_key prefix;
    enum sp_status status = sp_entity_key_make(SP_KIND_KEY, ctx->workspace, NULL, 0, &prefix);
    if (status != SP_OK)
        return status;
    status = sp_admin_usage_begin(ctx, "usage_window_s", request->usage_window_s, &list->reading);
    if (status != SP_OK)
        return status;
    status =
        sp_admin_page(ctx, (struct sp_bytes){prefix.bytes, prefix.size}, &sallyport__store__v1__stored_key__descriptor,
                      request->page_size, request->page_token, keep_listed_key, list, &list->response->next_page_token);
    sp_admin_usage_end(&list->reading);
    return status;
}

enum sp_status sp_admin_list_api_keys(struct sp_admin_context *ctx, const ProtobufCMessage *message,
                                      ProtobufCMessage **ret_reply) {
    const Sallyport__V1__ListApiKeysRequest *request = (const void *)message;
    struct key_list list = {
        .ctx = ctx,
        .request = request,
        .response = SP_ADMIN_NEW(ctx, Sallyport__V1__ListApiKeysResponse, sallyport__v1__list_api_keys_response)};
    if (list.response == NULL)
        return SP_ERR_MEMORY;
    list.response->api_keys = sp_arena_calloc(ctx->arena, SP_ADMIN_PAGE_MAX, sizeof(*list.response->api_keys));
    if (list.response->api_keys == NULL)
        return SP_ERR_MEMORY;
    enum sp_status status = sp_moment_check("expires_before", request->expires_before, ctx->error);
    if (status != SP_OK)
        return status;
    if (request->principal[0] != '\0') {
        Sallyport__Store__V1__StoredPrincipal *principal = NULL;
        status = sp_admin_load_principal(ctx, request->principal, &principal);
        if (status != SP_OK)
            return status;
    }
    status = fill_key_list(&list);
    if (status != SP_OK)
        return status;
    *ret_reply = &list.response->base;
    return SP_OK;
}
