#include "store/records/change_key.h"

#include <string.h>

static enum sp_status read_membership_key(const Sallyport__V1__EntityChange *change, struct sp_entity_key *ret_key) {
    bool after = change->after_case == SALLYPORT__V1__ENTITY_CHANGE__AFTER_MEMBERSHIP_AFTER;
    const Sallyport__V1__Membership *membership = after ? change->membership_after : change->membership_before;
    if (membership == NULL)
        return SP_ERR_INVALID;
    struct sp_str parts[] = {sp_str_from(membership->group), sp_str_from(membership->principal)};
    return sp_entity_key_make(SP_KIND_MEMBERSHIP, sp_str_from(change->workspace), parts, 2, ret_key);
}

static enum sp_status read_grant_key(const Sallyport__V1__EntityChange *change, struct sp_entity_key *ret_key) {
    bool after = change->after_case == SALLYPORT__V1__ENTITY_CHANGE__AFTER_GRANT_AFTER;
    const Sallyport__V1__Grant *grant = after ? change->grant_after : change->grant_before;
    if (grant == NULL || grant->resource == NULL || grant->subject == NULL ||
        grant->subject->kind_case == SALLYPORT__V1__SUBJECT__KIND__NOT_SET)
        return SP_ERR_INVALID;
    bool group = grant->subject->kind_case == SALLYPORT__V1__SUBJECT__KIND_GROUP;
    return sp_entity_key_grant(sp_str_from(change->workspace), sp_str_from(grant->resource->type),
                               sp_str_from(grant->resource->id), group ? 'g' : 'p',
                               sp_str_from(group ? grant->subject->group : grant->subject->principal), ret_key);
}

/* "type/id": a type holds no '/'. */
static enum sp_status read_resource_key(const Sallyport__V1__EntityChange *change, struct sp_entity_key *ret_key) {
    const char *slash = strchr(change->id, '/');
    if (slash == NULL)
        return SP_ERR_INVALID;
    struct sp_str parts[] = {{change->id, (size_t)(slash - change->id)}, sp_str_from(slash + 1)};
    return sp_entity_key_make(SP_KIND_RESOURCE, sp_str_from(change->workspace), parts, 2, ret_key);
}

enum sp_status sp_entity_key_of_change(const Sallyport__V1__EntityChange *change, struct sp_entity_key *ret_key) {
    struct sp_str workspace = sp_str_from(change->workspace), id = sp_str_from(change->id);
    switch ((int)change->kind) {
    case SALLYPORT__V1__ENTITY_KIND__ENTITY_SCHEMA:
        return sp_entity_key_make(SP_KIND_SCHEMA, workspace, NULL, 0, ret_key);
    case SALLYPORT__V1__ENTITY_KIND__ENTITY_OPERATOR:
        return sp_entity_key_1(SP_KIND_OPERATOR, workspace, id, ret_key);
    case SALLYPORT__V1__ENTITY_KIND__ENTITY_WORKSPACE:
        return sp_entity_key_make(SP_KIND_WORKSPACE, workspace, NULL, 0, ret_key);
    case SALLYPORT__V1__ENTITY_KIND__ENTITY_PRINCIPAL:
        return sp_entity_key_1(SP_KIND_PRINCIPAL, workspace, id, ret_key);
    case SALLYPORT__V1__ENTITY_KIND__ENTITY_GROUP:
        return sp_entity_key_1(SP_KIND_GROUP, workspace, id, ret_key);
    case SALLYPORT__V1__ENTITY_KIND__ENTITY_API_KEY:
        return sp_entity_key_1(SP_KIND_KEY, workspace, id, ret_key);
    case SALLYPORT__V1__ENTITY_KIND__ENTITY_MEMBERSHIP:
        return read_membership_key(change, ret_key);
    case SALLYPORT__V1__ENTITY_KIND__ENTITY_GRANT:
        return read_grant_key(change, ret_key);
    case SALLYPORT__V1__ENTITY_KIND__ENTITY_RESOURCE:
        return read_resource_key(change, ret_key);
    default:
        return SP_ERR_INVALID;
    }
}
