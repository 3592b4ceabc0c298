#include "admin/import_refusals.h"

#include "admin/message.h"
#include "base/text.h"

/* The first letter of a name: what it is the name of. */
enum { WORKSPACE = 'w', PRINCIPAL = 'p', GROUP = 'g', RESOURCE = 'r', NAME_BYTES = 1024 };

struct name {
    uint8_t bytes[NAME_BYTES];
    size_t size; /* 0: too long for anything that can exist */
};

static void append_name_part(struct name *name, const char *part) {
    size_t size = strlen(part) + 1;
    if (name->size == 0 || size > sizeof(name->bytes) - name->size) {
        name->size = 0;
        return;
    }
    memcpy(name->bytes + name->size, part, size);
    name->size += size;
}

static struct name name_thing(char what, const char *workspace, const char *type, const char *id) {
    struct name name = {.bytes = {(uint8_t)what}, .size = 1};
    append_name_part(&name, workspace);
    append_name_part(&name, type);
    append_name_part(&name, id);
    return name;
}

static bool is_missing(const struct sp_admin_import_refusals *refusals, struct name name) {
    return name.size > 0 && sp_batch_map_find(&refusals->missing, (struct sp_bytes){name.bytes, name.size}) != NULL;
}

const char *sp_admin_import_workspace(const Sallyport__V1__ImportRecord *record) {
    switch (record->record_case) {
    case SALLYPORT__V1__IMPORT_RECORD__RECORD_WORKSPACE:
        return record->workspace->id;
    case SALLYPORT__V1__IMPORT_RECORD__RECORD_PRINCIPAL:
        return record->principal->workspace;
    case SALLYPORT__V1__IMPORT_RECORD__RECORD_GROUP:
        return record->group->workspace;
    case SALLYPORT__V1__IMPORT_RECORD__RECORD_MEMBERSHIP:
        return record->membership->workspace;
    case SALLYPORT__V1__IMPORT_RECORD__RECORD_RESOURCE:
        return record->resource->workspace;
    case SALLYPORT__V1__IMPORT_RECORD__RECORD_GRANT:
        return record->grant->workspace;
    case SALLYPORT__V1__IMPORT_RECORD__RECORD_API_KEY:
        return record->api_key->key == NULL ? "" : record->api_key->key->workspace;
    case SALLYPORT__V1__IMPORT_RECORD__RECORD__NOT_SET:
    case _SALLYPORT__V1__IMPORT_RECORD__RECORD__CASE_IS_INT_SIZE:
        break;
    }
    return "";
}

/* ---- what builds on what ---- */

static bool does_grant_miss_something(const struct sp_admin_import_refusals *refusals,
                                      const Sallyport__V1__Grant *grant) {
    const Sallyport__V1__ResourceRef *ref = grant->resource;
    const Sallyport__V1__Subject *subject = grant->subject;
    if (ref != NULL && is_missing(refusals, name_thing(RESOURCE, grant->workspace, ref->type, ref->id)))
        return true;
    if (subject == NULL || subject->kind_case == SALLYPORT__V1__SUBJECT__KIND__NOT_SET)
        return false;
    bool of_group = subject->kind_case == SALLYPORT__V1__SUBJECT__KIND_GROUP;
    return is_missing(refusals, name_thing(of_group ? GROUP : PRINCIPAL, grant->workspace, "",
                                           of_group ? subject->group : subject->principal));
}

bool sp_admin_import_builds_on_refused(const struct sp_admin_import_refusals *refusals,
                                       const Sallyport__V1__ImportRecord *record) {
    const char *workspace = sp_admin_import_workspace(record);
    if (refusals->missing.count == 0)
        return false;
    if (record->record_case != SALLYPORT__V1__IMPORT_RECORD__RECORD_WORKSPACE &&
        is_missing(refusals, name_thing(WORKSPACE, workspace, "", "")))
        return true;
    switch ((int)record->record_case) {
    case SALLYPORT__V1__IMPORT_RECORD__RECORD_MEMBERSHIP:
        return is_missing(refusals, name_thing(GROUP, workspace, "", record->membership->group)) ||
               is_missing(refusals, name_thing(PRINCIPAL, workspace, "", record->membership->principal));
    case SALLYPORT__V1__IMPORT_RECORD__RECORD_GRANT:
        return does_grant_miss_something(refusals, record->grant);
    case SALLYPORT__V1__IMPORT_RECORD__RECORD_API_KEY:
        return record->api_key->key != NULL &&
               is_missing(refusals, name_thing(PRINCIPAL, workspace, "", record->api_key->key->principal));
    default:
        return false;
    }
}

/* ---- what was refused ---- */

/* What is there already is not missing because it was refused. */
static bool note_missing(struct sp_admin_import_refusals *refusals, const Sallyport__V1__ImportRecord *record) {
    const char *workspace = sp_admin_import_workspace(record);
    struct name name = {.size = 0};
    switch ((int)record->record_case) {
    case SALLYPORT__V1__IMPORT_RECORD__RECORD_WORKSPACE:
        name = name_thing(WORKSPACE, workspace, "", "");
        break;
    case SALLYPORT__V1__IMPORT_RECORD__RECORD_PRINCIPAL:
        name = name_thing(PRINCIPAL, workspace, "", record->principal->id);
        break;
    case SALLYPORT__V1__IMPORT_RECORD__RECORD_GROUP:
        name = name_thing(GROUP, workspace, "", record->group->id);
        break;
    case SALLYPORT__V1__IMPORT_RECORD__RECORD_RESOURCE:
        if (record->resource->ref != NULL)
            name = name_thing(RESOURCE, workspace, record->resource->ref->type, record->resource->ref->id);
        break;
    default:
        break;
    }
    if (name.size == 0 || is_missing(refusals, name))
        return true;
    return sp_batch_map_put(&refusals->missing, (struct sp_bytes){name.bytes, name.size}, refusals) == SP_OK;
}

static bool is_fault_of_record(enum sp_status status) {
    return status == SP_ERR_INVALID || status == SP_ERR_NOT_FOUND || status == SP_ERR_EXISTS ||
           status == SP_ERR_PRECONDITION || status == SP_ERR_PERMISSION;
}

bool sp_admin_import_keep_refusal(struct sp_admin_import_refusals *refusals, const Sallyport__V1__ImportRecord *record,
                                  uint64_t line, const struct sp_error *why) {
    if (refusals->wanted == 0 || !is_fault_of_record(why->status) || refusals->count >= SP_IMPORT_REFUSALS_MAX)
        return false;
    Sallyport__V1__ImportResponse__Refusal *refusal =
        sp_admin_new_message(refusals->arena, &sallyport__v1__import_response__refusal__descriptor);
    char *message = sp_arena_strdup(refusals->arena, sp_str_from(why->message));
    if (refusal == NULL || message == NULL)
        return false;
    refusal->line = line;
    refusal->message = message;
    refusals->status = refusals->count == 0 ? why->status : refusals->status;
    refusals->kept[refusals->count++] = refusal;
    if (why->status != SP_ERR_EXISTS && !note_missing(refusals, record))
        return false;
    return refusals->count < refusals->wanted && refusals->count < SP_IMPORT_REFUSALS_MAX;
}
