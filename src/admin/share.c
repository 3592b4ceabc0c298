/* Shares: who may give which role on a resource, and giving it. Lists are in share_list.c. */
#include "admin/share.h"
#include "base/text.h"
#include "store/records/effective_role.h"
#include "store/records/index.h"
#include "store/records/resource_key.h"
#include "wire/wire.h"

typedef Sallyport__Store__V1__StoredGrant stored_grant;

enum { UPDATES_MAX = 1000 };

/* ---- grants ---- */

enum sp_status sp_admin_grant_key(struct sp_admin_context *ctx, const Sallyport__V1__ResourceRef *ref,
                                  const Sallyport__V1__Subject *subject, struct sp_entity_key *ret_key) {
    if (subject == NULL || subject->kind_case == SALLYPORT__V1__SUBJECT__KIND__NOT_SET)
        return sp_error_set(ctx->error, SP_ERR_INVALID, "subject: a principal or a group");
    bool group = subject->kind_case == SALLYPORT__V1__SUBJECT__KIND_GROUP;
    struct sp_str id = sp_str_from(group ? subject->group : subject->principal);
    enum sp_status status = sp_text_check_id(id, group ? "subject.group" : "subject.principal", ctx->error);
    if (status != SP_OK)
        return status;
    return sp_entity_key_grant(ctx->workspace, sp_str_from(ref->type), sp_str_from(ref->id),
                               group ? SP_SUBJECT_GROUP : SP_SUBJECT_PRINCIPAL, id, ret_key);
}

/* The entity, also one of a type that is gone; NULL for none. */
static enum sp_status find_stored(struct sp_admin_context *ctx, const struct sp_entity_key *key,
                                  const stored_grant **ret_stored) {
    ProtobufCMessage *message = NULL;
    enum sp_status status = sp_entity_get(ctx->view, key, ctx->arena, &message);
    if (status != SP_OK && status != SP_ERR_NOT_FOUND)
        return status;
    *ret_stored = status == SP_OK ? (const void *)message : NULL;
    return SP_OK;
}

enum sp_status sp_admin_find_grant(struct sp_admin_context *ctx, const struct sp_admin_target *target,
                                   const Sallyport__V1__Subject *subject, const Sallyport__V1__Grant **ret_grant) {
    struct sp_entity_key key;
    const stored_grant *stored = NULL;
    enum sp_status status = sp_admin_grant_key(ctx, target->ref, subject, &key);
    if (status == SP_OK)
        status = find_stored(ctx, &key, &stored);
    if (status == SP_OK)
        *ret_grant = stored != NULL && stored->type_number == target->type_number ? stored->grant : NULL;
    return status;
}

static enum sp_status find_subject(struct sp_admin_context *ctx, const Sallyport__V1__Subject *subject,
                                   uint64_t *ret_number) {
    ProtobufCMessage *message = NULL;
    bool group = subject->kind_case == SALLYPORT__V1__SUBJECT__KIND_GROUP;
    enum sp_status status = group ? sp_admin_load(ctx, SP_KIND_GROUP, "group", subject->group, &message)
                                  : sp_admin_load(ctx, SP_KIND_PRINCIPAL, "principal", subject->principal, &message);
    if (status != SP_OK)
        return status;
    *ret_number = group ? ((const Sallyport__Store__V1__StoredGroup *)(const void *)message)->number
                        : ((const Sallyport__Store__V1__StoredPrincipal *)(const void *)message)->number;
    return SP_OK;
}

static enum sp_status check_role(struct sp_admin_context *ctx, Sallyport__V1__Role role) {
    if (role >= SALLYPORT__V1__ROLE__ROLE_VIEWER && role <= SALLYPORT__V1__ROLE__ROLE_ADMIN)
        return SP_OK;
    return sp_error_set(ctx->error, SP_ERR_INVALID, "role: ROLE_VIEWER, ROLE_COMMENTER, ROLE_EDITOR or ROLE_ADMIN");
}

/* Borrows resource and subject. */
static Sallyport__V1__Grant *make_grant(struct sp_admin_context *ctx, const struct sp_admin_new_grant *new_grant) {
    Sallyport__V1__Grant *grant = SP_ADMIN_NEW(ctx, Sallyport__V1__Grant, sallyport__v1__grant);
    if (grant == NULL)
        return NULL;
    grant->resource = (void *)sp_wire_copy(&new_grant->target.ref->base, ctx->arena);
    grant->subject = (void *)sp_wire_copy(&new_grant->subject->base, ctx->arena);
    grant->workspace = ctx->stored_workspace->workspace->id;
    grant->role = new_grant->role;
    grant->creator = new_grant->creator;
    grant->granted_at = new_grant->granted_at_s == 0 ? ctx->now_s : new_grant->granted_at_s;
    return grant->resource != NULL && grant->subject != NULL ? grant : NULL;
}

