/* The decision: the tests of DESIGN section 3, one function each, and their order. Pure: values in,
 * values out.
 *
 * The caller looks up what a test needs and asks the tests in the order of enum sp_step; the first
 * that fails is the answer. sp_reason zero means "nothing failed", so that no forgotten assignment
 * can read as ALLOWED. */
#ifndef SP_CORE_DECISION_H
#define SP_CORE_DECISION_H

#include <stdbool.h>
#include <stdint.h>

#include "core/address.h"
#include "core/permission_set.h"
#include "core/role.h"

/* Numbers are those of sallyport.v1.Reason. */
enum sp_reason {
    SP_REASON_NONE = 0,
    SP_REASON_ALLOWED = 1,
    SP_REASON_STALE = 2,
    SP_REASON_KEY_MALFORMED = 3,
    SP_REASON_KEY_UNKNOWN = 4,
    SP_REASON_KEY_DISABLED = 5,
    SP_REASON_KEY_EXPIRED = 6,
    SP_REASON_WORKSPACE_DISABLED = 7,
    SP_REASON_PRINCIPAL_DISABLED = 8,
    SP_REASON_WORKSPACE_MISMATCH = 9,
    SP_REASON_IP_NOT_ALLOWED = 10,
    SP_REASON_ACTION_UNKNOWN = 11,
    SP_REASON_PERMISSION_MISSING = 12,
    SP_REASON_RESOURCE_UNKNOWN = 13,
    SP_REASON_NOT_SHARED = 14,
    SP_REASON_ROLE_TOO_LOW = 15,
    /* Only from gateways (ext_authz), before step 1: sp_check never gives them. */
    SP_REASON_ROUTE_UNKNOWN = 16,
    SP_REASON_CREDENTIAL_MISSING = 17,
    SP_REASON_CREDENTIAL_AMBIGUOUS = 18,
    SP_REASON_REQUEST_MALFORMED = 19,
    /* Given by the step of WORKSPACE_DISABLED and PRINCIPAL_DISABLED. */
    SP_REASON_WORKSPACE_UNKNOWN = 20,
    SP_REASON_PRINCIPAL_UNKNOWN = 21,
    SP_REASON_COUNT
};

/* The name in capitals, such as "KEY_UNKNOWN"; and the HTTP status that goes with it (500 for
 * SP_REASON_NONE). */
const char *sp_reason_name(enum sp_reason reason);
unsigned sp_reason_http_status(enum sp_reason reason);

/* The reason of a name; SP_REASON_NONE: there is none. */
enum sp_reason sp_reason_find(struct sp_str name);

/* Rows of the decision table. */
enum sp_step {
    SP_STEP_FRESH = 0,
    SP_STEP_KEY_TEXT = 1,
    SP_STEP_KEY_KNOWN = 2,
    SP_STEP_KEY_LIVE = 3,
    SP_STEP_OWNERS_ENABLED = 4,
    SP_STEP_WORKSPACE = 5,
    SP_STEP_ADDRESS = 6,
    SP_STEP_ACTION = 7,
    SP_STEP_PERMISSION = 8,
    SP_STEP_RESOURCE = 9,
    SP_STEP_ROLE = 10,
    SP_STEP_COUNT
};

/* A key as a decision sees it. Texts and ranges are borrowed from where it was read. */
struct sp_key {
    struct sp_str id;
    struct sp_str principal;
    struct sp_str workspace;
    uint64_t principal_number;
    uint64_t workspace_number;
    uint8_t principal_kind; /* sallyport.v1.PrincipalKind: 1 user, 2 service account */
    bool disabled;
    bool has_allowlist;
    int64_t expires_at_s; /* 0: never */
    struct sp_permission_set permissions;
    struct sp_bytes allowed_ranges; /* see core/allowlist.h */
};

/* A principal's record. `found` false denies. */
struct sp_principal_state {
    bool found;
    bool disabled;
    bool workspace_admin;
    uint64_t workspace_number;
};

struct sp_workspace_state {
    bool found;
    bool disabled; /* or being deleted */
};

/* An action as the schema declares it. */
struct sp_action {
    bool found;
    bool workspace_scoped;
    bool needs_permission;
    bool claiming; /* `permission` is one that no key has by `all` (core/schema.h) */
    uint8_t permission;
    uint32_t type_number;
    enum sp_role role; /* SP_ROLE_NONE: needs none */
};

/* Step 3. */
enum sp_reason sp_step_key_live(const struct sp_key *key, int64_t now_s);
/* Step 4; a principal of another workspace than the key's counts as disabled. */
enum sp_reason sp_step_owners_enabled(const struct sp_key *key, const struct sp_workspace_state *workspace,
                                      const struct sp_principal_state *principal);
/* Step 5; `asserted` empty: nothing asserted. */
enum sp_reason sp_step_workspace(const struct sp_key *key, struct sp_str asserted);
/* Step 6; `ip` NULL: not known. */
enum sp_reason sp_step_address(const struct sp_key *key, const struct sp_ip *ip);
/* Step 7. */
enum sp_reason sp_step_action(const struct sp_action *action);
/* Step 8. */
enum sp_reason sp_step_permission(const struct sp_key *key, const struct sp_action *action);
/* Step 9; `owner_number` is the workspace that registered the id, 0 for none. An empty id or a
 * workspace-scoped type passes. */
enum sp_reason sp_step_resource(const struct sp_key *key, const struct sp_action *action, bool id_given,
                                uint64_t owner_number);
/* Step 10; an action that needs a role and was asked without an id fails. `effective` already
 * counts workspace admins. */
enum sp_reason sp_step_role(const struct sp_action *action, enum sp_role effective);

#endif
