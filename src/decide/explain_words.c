#include "decide/explain_words.h"

#include "base/moment.h"
#include "core/allowlist.h"

static const char *const tests[SP_STEP_COUNT] = {
    [SP_STEP_FRESH] = "the store is fresh enough",
    [SP_STEP_KEY_TEXT] = "the key's text is well formed",
    [SP_STEP_KEY_KNOWN] = "the key is known",
    [SP_STEP_KEY_LIVE] = "the key is neither disabled nor expired",
    [SP_STEP_OWNERS_ENABLED] = "the key's workspace and principal are enabled",
    [SP_STEP_WORKSPACE] = "the asserted workspace, if any, is the key's",
    [SP_STEP_ADDRESS] = "the key has no allowlist, or the address is in it",
    [SP_STEP_ACTION] = "the schema knows the action on this type",
    [SP_STEP_PERMISSION] = "the key has the permission that the action requires",
    [SP_STEP_RESOURCE] = "the resource is registered to the key's workspace",
    [SP_STEP_ROLE] = "the role on the resource is high enough for the action",
};

const char *sp_explain_test(enum sp_step step) {
    return tests[step];
}

static const char *time_text(int64_t time_s, struct sp_arena *arena) {
    char text[SP_MOMENT_TEXT_BYTES];
    sp_moment_format(time_s, text);
    return sp_arena_strdup(arena, sp_str_from(text));
}

/* "voice/v1", or "voice" without an id. */
static const char *resource_text(const struct sp_query *query, struct sp_arena *arena) {
    if (query->resource_id.size == 0)
        return sp_arena_strdup(arena, query->resource_type);
    return sp_arena_printf(arena, "%.*s/%.*s", SP_STR_ARG(query->resource_type), SP_STR_ARG(query->resource_id));
}

static const char *permission_text(const struct sp_facts *facts) {
    return facts->permission == NULL ? "that is no longer in the schema" : facts->permission;
}

/* ---- evidence ---- */

static const char *key_text_evidence(const struct sp_facts *facts) {
    if (facts->query->credential_kind == SP_CREDENTIAL_KNOWN)
        return "the key was named by its id";
    if (facts->query->credential_kind == SP_CREDENTIAL_SHA256)
        return facts->reasons[SP_STEP_KEY_TEXT] == SP_REASON_NONE ? "the key's SHA-256 was given instead of its text"
                                                                  : "a SHA-256 must have 32 bytes";
    return facts->reasons[SP_STEP_KEY_TEXT] == SP_REASON_NONE
               ? "the text has the form of this store's keys"
               : "the text's prefix, length, alphabet or checksum does not match this store's keys";
}

static const char *live_evidence(const struct sp_facts *facts, struct sp_arena *arena) {
    const struct sp_key *key = &facts->key;
    if (key->disabled)
        return "the key is disabled";
    if (key->expires_at_s == 0)
        return "the key is enabled and never expires";
    const char *expiry = time_text(key->expires_at_s, arena);
    const char *now = time_text(facts->query->now_s, arena);
    if (expiry == NULL || now == NULL)
        return NULL;
    const char *verb = facts->reasons[SP_STEP_KEY_LIVE] == SP_REASON_NONE ? "is enabled and expires" : "expired";
    return sp_arena_printf(arena, "the key %s at %s; it is %s now", verb, expiry, now);
}

static const char *owners_evidence(const struct sp_facts *facts, struct sp_arena *arena) {
    const struct sp_key *key = &facts->key;
    bool at_home = facts->principal.found && facts->principal.workspace_number == key->workspace_number;
    const char *workspace = !facts->workspace.found     ? "does not exist"
                            : facts->workspace.disabled ? "is disabled or being deleted"
                                                        : "is enabled";
    const char *principal = !at_home ? "is not in it" : facts->principal.disabled ? "is disabled" : "is enabled";
    return sp_arena_printf(arena, "workspace %.*s %s; principal %.*s %s", SP_STR_ARG(key->workspace), workspace,
                           SP_STR_ARG(key->principal), principal);
}

static const char *workspace_evidence(const struct sp_facts *facts, struct sp_arena *arena) {
    struct sp_str asserted = facts->query->workspace;
    if (asserted.size == 0)
        return sp_arena_printf(arena, "no workspace was asserted; the key belongs to %.*s",
                               SP_STR_ARG(facts->key.workspace));
    return sp_arena_printf(arena, "workspace %.*s was asserted; the key belongs to %.*s", SP_STR_ARG(asserted),
                           SP_STR_ARG(facts->key.workspace));
}

static const char *address_evidence(const struct sp_facts *facts, struct sp_arena *arena) {
    char address[SP_CIDR_TEXT_BYTES] = "an unknown address";
    if (facts->query->ip != NULL)
        sp_ip_format(facts->query->ip, address);
    if (!facts->key.has_allowlist)
        return sp_arena_printf(arena, "the key has no allowlist; the request came from %s", address);
    size_t ranges = facts->key.allowed_ranges.size / SP_ALLOWLIST_RANGE_BYTES;
    return sp_arena_printf(arena, "the key's allowlist has %zu separate range%s; %s is %s", ranges,
                           ranges == 1 ? "" : "s", address,
                           facts->reasons[SP_STEP_ADDRESS] == SP_REASON_NONE ? "in it" : "not in it");
}