enum sp_status sp_admin_put_grant(struct sp_admin_context *ctx, const struct sp_admin_new_grant *new_grant,
                                  Sallyport__V1__Grant **ret_grant) {
    const struct sp_admin_target *target = &new_grant->target;
    struct sp_entity_key key;
    const stored_grant *before = NULL;
    stored_grant stored = SALLYPORT__STORE__V1__STORED_GRANT__INIT;
    enum sp_status status = check_role(ctx, new_grant->role);
    if (status == SP_OK)
        status = sp_admin_grant_key(ctx, target->ref, new_grant->subject, &key);
    if (status == SP_OK)
        status = find_subject(ctx, new_grant->subject, &stored.subject_number);
    if (status == SP_OK)
        status = find_stored(ctx, &key, &before);
    if (status == SP_OK && before == NULL)
        status = sp_admin_check_quota(ctx, SP_COUNT_GRANTS, new_grant->unflushed + 1);
    if (status != SP_OK)
        return status;
    Sallyport__V1__Grant *grant = make_grant(ctx, new_grant);
    if (grant == NULL)
        return SP_ERR_MEMORY;
    if (before != NULL && before->type_number == target->type_number)
        grant->creator |= before->grant->creator;
    stored.grant = grant;
    stored.type_number = target->type_number;
    stored.workspace_number = ctx->stored_workspace->number;
    stored.workspace_scoped = target->workspace_scoped;
    status = sp_changeset_put(ctx->changes, &key, &stored.base);
    if (status == SP_OK)
        *ret_grant = grant;
    return status;
}

enum sp_status sp_admin_add_grant(struct sp_admin_context *ctx, const Sallyport__V1__ResourceRef *resource,
                                  const Sallyport__V1__Subject *subject, Sallyport__V1__Role role, bool creator,
                                  Sallyport__V1__Grant **ret_grant) {
    struct sp_admin_new_grant new_grant = {.subject = subject, .role = role, .creator = creator};
    enum sp_status status = sp_admin_target(ctx, resource, &new_grant.target);
    if (status == SP_OK)
        status = sp_admin_check_target(ctx, &new_grant.target);
    return status == SP_OK ? sp_admin_put_grant(ctx, &new_grant, ret_grant) : status;
}

/* ---- who may share ---- */

/* The acting principal's role on the resource. */
static enum sp_status own_role(struct sp_admin_context *ctx, const struct sp_admin_target *target,
                               enum sp_role *ret_role) {
    struct sp_principal_state principal;
    uint8_t key[SP_RESOURCE_KEY_MAX_BYTES];
    uint64_t scope = target->workspace_scoped ? ctx->stored_workspace->number : 0;
    size_t size = sp_resource_key(target->type_number, scope, sp_str_from(target->ref->id), key);
    enum sp_status status = sp_index_principal(ctx->view, ctx->key.principal_number, &principal);
    if (status != SP_OK)
        return status;
    if (principal.found && principal.workspace_admin) {
        *ret_role = SP_ROLE_ADMIN;
        return SP_OK;
    }
    return sp_index_effective_role(ctx->view, (struct sp_bytes){key, size}, ctx->key.principal_number, ret_role);
}

static enum sp_status refuse(struct sp_admin_context *ctx, const struct sp_admin_target *target, const char *why) {
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
                                "[%s] sharing needs the key of an ADMIN user permitted workspace_write, or one that "
                                "may do the type's share action on the resource",
                                sp_reason_name(answer.reason));
    return why == NULL ? SP_ERR_MEMORY : refuse(ctx, target, why);
}

/* Whether the acting key may turn the grant that is there (NULL: none) into `role` (SP_ROLE_NONE: none). An ADMIN user
 * permitted workspace_write may do all of it, whatever its key's other permissions are. */
static enum sp_status check_change(struct sp_admin_context *ctx, const struct sp_admin_target *target,
                                   const Sallyport__V1__Grant *before, enum sp_role role) {
    if (ctx->is_admin)
        return SP_OK;
    enum sp_role own = SP_ROLE_NONE;
    enum sp_status status = check_may_share(ctx, target);
    if (status == SP_OK)
        status = own_role(ctx, target, &own);
    if (status != SP_OK)
        return status;
    if (role > own)
        return refuse(ctx, target, "nobody gives a role above the own one");
    if (before != NULL && (enum sp_role)before->role > own)
        return refuse(ctx, target, "nobody changes a role above the own one");
    if (before != NULL && before->creator && role < (enum sp_role)before->role)
        return refuse(ctx, target, "only a workspace admin lowers or removes the creator's grant");
    return SP_OK;
}

/* ---- changes ---- */

static enum sp_status share(struct sp_admin_context *ctx, const Sallyport__V1__ResourceRef *ref,
                            const Sallyport__V1__Subject *subject, Sallyport__V1__Role role,
                            Sallyport__V1__Grant **ret_grant) {
    struct sp_admin_new_grant new_grant = {.subject = subject, .role = role};
    const Sallyport__V1__Grant *before = NULL;
    enum sp_status status = sp_admin_target(ctx, ref, &new_grant.target);
    if (status == SP_OK)
        status = check_role(ctx, role);
    if (status == SP_OK)
        status = sp_admin_check_target(ctx, &new_grant.target);
    if (status == SP_OK)
        status = sp_admin_find_grant(ctx, &new_grant.target, subject, &before);
    if (status == SP_OK)
        status = check_change(ctx, &new_grant.target, before, (enum sp_role)role);
    return status == SP_OK ? sp_admin_put_grant(ctx, &new_grant, ret_grant) : status;
}

