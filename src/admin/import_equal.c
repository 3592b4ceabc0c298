#include "admin/import_equal.h"

#include "admin/target.h"
#include "store/records/entity.h"
#include "store/records/entity_key.h"
#include "wire/message_difference.h"

/* `what`: "user u1". */
static enum sp_status judge_difference(struct sp_admin_context *ctx, const char *what, const char *id,
                                       const char *difference, bool *ret_equal) {
    if (difference != NULL)
        return sp_error_set(ctx->error, SP_ERR_EXISTS,
                            "%s%s%s already exists, but its %s differs: make the two equal, or remove the record", what,
                            id[0] != '\0' ? " " : "", id, difference);
    *ret_equal = true;
    return SP_OK;
}

static enum sp_status require_id(struct sp_admin_context *ctx, const char *what, const char *id) {
    if (id[0] != '\0')
        return SP_OK;
    return sp_error_set(ctx->error, SP_ERR_INVALID,
                        "%s.id: required when continuing an import: without one, the server cannot tell whether the "
                        "record was imported",
                        what);
}

/* NULL: it does not exist. */
static enum sp_status find_entity(struct sp_admin_context *ctx, const struct sp_entity_key *key, void *ret_stored) {
    ProtobufCMessage *message = NULL;
    enum sp_status status = sp_entity_get(ctx->view, key, ctx->arena, &message);
    if (status != SP_OK && status != SP_ERR_NOT_FOUND)
        return status;
    *(ProtobufCMessage **)ret_stored = message;
    return SP_OK;
}

/* ---- by kind ---- */

static enum sp_status is_workspace_equal(struct sp_admin_context *ctx, const Sallyport__V1__Workspace *record,
                                         bool *ret_equal) {
    struct sp_entity_key key;
    const Sallyport__Store__V1__StoredWorkspace *stored = NULL;
    enum sp_status status = require_id(ctx, "workspace", record->id);
    if (status != SP_OK)
        return status;
    if (sp_entity_key_make(SP_KIND_WORKSPACE, sp_str_from(record->id), NULL, 0, &key) != SP_OK)
        return SP_OK; /* nothing has such a name */
    status = find_entity(ctx, &key, &stored);
    if (status != SP_OK || stored == NULL)
        return status;
    Sallyport__V1__Workspace wanted = *record;
    wanted.deleting = false;
    if (wanted.plan == SALLYPORT__V1__PLAN__PLAN_UNSPECIFIED)
        wanted.plan = SALLYPORT__V1__PLAN__PLAN_FREE;
    if (wanted.seats == 0)
        wanted.seats = 1;
    if (wanted.created_at == 0)
        wanted.created_at = stored->workspace->created_at;
    return judge_difference(ctx, "workspace", record->id,
                            sp_wire_find_difference(&wanted.base, &stored->workspace->base), ret_equal);
}

static enum sp_status is_principal_equal(struct sp_admin_context *ctx, const Sallyport__V1__Principal *record,
                                         bool *ret_equal) {
    struct sp_entity_key key;
    const Sallyport__Store__V1__StoredPrincipal *stored = NULL;
    enum sp_status status = require_id(ctx, "principal", record->id);
    if (status != SP_OK)
        return status;
    if (sp_entity_key_1(SP_KIND_PRINCIPAL, ctx->workspace, sp_str_from(record->id), &key) != SP_OK)
        return SP_OK; /* nothing has such a name */
    status = find_entity(ctx, &key, &stored);
    if (status != SP_OK || stored == NULL || stored->deleting)
        return status;
    Sallyport__V1__Principal wanted = *record;
    wanted.alias = stored->principal->alias;
    if (wanted.role == SALLYPORT__V1__WORKSPACE_ROLE__WORKSPACE_ROLE_UNSPECIFIED)
        wanted.role = SALLYPORT__V1__WORKSPACE_ROLE__WORKSPACE_ROLE_MEMBER;
    if (wanted.created_at == 0)
        wanted.created_at = stored->principal->created_at;
    return judge_difference(ctx, "principal", record->id,
                            sp_wire_find_difference(&wanted.base, &stored->principal->base), ret_equal);
}

static enum sp_status is_group_equal(struct sp_admin_context *ctx, const Sallyport__V1__Group *record,
                                     bool *ret_equal) {
    struct sp_entity_key key;
    const Sallyport__Store__V1__StoredGroup *stored = NULL;
    enum sp_status status = require_id(ctx, "group", record->id);
    if (status != SP_OK)
        return status;
    if (sp_entity_key_1(SP_KIND_GROUP, ctx->workspace, sp_str_from(record->id), &key) != SP_OK)
        return SP_OK; /* nothing has such a name */
    status = find_entity(ctx, &key, &stored);
    if (status != SP_OK || stored == NULL || stored->deleting)
        return status;
    Sallyport__V1__Group wanted = *record;
    wanted.members = stored->group->members;
    if (wanted.created_at == 0)
        wanted.created_at = stored->group->created_at;
    return judge_difference(ctx, "group", record->id, sp_wire_find_difference(&wanted.base, &stored->group->base),
                            ret_equal);
}

