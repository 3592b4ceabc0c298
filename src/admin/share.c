/* Shares: who may give which role on a resource, and giving it. Lists are in share_list.c. */
#include "admin/grant.h"
#include "admin/handlers.h"
#include "admin/message.h"
#include "decide/check.h"
#include "sallyport/store/v1/records.pb-c.h"
#include "store/records/changeset.h"
#include "store/records/effective_role.h"
#include "store/records/entity_key.h"
#include "store/records/index.h"
#include "store/records/resource_key.h"

typedef Sallyport__Store__V1__StoredGrant stored_grant;

enum { UPDATES_MAX = 1000 };

/* ---- who may share ---- */

static enum sp_status refuse_share(struct sp_admin_context *ctx, const struct sp_admin_target *target,
                                   const char *why) {
    return sp_error_set(ctx->error, SP_ERR_PERMISSION, "%s %s: %s", target->ref->type, target->ref->id, why);
}

/* Asks what Check would be asked: may this key, from this address, do `share` on the resource? */
static enum sp_status check_may_share(struct sp_admin_context *ctx, const struct sp_admin_target *target) {
    struct sp_query query = {.credential_kind = SP_CREDENTIAL_KNOWN,
                             .known_key = &ctx->key,
                             .ip = ctx->caller->ip,
                             .resource_type = sp_str_from(target->ref->type),
                             .resource_id = sp_str_from(target->ref->id),
                             .action = SP_STR_LITERAL("share"),
                             .now_s = ctx->now_s};
    struct sp_answer answer;
    enum sp_status status = sp_check(ctx->view, &query, &answer);
    if (status != SP_OK || answer.allowed)
        return status;
    char *why = sp_arena_printf(ctx->arena,
                                "[%s] sharing requires the key of an ADMIN user permitted workspace_write, or one that "
                                "may perform the type's share action on the resource",
                                sp_reason_name(answer.reason));
    return why == NULL ? SP_ERR_MEMORY : refuse_share(ctx, target, why);
}

/* Whether the acting key may turn the grant that is there (NULL: none) into `role` (SP_ROLE_NONE:
 * none). An ADMIN user permitted workspace_write may do all of it, whatever its key's other
 * permissions are. */
static enum sp_status check_role_change(struct sp_admin_context *ctx, const struct sp_admin_target *target,
                                        const Sallyport__V1__Grant *before, enum sp_role role) {
    if (ctx->is_admin)
        return SP_OK;
    enum sp_role acting = SP_ROLE_NONE;
    enum sp_status status = check_may_share(ctx, target);
    if (status != SP_OK)
        return status;
    status = sp_admin_find_acting_role(ctx, target, &acting);
    if (status != SP_OK)
        return status;
    if (role > acting)
        return refuse_share(ctx, target, "you cannot grant a role higher than your own");
    if (before != NULL && (enum sp_role)before->role > acting)
        return refuse_share(ctx, target, "you cannot change a role higher than your own");
    if (before != NULL && before->creator && role < (enum sp_role)before->role)
        return refuse_share(ctx, target, "only a workspace admin can lower or remove the creator's grant");
    return SP_OK;
}

/* ---- changes ---- */

static enum sp_status give_role(struct sp_admin_context *ctx, const Sallyport__V1__ResourceRef *ref,
                                const Sallyport__V1__Subject *subject, Sallyport__V1__Role role,
                                Sallyport__V1__Grant **ret_grant) {
    struct sp_admin_new_grant new_grant = {.subject = subject, .role = role};
    const Sallyport__V1__Grant *before = NULL;
    enum sp_status status = sp_admin_find_target(ctx, ref, &new_grant.target);
    if (status != SP_OK)
        return status;
    status = sp_admin_check_role(ctx, role);
    if (status != SP_OK)
        return status;
    status = sp_admin_check_target(ctx, &new_grant.target);
    if (status != SP_OK)
        return status;
    status = sp_admin_find_grant(ctx, &new_grant.target, subject, &before);
    if (status != SP_OK)
        return status;
    status = check_role_change(ctx, &new_grant.target, before, (enum sp_role)role);
    if (status != SP_OK)
        return status;
    return sp_admin_put_grant(ctx, &new_grant, ret_grant);
}

/* Nobody may share a grant of a type that is gone, but an admin may clear it away. */
static enum sp_status check_role_removal(struct sp_admin_context *ctx, const Sallyport__V1__ResourceRef *ref,
                                         const stored_grant *stored) {
    struct sp_admin_target target;
    if (ctx->is_admin && stored != NULL)
        return SP_OK;
    enum sp_status status = sp_admin_find_target(ctx, ref, &target);
    if (status != SP_OK)
        return status;
    status = sp_admin_check_target(ctx, &target);
    if (status != SP_OK)
        return status;
    return check_role_change(ctx, &target, stored == NULL ? NULL : stored->grant, SP_ROLE_NONE);
}

