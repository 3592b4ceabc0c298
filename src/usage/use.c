#include "usage/use.h"

bool sp_usage_counts(enum sp_reason decided, enum sp_reason *ret_rejected) {
    switch (decided) {
    case SP_REASON_ALLOWED:
    case SP_REASON_ACTION_UNKNOWN:
    case SP_REASON_PERMISSION_MISSING:
    case SP_REASON_RESOURCE_UNKNOWN:
    case SP_REASON_NOT_SHARED:
    case SP_REASON_ROLE_TOO_LOW:
        *ret_rejected = SP_REASON_NONE;
        return true;
    case SP_REASON_KEY_DISABLED:
    case SP_REASON_KEY_EXPIRED:
    case SP_REASON_WORKSPACE_DISABLED:
    case SP_REASON_PRINCIPAL_DISABLED:
    case SP_REASON_WORKSPACE_UNKNOWN:
    case SP_REASON_PRINCIPAL_UNKNOWN:
    case SP_REASON_WORKSPACE_MISMATCH:
    case SP_REASON_IP_NOT_ALLOWED:
        *ret_rejected = decided;
        return true;
    case SP_REASON_NONE:
    case SP_REASON_STALE:
    case SP_REASON_KEY_MALFORMED:
    case SP_REASON_KEY_UNKNOWN:
    case SP_REASON_ROUTE_UNKNOWN:
    case SP_REASON_CREDENTIAL_MISSING:
    case SP_REASON_CREDENTIAL_AMBIGUOUS:
    case SP_REASON_REQUEST_MALFORMED:
    case SP_REASON_COUNT:
        break;
    }
    return false;
}

void sp_key_use_merge(struct sp_key_use *into, const struct sp_key_use *from) {
    if (from->accepted.at_s > into->accepted.at_s)
        into->accepted = from->accepted;
    if (from->rejected.at_s > into->rejected.at_s) {
        into->rejected = from->rejected;
        into->reason = from->reason;
    }
}