static enum sp_status is_membership_equal(struct sp_admin_context *ctx, const Sallyport__V1__Membership *record,
                                          bool *ret_equal) {
    struct sp_entity_key key;
    const Sallyport__Store__V1__StoredMembership *stored = NULL;
    const struct sp_str parts[] = {sp_str_from(record->group), sp_str_from(record->principal)};
    if (sp_entity_key_make(SP_KIND_MEMBERSHIP, ctx->workspace, parts, 2, &key) != SP_OK)
        return SP_OK; /* nothing has such a name */
    enum sp_status status = find_entity(ctx, &key, &stored);
    if (status != SP_OK || stored == NULL)
        return status;
    Sallyport__V1__Membership wanted = *record;
    if (wanted.added_at == 0)
        wanted.added_at = stored->membership->added_at;
    return judge_difference(ctx, "this membership", "",
                            sp_wire_find_difference(&wanted.base, &stored->membership->base), ret_equal);
}

static enum sp_status is_resource_equal(struct sp_admin_context *ctx, const Sallyport__V1__Resource *record,
                                        bool *ret_equal) {
    struct sp_entity_key key;
    struct sp_admin_target target;
    const Sallyport__Store__V1__StoredResource *stored = NULL;
    if (record->ref == NULL || sp_admin_find_target(ctx, record->ref, &target) != SP_OK)
        return SP_OK;
    const struct sp_str parts[] = {sp_str_from(record->ref->type), sp_str_from(record->ref->id)};
    if (sp_entity_key_make(SP_KIND_RESOURCE, ctx->workspace, parts, 2, &key) != SP_OK)
        return SP_OK; /* nothing has such a name */
    enum sp_status status = find_entity(ctx, &key, &stored);
    if (status != SP_OK || stored == NULL || stored->deleting || stored->type_number != target.type_number)
        return status;
    Sallyport__V1__Resource wanted = *record;
    if (wanted.created_at == 0)
        wanted.created_at = stored->resource->created_at;
    return judge_difference(ctx, record->ref->type, record->ref->id,
                            sp_wire_find_difference(&wanted.base, &stored->resource->base), ret_equal);
}

static enum sp_status is_grant_equal(struct sp_admin_context *ctx, const Sallyport__V1__Grant *record,
                                     bool *ret_equal) {
    struct sp_entity_key key;
    struct sp_admin_target target;
    const Sallyport__Store__V1__StoredGrant *stored = NULL;
    if (record->resource == NULL || record->subject == NULL ||
        record->subject->kind_case == SALLYPORT__V1__SUBJECT__KIND__NOT_SET ||
        sp_admin_find_target(ctx, record->resource, &target) != SP_OK)
        return SP_OK;
    bool of_group = record->subject->kind_case == SALLYPORT__V1__SUBJECT__KIND_GROUP;
    if (sp_entity_key_grant(ctx->workspace, sp_str_from(record->resource->type), sp_str_from(record->resource->id),
                            of_group ? SP_SUBJECT_GROUP : SP_SUBJECT_PRINCIPAL,
                            sp_str_from(of_group ? record->subject->group : record->subject->principal), &key) != SP_OK)
        return SP_OK; /* nothing has such a name */
    enum sp_status status = find_entity(ctx, &key, &stored);
    if (status != SP_OK || stored == NULL || stored->type_number != target.type_number)
        return status;
    Sallyport__V1__Grant wanted = *record;
    if (wanted.granted_at == 0)
        wanted.granted_at = stored->grant->granted_at;
    return judge_difference(ctx, "this grant", "", sp_wire_find_difference(&wanted.base, &stored->grant->base),
                            ret_equal);
}

enum sp_status sp_admin_import_is_equal(struct sp_admin_context *ctx, const Sallyport__V1__ImportRecord *record,
                                        bool *ret_equal) {
    *ret_equal = false;
    switch (record->record_case) {
    case SALLYPORT__V1__IMPORT_RECORD__RECORD_WORKSPACE:
        return is_workspace_equal(ctx, record->workspace, ret_equal);
    case SALLYPORT__V1__IMPORT_RECORD__RECORD_PRINCIPAL:
        return is_principal_equal(ctx, record->principal, ret_equal);
    case SALLYPORT__V1__IMPORT_RECORD__RECORD_GROUP:
        return is_group_equal(ctx, record->group, ret_equal);
    case SALLYPORT__V1__IMPORT_RECORD__RECORD_MEMBERSHIP:
        return is_membership_equal(ctx, record->membership, ret_equal);
    case SALLYPORT__V1__IMPORT_RECORD__RECORD_RESOURCE:
        return is_resource_equal(ctx, record->resource, ret_equal);
    case SALLYPORT__V1__IMPORT_RECORD__RECORD_GRANT:
        return is_grant_equal(ctx, record->grant, ret_equal);
    case SALLYPORT__V1__IMPORT_RECORD__RECORD_API_KEY: /* import_key_equal.h */
    case SALLYPORT__V1__IMPORT_RECORD__RECORD__NOT_SET:
    case _SALLYPORT__V1__IMPORT_RECORD__RECORD__CASE_IS_INT_SIZE:
        break;
    }
    return SP_OK;
}
