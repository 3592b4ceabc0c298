/* ExplainKey: why a key may or may not. */
#include "admin/entities.h"
#include "admin/handlers.h"
#include "base/text.h"
#include "core/digest.h"
#include "decide/explain.h"
#include "sallyport/store/v1/records.pb-c.h"
#include "store/records/index.h"

/* An empty address is one that is not known. */
static enum sp_status read_ip_field(struct sp_admin_context *ctx, const char *text, struct sp_ip *ip, bool *ret_known) {
    struct sp_error why;
    *ret_known = text[0] != '\0';
    if (*ret_known && sp_ip_parse(sp_str_from(text), ip, &why) != SP_OK)
        return sp_error_set(ctx->error, SP_ERR_INVALID, "ip: %.900s", why.message);
    return SP_OK;
}

/* The id may be empty, for actions that need no role. Names that are not in the schema are an
 * answer, not a mistake. */
static enum sp_status read_explain_request(struct sp_admin_context *ctx,
                                           const Sallyport__V1__ExplainKeyRequest *request, struct sp_query *query) {
    if (request->resource == NULL)
        return sp_error_set(ctx->error, SP_ERR_INVALID, "resource: required");
    query->resource_type = sp_str_from(request->resource->type);
    query->resource_id = sp_str_from(request->resource->id);
    query->action = sp_str_from(request->action);
    enum sp_status status = sp_text_check_word(query->resource_type, "resource.type", ctx->error);
    if (status != SP_OK)
        return status;
    status = sp_text_check_word(query->action, "action", ctx->error);
    if (status != SP_OK || query->resource_id.size == 0)
        return status;
    return sp_text_check_resource_id(query->resource_id, "resource.id", ctx->error);
}

/* The key as a decision reads it. */
static enum sp_status find_decision_key(struct sp_admin_context *ctx, const char *id, struct sp_key *ret_key) {
    Sallyport__Store__V1__StoredKey *stored = NULL;
    enum sp_status status = sp_admin_load_stored_key(ctx, id, &stored);
    if (status != SP_OK)
        return status;
    if (stored->digest.len != SP_DIGEST_BYTES)
        return SP_ERR_CORRUPT;
    status = sp_index_key(ctx->view, stored->digest.data, ret_key);
    return status == SP_ERR_NOT_FOUND ? SP_ERR_CORRUPT : status;
}

enum sp_status sp_admin_explain_key(struct sp_admin_context *ctx, const ProtobufCMessage *message,
                                    ProtobufCMessage **ret_reply) {
    const Sallyport__V1__ExplainKeyRequest *request = (const void *)message;
    struct sp_ip ip;
    bool ip_known = false;
    struct sp_key key;
    struct sp_query query = {.credential_kind = SP_CREDENTIAL_KNOWN, .known_key = &key, .now_s = ctx->now_s};
    Sallyport__V1__ExplainResponse *explanation = NULL;
    enum sp_status status = read_ip_field(ctx, request->ip, &ip, &ip_known);
    if (status != SP_OK)
        return status;
    status = read_explain_request(ctx, request, &query);
    if (status != SP_OK)
        return status;
    status = find_decision_key(ctx, request->key_id, &key);
    if (status != SP_OK)
        return status;
    query.ip = ip_known ? &ip : NULL;
    status = sp_explain(ctx->view, &query, ctx->arena, &explanation);
    if (status != SP_OK)
        return status;
    *ret_reply = &explanation->base;
    return SP_OK;
}