static const char *action_evidence(const struct sp_facts *facts, struct sp_arena *arena) {
    const struct sp_query *query = facts->query;
    const struct sp_action *action = &facts->action;
    if (!action->found)
        return sp_arena_printf(arena, "the schema has no action %.*s on the type %.*s", SP_STR_ARG(query->action),
                               SP_STR_ARG(query->resource_type));
    return sp_arena_printf(
        arena, "%.*s on %.*s needs %s%s and %s%s", SP_STR_ARG(query->action), SP_STR_ARG(query->resource_type),
        action->needs_permission ? "the permission " : "no permission",
        action->needs_permission ? permission_text(facts) : "", action->role != SP_ROLE_NONE ? "the role " : "no role",
        action->role != SP_ROLE_NONE ? sp_role_name(action->role) : "");
}

static const char *permission_evidence(const struct sp_facts *facts, struct sp_arena *arena) {
    if (!facts->action.needs_permission)
        return "the action needs no permission";
    if (facts->key.permissions.all && !facts->action.claiming)
        return "the key has all permissions";
    if (facts->key.permissions.all && facts->reasons[SP_STEP_PERMISSION] != SP_REASON_NONE)
        return sp_arena_printf(arena, "the key has all permissions, which do not include %s: it must be listed",
                               permission_text(facts));
    return sp_arena_printf(arena, "the key's permissions %s %s",
                           facts->reasons[SP_STEP_PERMISSION] == SP_REASON_NONE ? "include" : "do not include",
                           permission_text(facts));
}

static const char *resource_evidence(const struct sp_facts *facts, struct sp_arena *arena) {
    if (facts->query->resource_id.size == 0)
        return "no id was given";
    const char *resource = resource_text(facts->query, arena);
    if (resource == NULL)
        return NULL;
    if (facts->action.workspace_scoped)
        return sp_arena_printf(arena, "%s is an id inside workspace %.*s", resource, SP_STR_ARG(facts->key.workspace));
    return sp_arena_printf(arena, "%s is %s to workspace %.*s", resource,
                           facts->reasons[SP_STEP_RESOURCE] == SP_REASON_NONE ? "registered" : "not registered",
                           SP_STR_ARG(facts->key.workspace));
}

static const char *role_evidence(const struct sp_facts *facts, struct sp_arena *arena) {
    if (facts->action.role == SP_ROLE_NONE)
        return "the action needs no role";
    struct sp_str principal = facts->key.principal;
    const char *needed = sp_role_name(facts->action.role);
    if (facts->query->resource_id.size == 0)
        return sp_arena_printf(arena, "the action needs the role %s, but no resource was named", needed);
    if (facts->principal.workspace_admin && facts->role == SP_ROLE_ADMIN)
        return sp_arena_printf(arena, "%.*s is an admin of the workspace and so of every resource in it; %s is needed",
                               SP_STR_ARG(principal), needed);
    return sp_arena_printf(arena, "%.*s has the role %s, directly or through a group; %s is needed",
                           SP_STR_ARG(principal), sp_role_name(facts->role), needed);
}

static const char *known_evidence(const struct sp_facts *facts, struct sp_arena *arena) {
    if (!facts->has_key)
        return "this store has no key with this text";
    return sp_arena_printf(arena, "it is key %.*s of %.*s in workspace %.*s", SP_STR_ARG(facts->key.id),
                           SP_STR_ARG(facts->key.principal), SP_STR_ARG(facts->key.workspace));
}

const char *sp_explain_evidence(const struct sp_facts *facts, enum sp_step step, struct sp_arena *arena) {
    if (!facts->tested[step])
        return "not tested: an earlier step did not find what it needs";
    switch (step) {
    case SP_STEP_FRESH:
        return facts->query->stale ? "this server's copy of the store is older than --max-staleness allows"
                                   : "this server's copy of the store is as fresh as --max-staleness requires";
    case SP_STEP_KEY_TEXT:
        return key_text_evidence(facts);
    case SP_STEP_KEY_KNOWN:
        return known_evidence(facts, arena);
    case SP_STEP_KEY_LIVE:
        return live_evidence(facts, arena);
    case SP_STEP_OWNERS_ENABLED:
        return owners_evidence(facts, arena);
    case SP_STEP_WORKSPACE:
        return workspace_evidence(facts, arena);
    case SP_STEP_ADDRESS:
        return address_evidence(facts, arena);
    case SP_STEP_ACTION:
        return action_evidence(facts, arena);
    case SP_STEP_PERMISSION:
        return permission_evidence(facts, arena);
    case SP_STEP_RESOURCE:
        return resource_evidence(facts, arena);
    case SP_STEP_ROLE:
        return role_evidence(facts, arena);
    case SP_STEP_COUNT:
        break;
    }
    return NULL;
}

