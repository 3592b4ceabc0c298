#include "admin/reach.h"
#include "sallyport/store/v1/records.pb-c.h"

enum sp_status sp_admin_reach_of(const Sallyport__Store__V1__StoredKey *stored, struct sp_arena *arena,
                                 struct sp_admin_reach *ret_reach, struct sp_error *error) {
    const Sallyport__V1__ApiKey *key = stored->key;
    if (key == NULL || key->permissions == NULL)
        return sp_error_set(error, SP_ERR_CORRUPT, "a stored key has no content");
    struct sp_admin_reach reach = {.permissions.all = key->permissions->all,
                                   .has_allowlist = key->n_allowed_ips > 0,
                                   .expires_at_s = key->expires_at};
    if (!reach.permissions.all && stored->permission_bits.len != SP_PERMISSION_SET_BYTES)
        return sp_error_set(error, SP_ERR_CORRUPT, "key %s: its permissions are damaged", key->id);
    if (!reach.permissions.all)
        memcpy(reach.permissions.bits, stored->permission_bits.data, SP_PERMISSION_SET_BYTES);
    enum sp_status status =
        sp_allowlist_compile((const char *const *)key->allowed_ips, key->n_allowed_ips, arena, &reach.ranges, error);
    if (status != SP_OK)
        return status == SP_ERR_INVALID ? SP_ERR_CORRUPT : status;
    *ret_reach = reach;
    return SP_OK;
}

const char *sp_admin_reach_beyond(const struct sp_admin_reach *outer, const struct sp_admin_reach *inner) {
    if (!sp_permission_set_covers(&outer->permissions, &inner->permissions))
        return "has permissions that the acting key lacks";
    if (outer->has_allowlist && !inner->has_allowlist)
        return "may be used from any address, but the acting key only from those in its allowlist";
    if (outer->has_allowlist && !sp_allowlist_covers(outer->ranges, inner->ranges))
        return "may be used from addresses outside the acting key's allowlist";
    if (outer->expires_at_s != 0 && (inner->expires_at_s == 0 || inner->expires_at_s > outer->expires_at_s))
        return "outlives the acting key";
    return NULL;
}
