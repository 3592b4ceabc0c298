#include "admin/grant.h"

#include <assert.h>

#include "admin/entities.h"
#include "admin/message.h"
#include "admin/new_text.h"
#include "admin/quota.h"
#include "base/text.h"
#include "core/key_like.h"
#include "sallyport/store/v1/records.pb-c.h"
#include "store/records/changeset.h"
#include "store/records/entity.h"
#include "store/records/entity_key.h"
#include "store/records/index.h"
#include "store/records/layout.h"
#include "store/records/resource_key.h"
#include "wire/wire.h"

typedef Sallyport__Store__V1__StoredGrant stored_grant;

/* ---- subjects ---- */

enum sp_status sp_admin_read_subject(struct sp_admin_context *ctx, const Sallyport__V1__Subject *subject,
                                     struct sp_admin_subject *ret_subject) {
    if (subject == NULL || subject->kind_case == SALLYPORT__V1__SUBJECT__KIND__NOT_SET)
        return sp_error_set(ctx->error, SP_ERR_INVALID, "subject: give a principal or a group");
    bool group = subject->kind_case == SALLYPORT__V1__SUBJECT__KIND_GROUP;
    struct sp_str id = sp_str_from(group ? subject->group : subject->principal);
    enum sp_status status = group ? sp_text_check_id(id, "subject.group", ctx->error)
                                  : sp_text_check_principal_id(id, "subject.principal", ctx->error);
    if (status != SP_OK)
        return status;
    *ret_subject = (struct sp_admin_subject){.kind = group ? SP_SUBJECT_GROUP : SP_SUBJECT_PRINCIPAL, .id = id};
    return SP_OK;
}

enum sp_status sp_admin_find_subject(struct sp_admin_context *ctx, const Sallyport__V1__Subject *subject,
                                     struct sp_admin_subject *ret_subject) {
    struct sp_admin_subject found;
    Sallyport__Store__V1__StoredPrincipal *principal = NULL;
    Sallyport__Store__V1__StoredGroup *group = NULL;
    enum sp_status status = sp_admin_read_subject(ctx, subject, &found);
    if (status != SP_OK)
        return status;
    if (found.kind == SP_SUBJECT_GROUP)
        status = sp_admin_load_group(ctx, subject->group, &group);
    else
        status = sp_admin_load_principal(ctx, subject->principal, &principal);
    if (status != SP_OK)
        return status;
    assert(group != NULL || principal != NULL);
    found.number = group != NULL ? group->number : principal->number;
    *ret_subject = found;
    return SP_OK;
}

/* ---- grants ---- */

enum sp_status sp_admin_check_role(struct sp_admin_context *ctx, Sallyport__V1__Role role) {
    if (role >= SALLYPORT__V1__ROLE__ROLE_VIEWER && role <= SALLYPORT__V1__ROLE__ROLE_ADMIN)
        return SP_OK;
    return sp_error_set(ctx->error, SP_ERR_INVALID, "role: ROLE_VIEWER, ROLE_COMMENTER, ROLE_EDITOR or ROLE_ADMIN");
}

enum sp_status sp_admin_grant_key(struct sp_admin_context *ctx, const Sallyport__V1__ResourceRef *ref,
                                  const Sallyport__V1__Subject *subject, struct sp_entity_key *ret_key) {
    struct sp_admin_subject named;
    enum sp_status status = sp_admin_read_subject(ctx, subject, &named);
    if (status != SP_OK)
        return status;
    return sp_entity_key_grant(ctx->workspace, sp_str_from(ref->type), sp_str_from(ref->id), named.kind, named.id,
                               ret_key);
}

enum sp_status sp_admin_load_grant(struct sp_admin_context *ctx, const struct sp_entity_key *key,
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
    if (status != SP_OK)
        return status;
    status = sp_admin_load_grant(ctx, &key, &stored);
    if (status != SP_OK)
        return status;
    *ret_grant = stored != NULL && stored->type_number == target->type_number ? stored->grant : NULL;
    return SP_OK;
}

/* NULL when out of memory. */
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

/* A resource that is not registered is known by its first grant. */
static enum sp_status refuse_key_as_resource(struct sp_admin_context *ctx, const struct sp_admin_target *target) {
    uint8_t room[SP_RESOURCE_KEY_MAX_BYTES];
    uint64_t owner = 0;
    struct sp_str part, id = sp_str_from(target->ref->id);
    enum sp_status status =
        sp_key_like_find(id, &part) ? sp_index_owner(ctx->view, sp_admin_target_key(ctx, target, room), &owner) : SP_OK;
    if (status != SP_OK || owner != 0)
        return status;
    return sp_admin_refuse_key_text(id, "resource.id", ctx->error);
}

enum sp_status sp_admin_put_grant(struct sp_admin_context *ctx, const struct sp_admin_new_grant *new_grant,
                                  Sallyport__V1__Grant **ret_grant) {
    const struct sp_admin_target *target = &new_grant->target;
    struct sp_entity_key key;
    struct sp_admin_subject subject;
    const stored_grant *before = NULL;
    enum sp_status status = sp_admin_check_role(ctx, new_grant->role);
    if (status != SP_OK)
        return status;
    status = sp_admin_find_subject(ctx, new_grant->subject, &subject);
    if (status != SP_OK)
        return status;
    status = sp_admin_grant_key(ctx, target->ref, new_grant->subject, &key);
    if (status != SP_OK)
        return status;
    status = sp_admin_load_grant(ctx, &key, &before);
    if (status != SP_OK)
        return status;
    if (before == NULL) {
        status = refuse_key_as_resource(ctx, target);
        if (status != SP_OK)
            return status;
        status = sp_admin_check_quota(ctx, SP_COUNT_GRANTS, new_grant->unflushed + 1);
        if (status != SP_OK)
            return status;
    }
    Sallyport__V1__Grant *grant = make_grant(ctx, new_grant);
    if (grant == NULL)
        return SP_ERR_MEMORY;
    if (before != NULL && before->type_number == target->type_number)
        grant->creator |= before->grant->creator;
    stored_grant stored = SALLYPORT__STORE__V1__STORED_GRANT__INIT;
    stored.grant = grant;
    stored.subject_number = subject.number;
    stored.type_number = target->type_number;
    stored.workspace_number = ctx->stored_workspace->number;
    stored.workspace_scoped = target->workspace_scoped;
    status = sp_changeset_put(ctx->changes, &key, &stored.base);
    if (status != SP_OK)
        return status;
    *ret_grant = grant;
    return SP_OK;
}
