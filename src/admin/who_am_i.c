/* WhoAmI: the acting key, its principal and its workspace. */
#include "admin/actor.h"
#include "admin/entities.h"
#include "admin/handlers.h"
#include "admin/message.h"
#include "sallyport/store/v1/records.pb-c.h"

static enum sp_status load_acting_key(struct sp_admin_context *ctx, Sallyport__Store__V1__StoredKey **ret_key,
                                      Sallyport__Store__V1__StoredPrincipal **ret_principal) {
    const char *id = sp_arena_strdup(ctx->arena, ctx->key.id);
    const char *principal_id = sp_arena_strdup(ctx->arena, ctx->key.principal);
    if (id == NULL || principal_id == NULL)
        return SP_ERR_MEMORY;
    enum sp_status status = sp_admin_load_key(ctx, id, ret_key);
    if (status != SP_OK)
        return status;
    return sp_admin_load_principal(ctx, principal_id, ret_principal);
}

static enum sp_status describe_acting_key(struct sp_admin_context *ctx, Sallyport__V1__WhoAmIResponse *response) {
    Sallyport__Store__V1__StoredKey *key = NULL;
    Sallyport__Store__V1__StoredPrincipal *principal = NULL;
    enum sp_status status = load_acting_key(ctx, &key, &principal);
    if (status == SP_ERR_NOT_FOUND)
        return sp_error_set(ctx->error, SP_ERR_CORRUPT, "the acting key has no record: run `sallyport-sync verify`");
    if (status != SP_OK)
        return status;
    response->api_key = key->key;
    response->principal = principal->principal;
    response->workspace = ctx->stored_workspace->workspace;
    return SP_OK;
}

enum sp_status sp_admin_who_am_i(struct sp_admin_context *ctx, const ProtobufCMessage *message,
                                 ProtobufCMessage **ret_reply) {
    (void)message;
    Sallyport__V1__WhoAmIResponse *response =
        SP_ADMIN_NEW(ctx, Sallyport__V1__WhoAmIResponse, sallyport__v1__who_am_iresponse);
    if (response == NULL)
        return SP_ERR_MEMORY;
    response->actor = sp_admin_actor(ctx);
    response->address = sp_arena_strdup(ctx->arena, ctx->caller->address);
    if (response->actor == NULL || response->address == NULL)
        return SP_ERR_MEMORY;
    enum sp_status status = ctx->is_operator ? SP_OK : describe_acting_key(ctx, response);
    if (status != SP_OK)
        return status;
    *ret_reply = &response->base;
    return SP_OK;
}
