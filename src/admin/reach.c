#include "admin/reach.h"

#include "core/schema.h"
#include "sallyport/store/v1/records.pb-c.h"

bool sp_admin_key_lists(const Sallyport__V1__ApiKey *key, const char *permission) {
    for (size_t i = 0; key->permissions != NULL && i < key->permissions->n_names; i++)
        if (strcmp(key->permissions->names[i], permission) == 0)
            return true;
    return false;
}

bool sp_admin_key_rotates_itself(const Sallyport__V1__ApiKey *key) {
    return sp_admin_key_lists(key, SP_PERMISSION_ROTATE) && (key->expires_at == 0 || key->not_after != 0);
}

int64_t sp_admin_key_end(const Sallyport__V1__ApiKey *key) {
    return sp_admin_key_rotates_itself(key) ? key->not_after : key->expires_at;
}

bool sp_admin_is_earlier_end(int64_t time_s, int64_t than_s) {
    return time_s != 0 && (than_s == 0 || time_s < than_s);
}

int64_t sp_admin_earlier_end(int64_t a_s, int64_t b_s) {
    if (a_s == 0 || b_s == 0)
        return a_s + b_s;
    return a_s < b_s ? a_s : b_s;
}

static int64_t max_end_s(int64_t a_s, int64_t b_s) {
    if (a_s == 0 || b_s == 0)
        return 0;
    return a_s > b_s ? a_s : b_s;
}

static enum sp_status read_permission_bits(const Sallyport__Store__V1__StoredKey *stored,
                                           const struct sp_permission_set *claiming,
                                           struct sp_permission_set *permissions, struct sp_error *error) {
    const Sallyport__V1__Permissions *given = stored->key->permissions;
    *permissions = (struct sp_permission_set){.all = given->all};
    if (given->all)
        return SP_OK;
    if (stored->permission_bits.len != SP_PERMISSION_SET_BYTES)
        return sp_error_set(error, SP_ERR_CORRUPT, "key %s: its permissions are damaged", stored->key->id);
    for (size_t i = 0; i < SP_PERMISSION_SET_BYTES; i++)
        permissions->bits[i] = (uint8_t)(stored->permission_bits.data[i] & ~claiming->bits[i]);
    return SP_OK;
}

enum sp_status sp_admin_reach_of(const Sallyport__Store__V1__StoredKey *stored,
                                 const struct sp_permission_set *claiming, struct sp_arena *arena,
                                 struct sp_admin_reach *ret_reach, struct sp_error *error) {
    const Sallyport__V1__ApiKey *key = stored->key;
    if (key == NULL || key->permissions == NULL)
        return sp_error_set(error, SP_ERR_CORRUPT, "a stored key has no content");
    struct sp_admin_reach reach = {.registers = sp_admin_key_lists(key, SP_PERMISSION_REGISTER),
                                   .rotates = sp_admin_key_lists(key, SP_PERMISSION_ROTATE),
                                   .has_allowlist = key->n_allowed_ips > 0,
                                   .ends_at_s = max_end_s(key->expires_at, sp_admin_key_end(key))};
    enum sp_status status = read_permission_bits(stored, claiming, &reach.permissions, error);
    if (status != SP_OK)
        return status;
    status =
        sp_allowlist_compile((const char *const *)key->allowed_ips, key->n_allowed_ips, arena, &reach.ranges, error);
    if (status != SP_OK)
        return status == SP_ERR_INVALID ? SP_ERR_CORRUPT : status;
    *ret_reach = reach;
    return SP_OK;
}

const char *sp_admin_reach_beyond(const struct sp_admin_reach *outer, const struct sp_admin_reach *inner) {
    if (!sp_permission_set_covers(&outer->permissions, &inner->permissions))
        return "has permissions that the acting key lacks";
    if (inner->registers && !outer->registers)
        return "may register resources, but the acting key may not";
    if (outer->has_allowlist && !inner->has_allowlist)
        return "may be used from any address, but the acting key only from those in its allowlist";
    if (outer->has_allowlist && !sp_allowlist_covers(outer->ranges, inner->ranges))
        return "may be used from addresses outside the acting key's allowlist";
    if (outer->ends_at_s != 0 && (inner->ends_at_s == 0 || inner->ends_at_s > outer->ends_at_s))
        return "outlives the acting key";
    return NULL;
}

bool sp_admin_reach_widens(const struct sp_admin_reach *before, const struct sp_admin_reach *after) {
    return (after->rotates && !before->rotates) || sp_admin_reach_beyond(before, after) != NULL;
}