/* ---- what would have to change ---- */

static const char *live_change(const struct sp_facts *facts, struct sp_arena *arena) {
    const struct sp_key *key = &facts->key;
    const char *verb = key->disabled ? "enable" : "set a later expiry for";
    return sp_arena_printf(arena, "%s the key %.*s, or use another key of %.*s", verb, SP_STR_ARG(key->id),
                           SP_STR_ARG(key->principal));
}

static const char *owners_change(const struct sp_facts *facts, struct sp_arena *arena) {
    const struct sp_key *key = &facts->key;
    enum sp_reason reason = facts->reasons[SP_STEP_OWNERS_ENABLED];
    if (reason == SP_REASON_WORKSPACE_UNKNOWN || reason == SP_REASON_PRINCIPAL_UNKNOWN)
        return "use another key: the workspace or principal of this one does not exist";
    bool workspace = facts->workspace.disabled;
    if (workspace && facts->principal.disabled)
        return sp_arena_printf(arena, "enable the workspace %.*s and its principal %.*s", SP_STR_ARG(key->workspace),
                               SP_STR_ARG(key->principal));
    if (workspace)
        return sp_arena_printf(arena, "enable the workspace %.*s", SP_STR_ARG(key->workspace));
    return sp_arena_printf(arena, "enable the principal %.*s", SP_STR_ARG(key->principal));
}

static const char *address_change(const struct sp_facts *facts, struct sp_arena *arena) {
    if (facts->query->ip == NULL)
        return "send the client's address: the key has an allowlist";
    char address[SP_CIDR_TEXT_BYTES];
    sp_ip_format(facts->query->ip, address);
    return sp_arena_printf(arena, "send the request from an address in the key's allowlist, or add %s to the list",
                           address);
}

/* A resource that is not registered has no grants yet, so that one step's change alone would not
 * allow it. */
static const char *resource_change(const struct sp_facts *facts, struct sp_arena *arena) {
    const char *resource = resource_text(facts->query, arena);
    if (resource == NULL)
        return NULL;
    struct sp_str workspace = facts->key.workspace;
    if (facts->action.role == SP_ROLE_NONE || facts->principal.workspace_admin)
        return sp_arena_printf(arena, "register %s to workspace %.*s", resource, SP_STR_ARG(workspace));
    return sp_arena_printf(arena, "register %s to workspace %.*s, and share it with %.*s as %s%s", resource,
                           SP_STR_ARG(workspace), SP_STR_ARG(facts->key.principal), sp_role_name(facts->action.role),
                           facts->action.role == SP_ROLE_ADMIN ? "" : " or higher");
}

static const char *role_change(const struct sp_facts *facts, struct sp_arena *arena) {
    if (facts->query->resource_id.size == 0)
        return sp_arena_printf(arena, "name the resource's id: the action needs the role %s on it",
                               sp_role_name(facts->action.role));
    const char *resource = resource_text(facts->query, arena);
    if (resource == NULL)
        return NULL;
    return sp_arena_printf(arena, "share %s with %.*s as %s%s", resource, SP_STR_ARG(facts->key.principal),
                           sp_role_name(facts->action.role), facts->action.role == SP_ROLE_ADMIN ? "" : " or higher");
}

const char *sp_explain_change(const struct sp_facts *facts, enum sp_step step, struct sp_arena *arena) {
    const struct sp_query *query = facts->query;
    switch (step) {
    case SP_STEP_FRESH:
        return "wait until this server's store has caught up, or ask another server";
    case SP_STEP_KEY_TEXT:
        return "present the complete text of a key, as shown when the key was created";
    case SP_STEP_KEY_KNOWN:
        return "present a key that exists: this one was never created here, or was deleted";
    case SP_STEP_KEY_LIVE:
        return live_change(facts, arena);
    case SP_STEP_OWNERS_ENABLED:
        return owners_change(facts, arena);
    case SP_STEP_WORKSPACE:
        return sp_arena_printf(arena, "present a key of workspace %.*s: this one belongs to %.*s",
                               SP_STR_ARG(query->workspace), SP_STR_ARG(facts->key.workspace));
    case SP_STEP_ADDRESS:
        return address_change(facts, arena);
    case SP_STEP_ACTION:
        return sp_arena_printf(arena, "use an action that is in the schema, or add %.*s to the type %.*s there",
                               SP_STR_ARG(query->action), SP_STR_ARG(query->resource_type));
    case SP_STEP_PERMISSION:
        return sp_arena_printf(arena, "give the key the permission %s", permission_text(facts));
    case SP_STEP_RESOURCE:
        return resource_change(facts, arena);
    case SP_STEP_ROLE:
        return role_change(facts, arena);
    case SP_STEP_COUNT:
        break;
    }
    return NULL;
}