/* *ret_existed: there was a grant to remove. */
static enum sp_status take_role(struct sp_admin_context *ctx, const Sallyport__V1__ResourceRef *ref,
                                const Sallyport__V1__Subject *subject, bool *ret_existed) {
    struct sp_entity_key key;
    const stored_grant *stored = NULL;
    enum sp_status status = sp_admin_check_ref(ctx, ref);
    if (status != SP_OK)
        return status;
    status = sp_admin_grant_key(ctx, ref, subject, &key);
    if (status != SP_OK)
        return status;
    status = sp_admin_load_grant(ctx, &key, &stored);
    if (status != SP_OK)
        return status;
    status = check_role_removal(ctx, ref, stored);
    if (status != SP_OK)
        return status;
    if (stored != NULL) {
        status = sp_changeset_delete(ctx->changes, &key, ctx->now_s);
        if (status != SP_OK)
            return status;
    }
    *ret_existed = stored != NULL;
    return SP_OK;
}

enum sp_status sp_admin_share_resource(struct sp_admin_context *ctx, const ProtobufCMessage *message,
                                       ProtobufCMessage **ret_reply) {
    const Sallyport__V1__ShareResourceRequest *request = (const void *)message;
    Sallyport__V1__GrantResponse *response =
        SP_ADMIN_NEW(ctx, Sallyport__V1__GrantResponse, sallyport__v1__grant_response);
    if (response == NULL)
        return SP_ERR_MEMORY;
    enum sp_status status = give_role(ctx, request->resource, request->subject, request->role, &response->grant);
    if (status != SP_OK)
        return status;
    *ret_reply = &response->base;
    return SP_OK;
}

static enum sp_status reply_with_no_grant(struct sp_admin_context *ctx, ProtobufCMessage **ret_reply) {
    Sallyport__V1__MutationResponse *response =
        SP_ADMIN_NEW(ctx, Sallyport__V1__MutationResponse, sallyport__v1__mutation_response);
    if (response == NULL)
        return SP_ERR_MEMORY;
    *ret_reply = &response->base;
    return SP_OK;
}

enum sp_status sp_admin_unshare_resource(struct sp_admin_context *ctx, const ProtobufCMessage *message,
                                         ProtobufCMessage **ret_reply) {
    const Sallyport__V1__UnshareResourceRequest *request = (const void *)message;
    bool existed = false;
    enum sp_status status = take_role(ctx, request->resource, request->subject, &existed);
    if (status != SP_OK)
        return status;
    if (!existed)
        return sp_error_set(ctx->error, SP_ERR_NOT_FOUND, "%s %s is not shared with this subject",
                            request->resource->type, request->resource->id);
    return reply_with_no_grant(ctx, ret_reply);
}

static enum sp_status update_share(struct sp_admin_context *ctx, const Sallyport__V1__ShareUpdate *item) {
    Sallyport__V1__Grant *grant = NULL;
    bool existed = false;
    if (item->role == SALLYPORT__V1__ROLE__ROLE_UNSPECIFIED)
        return take_role(ctx, item->resource, item->subject, &existed);
    return give_role(ctx, item->resource, item->subject, item->role, &grant);
}

/* Names the update in the message of its refusal. */
static enum sp_status refuse_update(struct sp_admin_context *ctx, size_t i, enum sp_status status) {
    if (ctx->error->status == SP_OK)
        return status;
    char *message = sp_arena_strdup(ctx->arena, sp_str_from(ctx->error->message));
    return message == NULL ? status : sp_error_set(ctx->error, status, "updates[%zu]: %s", i, message);
}

/* Each update sees what the ones before it did: a role that one takes away from the caller does not
 * serve the next. */
enum sp_status sp_admin_update_shares(struct sp_admin_context *ctx, const ProtobufCMessage *message,
                                      ProtobufCMessage **ret_reply) {
    const Sallyport__V1__UpdateSharesRequest *request = (const void *)message;
    if (request->n_updates == 0 || request->n_updates > UPDATES_MAX)
        return sp_error_set(ctx->error, SP_ERR_INVALID, "updates: 1 to %d", UPDATES_MAX);
    for (size_t i = 0; i < request->n_updates; i++) {
        enum sp_status status = update_share(ctx, request->updates[i]);
        if (status != SP_OK)
            return refuse_update(ctx, i, status);
        status = sp_changeset_flush(ctx->write, ctx->changes, ctx->error);
        if (status != SP_OK)
            return refuse_update(ctx, i, status);
    }
    return reply_with_no_grant(ctx, ret_reply);
}
