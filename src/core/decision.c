#include "core/decision.h"

#include "core/allowlist.h"

static const struct {
    const char *name;
    unsigned http_status;
} reasons[] = {
    [SP_REASON_NONE] = {"REASON_UNSPECIFIED", 500},
    [SP_REASON_ALLOWED] = {"ALLOWED", 200},
    [SP_REASON_STALE] = {"STALE", 503},
    [SP_REASON_KEY_MALFORMED] = {"KEY_MALFORMED", 401},
    [SP_REASON_KEY_UNKNOWN] = {"KEY_UNKNOWN", 401},
    [SP_REASON_KEY_DISABLED] = {"KEY_DISABLED", 401},
    [SP_REASON_KEY_EXPIRED] = {"KEY_EXPIRED", 401},
    [SP_REASON_WORKSPACE_DISABLED] = {"WORKSPACE_DISABLED", 401},
    [SP_REASON_PRINCIPAL_DISABLED] = {"PRINCIPAL_DISABLED", 401},
    [SP_REASON_WORKSPACE_MISMATCH] = {"WORKSPACE_MISMATCH", 403},
    [SP_REASON_IP_NOT_ALLOWED] = {"IP_NOT_ALLOWED", 403},
    [SP_REASON_ACTION_UNKNOWN] = {"ACTION_UNKNOWN", 403},
    [SP_REASON_PERMISSION_MISSING] = {"PERMISSION_MISSING", 403},
    [SP_REASON_RESOURCE_UNKNOWN] = {"RESOURCE_UNKNOWN", 403},
    [SP_REASON_NOT_SHARED] = {"NOT_SHARED", 403},
    [SP_REASON_ROLE_TOO_LOW] = {"ROLE_TOO_LOW", 403},
    [SP_REASON_ROUTE_UNKNOWN] = {"ROUTE_UNKNOWN", 403},
    [SP_REASON_CREDENTIAL_MISSING] = {"CREDENTIAL_MISSING", 401},
    [SP_REASON_CREDENTIAL_AMBIGUOUS] = {"CREDENTIAL_AMBIGUOUS", 401},
    [SP_REASON_REQUEST_MALFORMED] = {"REQUEST_MALFORMED", 400},
    [SP_REASON_WORKSPACE_UNKNOWN] = {"WORKSPACE_UNKNOWN", 401},
    [SP_REASON_PRINCIPAL_UNKNOWN] = {"PRINCIPAL_UNKNOWN", 401},
};

_Static_assert(sizeof(reasons) / sizeof(*reasons) == SP_REASON_COUNT, "every reason has its row");

const char *sp_reason_name(enum sp_reason reason) {
    return reasons[(unsigned)reason < SP_REASON_COUNT ? reason : SP_REASON_NONE].name;
}

unsigned sp_reason_http_status(enum sp_reason reason) {
    return reasons[(unsigned)reason < SP_REASON_COUNT ? reason : SP_REASON_NONE].http_status;
}

enum sp_reason sp_reason_find(struct sp_str name) {
    for (enum sp_reason reason = SP_REASON_ALLOWED; reason < SP_REASON_COUNT; reason++)
        if (sp_str_equal(name, sp_str_from(reasons[reason].name)))
            return reason;
    return SP_REASON_NONE;
}

enum sp_reason sp_step_key_live(const struct sp_key *key, int64_t now_s) {
    if (key->disabled)
        return SP_REASON_KEY_DISABLED;
    return key->expires_at_s != 0 && now_s >= key->expires_at_s ? SP_REASON_KEY_EXPIRED : SP_REASON_NONE;
}

enum sp_reason sp_step_owners_enabled(const struct sp_key *key, const struct sp_workspace_state *workspace,
                                      const struct sp_principal_state *principal) {
    if (!workspace->found)
        return SP_REASON_WORKSPACE_UNKNOWN;
    if (workspace->disabled)
        return SP_REASON_WORKSPACE_DISABLED;
    if (!principal->found || principal->workspace_number != key->workspace_number)
        return SP_REASON_PRINCIPAL_UNKNOWN;
    return principal->disabled ? SP_REASON_PRINCIPAL_DISABLED : SP_REASON_NONE;
}

enum sp_reason sp_step_workspace(const struct sp_key *key, struct sp_str asserted) {
    return asserted.size == 0 || sp_str_equal(asserted, key->workspace) ? SP_REASON_NONE : SP_REASON_WORKSPACE_MISMATCH;
}

enum sp_reason sp_step_address(const struct sp_key *key, const struct sp_ip *ip) {
    if (!key->has_allowlist)
        return SP_REASON_NONE;
    bool inside = ip != NULL && sp_allowlist_contains(key->allowed_ranges, ip);
    return inside ? SP_REASON_NONE : SP_REASON_IP_NOT_ALLOWED;
}

enum sp_reason sp_step_action(const struct sp_action *action) {
    return action->found ? SP_REASON_NONE : SP_REASON_ACTION_UNKNOWN;
}

enum sp_reason sp_step_permission(const struct sp_key *key, const struct sp_action *action) {
    bool enough =
        !action->needs_permission || sp_permission_set_has(&key->permissions, action->permission, action->claiming);
    return enough ? SP_REASON_NONE : SP_REASON_PERMISSION_MISSING;
}

enum sp_reason sp_step_resource(const struct sp_key *key, const struct sp_action *action, bool id_given,
                                uint64_t owner_number) {
    if (action->workspace_scoped || !id_given)
        return SP_REASON_NONE;
    bool owned = owner_number != 0 && owner_number == key->workspace_number;
    return owned ? SP_REASON_NONE : SP_REASON_RESOURCE_UNKNOWN;
}

enum sp_reason sp_step_role(const struct sp_action *action, enum sp_role effective) {
    if (effective >= action->role)
        return SP_REASON_NONE;
    return effective == SP_ROLE_NONE ? SP_REASON_NOT_SHARED : SP_REASON_ROLE_TOO_LOW;
}
