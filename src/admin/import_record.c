#include "admin/import_record.h"

#include "admin/entities.h"
#include "admin/grant.h"
#include "admin/group.h"
#include "admin/import_key.h"
#include "admin/principal.h"
#include "admin/quota.h"
#include "admin/resource.h"
#include "admin/workspace.h"
#include "base/text.h"

static enum sp_status import_workspace(struct sp_admin_import_state *import, const Sallyport__V1__Workspace *record) {
    enum sp_status status = sp_admin_import_check_time(import, "created_at", record->created_at);
    if (status != SP_OK)
        return status;
    status = sp_admin_add_workspace(&import->ctx, record);
    if (status != SP_OK)
        return status;
    return sp_admin_import_remember_home(import);
}

/* What records of things in a workspace begin with. */
static enum sp_status begin_record(struct sp_admin_import_state *import, const char *workspace, const char *time_field,
                                   int64_t time_s) {
    enum sp_status status = sp_admin_import_enter_home(import, workspace);
    if (status != SP_OK)
        return status;
    return sp_admin_import_check_time(import, time_field, time_s);
}

static enum sp_status import_principal(struct sp_admin_import_state *import, const Sallyport__V1__Principal *record) {
    Sallyport__Store__V1__StoredPrincipal *made = NULL;
    enum sp_status status = begin_record(import, record->workspace, "created_at", record->created_at);
    if (status != SP_OK)
        return status;
    return sp_admin_add_principal(&import->ctx, record, &made);
}

static enum sp_status import_group(struct sp_admin_import_state *import, const Sallyport__V1__Group *record) {
    Sallyport__Store__V1__StoredGroup *made = NULL;
    enum sp_status status = begin_record(import, record->workspace, "created_at", record->created_at);
    if (status != SP_OK)
        return status;
    return sp_admin_add_group(&import->ctx, record, &made);
}

static enum sp_status import_membership(struct sp_admin_import_state *import, const Sallyport__V1__Membership *record) {
    struct sp_admin_context *ctx = &import->ctx;
    Sallyport__Store__V1__StoredGroup *group = NULL;
    Sallyport__Store__V1__StoredPrincipal *principal = NULL;
    bool is_member = false;
    enum sp_status status = begin_record(import, record->workspace, "added_at", record->added_at);
    if (status != SP_OK)
        return status;
    status = sp_admin_load_group(ctx, record->group, &group);
    if (status != SP_OK)
        return status;
    status = sp_admin_import_find_principal(import, record->principal, &principal);
    if (status != SP_OK)
        return status;
    status = sp_admin_is_member(ctx, record->group, record->principal, &is_member);
    if (status != SP_OK)
        return status;
    if (is_member)
        return sp_error_set(ctx->error, SP_ERR_EXISTS, "principal %s is already a member of group %s",
                            record->principal, record->group);
    status = sp_admin_check_quota(ctx, SP_COUNT_MEMBERS, 1);
    if (status != SP_OK)
        return status;
    return sp_admin_add_member(ctx, group, principal, record->added_at);
}

/* The creator is recorded and given nothing: its grant is a record of its own, as it is in an
 * export. */
static enum sp_status import_resource(struct sp_admin_import_state *import, const Sallyport__V1__Resource *record) {
    struct sp_admin_target target;
    Sallyport__V1__Resource *made = NULL;
    enum sp_status status = begin_record(import, record->workspace, "created_at", record->created_at);
    if (status != SP_OK)
        return status;
    if (record->creator[0] != '\0') {
        status = sp_text_check_principal_id(sp_str_from(record->creator), "creator", import->ctx.error);
        if (status != SP_OK)
            return status;
    }
    status = sp_admin_find_target(&import->ctx, record->ref, &target);
    if (status != SP_OK)
        return status;
    return sp_admin_add_resource(&import->ctx, &target, record, &made);
}

static enum sp_status import_grant(struct sp_admin_import_state *import, const Sallyport__V1__Grant *record) {
    struct sp_admin_context *ctx = &import->ctx;
    struct sp_admin_new_grant grant = {.subject = record->subject,
                                       .role = record->role,
                                       .creator = record->creator,
                                       .granted_at_s = record->granted_at};
    const Sallyport__V1__Grant *there = NULL;
    Sallyport__V1__Grant *made = NULL;
    enum sp_status status = begin_record(import, record->workspace, "granted_at", record->granted_at);
    if (status != SP_OK)
        return status;
    status = sp_admin_find_target(ctx, record->resource, &grant.target);
    if (status != SP_OK)
        return status;
    status = sp_admin_check_target(ctx, &grant.target);
    if (status != SP_OK)
        return status;
    status = sp_admin_find_grant(ctx, &grant.target, record->subject, &there);
    if (status != SP_OK)
        return status;
    if (there != NULL)
        return sp_error_set(ctx->error, SP_ERR_EXISTS, "%s %s is already shared with this subject",
                            record->resource->type, record->resource->id);
    return sp_admin_put_grant(ctx, &grant, &made);
}

enum sp_status sp_admin_import_by_kind(struct sp_admin_import_state *import,
                                       const Sallyport__V1__ImportRecord *record) {
    switch (record->record_case) {
    case SALLYPORT__V1__IMPORT_RECORD__RECORD_WORKSPACE:
        return import_workspace(import, record->workspace);
    case SALLYPORT__V1__IMPORT_RECORD__RECORD_PRINCIPAL:
        return import_principal(import, record->principal);
    case SALLYPORT__V1__IMPORT_RECORD__RECORD_GROUP:
        return import_group(import, record->group);
    case SALLYPORT__V1__IMPORT_RECORD__RECORD_MEMBERSHIP:
        return import_membership(import, record->membership);
    case SALLYPORT__V1__IMPORT_RECORD__RECORD_RESOURCE:
        return import_resource(import, record->resource);
    case SALLYPORT__V1__IMPORT_RECORD__RECORD_GRANT:
        return import_grant(import, record->grant);
    case SALLYPORT__V1__IMPORT_RECORD__RECORD_API_KEY:
        return sp_admin_import_key(import, record->api_key);
    case SALLYPORT__V1__IMPORT_RECORD__RECORD__NOT_SET:
    case _SALLYPORT__V1__IMPORT_RECORD__RECORD__CASE_IS_INT_SIZE:
        break;
    }
    return sp_admin_import_refuse(
        import, "record: required: one of workspace, principal, group, membership, resource, grant, api_key");
}