/* A grant of a type that is gone has nobody who may share, but an admin may clear it away. */
static enum sp_status check_removal(struct sp_admin_context *ctx, const Sallyport__V1__ResourceRef *ref,
                                    const stored_grant *stored) {
    struct sp_admin_target target;
    if (ctx->is_admin && stored != NULL)
        return SP_OK;
    enum sp_status status = sp_admin_target(ctx, ref, &target);
    if (status == SP_OK)
        status = sp_admin_check_target(ctx, &target);
    const Sallyport__V1__Grant *before = stored == NULL ? NULL : stored->grant;
    return status == SP_OK ? check_change(ctx, &target, before, SP_ROLE_NONE) : status;
}

/* *ret_existed: there was a grant to remove. */
static enum sp_status unshare(struct sp_admin_context *ctx, const Sallyport__V1__ResourceRef *ref,
                              const Sallyport__V1__Subject *subject, bool *ret_existed) {
    struct sp_entity_key key;
    const stored_grant *stored = NULL;
    if (ref == NULL)
        return sp_error_set(ctx->error, SP_ERR_INVALID, "resource: required");
    enum sp_status status = sp_text_check_word(sp_str_from(ref->type), "resource.type", ctx->error);
    if (status == SP_OK)
        status = sp_text_check_resource_id(sp_str_from(ref->id), "resource.id", ctx->error);
    if (status == SP_OK)
        status = sp_admin_grant_key(ctx, ref, subject, &key);
    if (status == SP_OK)
        status = find_stored(ctx, &key, &stored);
    if (status == SP_OK)
        status = check_removal(ctx, ref, stored);
    if (status == SP_OK && stored != NULL)
        status = sp_changeset_delete(ctx->changes, &key, ctx->now_s);
    if (status == SP_OK)
        *ret_existed = stored != NULL;
    return status;
}

enum sp_status sp_admin_share_resource(struct sp_admin_context *ctx, const ProtobufCMessage *message,
                                       ProtobufCMessage **ret_reply) {
    const Sallyport__V1__ShareResourceRequest *request = (const void *)message;
    Sallyport__V1__GrantResponse *response =
        SP_ADMIN_NEW(ctx, Sallyport__V1__GrantResponse, sallyport__v1__grant_response);
    if (response == NULL)
        return SP_ERR_MEMORY;
    enum sp_status status = share(ctx, request->resource, request->subject, request->role, &response->grant);
    if (status == SP_OK)
        *ret_reply = &response->base;
    return status;
}

static enum sp_status reply(struct sp_admin_context *ctx, ProtobufCMessage **ret_reply) {
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
    enum sp_status status = unshare(ctx, request->resource, request->subject, &existed);
    if (status == SP_OK && !existed)
        return sp_error_set(ctx->error, SP_ERR_NOT_FOUND, "%s %s is not shared with this subject",
                            request->resource->type, request->resource->id);
    return status == SP_OK ? reply(ctx, ret_reply) : status;
}

static enum sp_status update(struct sp_admin_context *ctx, const Sallyport__V1__ShareUpdate *item) {
    Sallyport__V1__Grant *grant = NULL;
    bool existed = false;
    if (item->role == SALLYPORT__V1__ROLE__ROLE_UNSPECIFIED)
        return unshare(ctx, item->resource, item->subject, &existed);
    return share(ctx, item->resource, item->subject, item->role, &grant);
}

/* Names the update in the message of its refusal. */
static enum sp_status at_index(struct sp_admin_context *ctx, size_t i, enum sp_status status) {
    if (ctx->error->status == SP_OK)
        return status;
    char *message = sp_arena_strdup(ctx->arena, sp_str_from(ctx->error->message));
    return message == NULL ? status : sp_error_set(ctx->error, status, "updates[%zu]: %s", i, message);
}

/* Each update sees what the ones before it did: an own role that was taken away by one does not serve the next. */
enum sp_status sp_admin_update_shares(struct sp_admin_context *ctx, const ProtobufCMessage *message,
                                      ProtobufCMessage **ret_reply) {
    const Sallyport__V1__UpdateSharesRequest *request = (const void *)message;
    if (request->n_updates == 0 || request->n_updates > UPDATES_MAX)
        return sp_error_set(ctx->error, SP_ERR_INVALID, "updates: 1 to %d", UPDATES_MAX);
    for (size_t i = 0; i < request->n_updates; i++) {
        enum sp_status status = update(ctx, request->updates[i]);
        if (status == SP_OK)
            status = sp_changeset_flush(ctx->write, ctx->changes, ctx->error);
        if (status != SP_OK)
            return at_index(ctx, i, status);
    }
    return reply(ctx, ret_reply);
}
