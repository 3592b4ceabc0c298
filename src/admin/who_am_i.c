/* WhoAmI: the acting key, its principal and its workspace. */
#include "admin/internal.h"

static enum sp_status tell_key(struct sp_admin_context *ctx, Sallyport__V1__WhoAmIResponse *response) {
    Sallyport__Store__V1__StoredKey *stored = NULL;
    ProtobufCMessage *principal = NULL;
    const char *id = sp_arena_strdup(ctx->arena, ctx->key.id);
    const char *principal_id = sp_arena_strdup(ctx->arena, ctx->key.principal);
    if (id == NULL || principal_id == NULL)
        return SP_ERR_MEMORY;
    enum sp_status status = sp_admin_load_key(ctx, id, &stored);
    if (status == SP_OK)
        status = sp_admin_load(ctx, SP_KIND_PRINCIPAL, "principal", principal_id, &principal);
    if (status != SP_OK)
        return status == SP_ERR_NOT_FOUND ? sp_error_set(ctx->error, SP_ERR_CORRUPT, "the acting key's record is gone")
                                          : status;
    response->api_key = stored->key;
    response->principal = ((Sallyport__Store__V1__StoredPrincipal *)(void *)principal)->principal;
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
    enum sp_status status = ctx->is_operator ? SP_OK : tell_key(ctx, response);
    if (status == SP_OK)
        *ret_reply = &response->base;
    return status;
}
