#include "store/recovery/narrow_entity.h"

#include <stdio.h>

#include "core/allowlist.h"
#include "core/permission_set.h"
#include "core/schema.h"
#include "store/records/schema_numbers.h"

/* Notes what was taken back. */
static void note_narrowing(struct sp_narrowing *narrowing, const char *what) {
    size_t used = strlen(narrowing->what);
    (void)snprintf(narrowing->what + used, sizeof(narrowing->what) - used, "%s%s", used > 0 ? ", " : "", what);
    narrowing->changed = true;
}

static void note_deleted(struct sp_narrowing *narrowing, const char *what) {
    note_narrowing(narrowing, what);
    narrowing->deleted = true;
}

static void narrow_flag(struct sp_narrowing *narrowing, protobuf_c_boolean *flag, protobuf_c_boolean later,
                        const char *what) {
    if (*flag || !later)
        return;
    *flag = true;
    note_narrowing(narrowing, what);
}

/* ---- keys ---- */

static bool has_permission(const Sallyport__V1__Permissions *permissions, const char *name) {
    if (permissions->all && !sp_schema_permission_claims(sp_str_from(name)))
        return true;
    for (size_t i = 0; i < permissions->n_names; i++)
        if (strcmp(permissions->names[i], name) == 0)
            return true;
    return false;
}

static bool find_stored_permission(const Sallyport__Store__V1__StoredSchema *schema, const char *name,
                                   uint8_t *ret_number) {
    for (size_t i = 0; i < schema->n_permissions; i++)
        if (!schema->permissions[i]->removed && strcmp(schema->permissions[i]->name, name) == 0 &&
            schema->permissions[i]->number < SP_PERMISSIONS_MAX) {
            *ret_number = (uint8_t)schema->permissions[i]->number;
            return true;
        }
    return false;
}

/* Names and bits of what both hold. If only one is `all`, the other's names are the measure; if
 * both are, what is left to compare are the claiming permissions that they list. */
static enum sp_status intersect_permissions(struct sp_narrowing *narrowing, Sallyport__Store__V1__StoredKey *stored,
                                            const Sallyport__V1__Permissions *later) {
    Sallyport__V1__Permissions *mine = stored->key->permissions;
    const Sallyport__V1__Permissions *source = mine->all ? later : mine;
    struct sp_permission_set set = {.all = false};
    char **names = sp_arena_calloc(narrowing->arena, source->n_names + 1, sizeof(*names));
    uint8_t *bits = sp_arena_alloc(narrowing->arena, SP_PERMISSION_SET_BYTES);
    size_t count = 0;
    uint8_t number = 0;
    if (names == NULL || bits == NULL)
        return SP_ERR_MEMORY;
    for (size_t i = 0; i < source->n_names; i++) {
        if (!has_permission(later, source->names[i]) || !has_permission(mine, source->names[i]))
            continue;
        names[count++] = source->names[i];
        if (find_stored_permission(narrowing->schema, source->names[i], &number))
            sp_permission_set_add(&set, number);
    }
    memcpy(bits, set.bits, SP_PERMISSION_SET_BYTES);
    mine->all = mine->all && later->all;
    mine->names = names;
    mine->n_names = count;
    stored->permission_bits =
        (ProtobufCBinaryData){mine->all && count == 0 ? 0 : (size_t)SP_PERMISSION_SET_BYTES, bits};
    note_narrowing(narrowing, "permissions narrowed");
    return SP_OK;
}

static bool are_permissions_kept(const Sallyport__V1__Permissions *mine, const Sallyport__V1__Permissions *later) {
    for (size_t i = 0; i < mine->n_names; i++)
        if (!has_permission(later, mine->names[i]))
            return false;
    return !mine->all || later->all;
}

static enum sp_status narrow_permissions(struct sp_narrowing *narrowing, Sallyport__Store__V1__StoredKey *stored,
                                         const Sallyport__V1__ApiKey *later) {
    const Sallyport__V1__Permissions none = SALLYPORT__V1__PERMISSIONS__INIT;
    const Sallyport__V1__Permissions *theirs = later->permissions != NULL ? later->permissions : &none;
    if (stored->key->permissions == NULL)
        return SP_ERR_CORRUPT;
    if (are_permissions_kept(stored->key->permissions, theirs))
        return SP_OK;
    return intersect_permissions(narrowing, stored, theirs);
}

/* Damage, not a caller's mistake: both texts are stored. */
static enum sp_status narrow_parse_status(enum sp_status status) {
    return status == SP_ERR_INVALID ? SP_ERR_CORRUPT : status;
}

/* The later list, unless it admits all that the backup's did, or was cleared. */
static enum sp_status narrow_allowlist(struct sp_narrowing *narrowing, Sallyport__V1__ApiKey *key,
                                       const Sallyport__V1__ApiKey *later) {
    struct sp_bytes mine = {0}, theirs = {0};
    if (later->n_allowed_ips == 0)
        return SP_OK;
    enum sp_status status = sp_allowlist_compile((const char *const *)later->allowed_ips, later->n_allowed_ips,
                                                 narrowing->arena, &theirs, NULL);
    if (status != SP_OK)
        return narrow_parse_status(status);
    status =
        sp_allowlist_compile((const char *const *)key->allowed_ips, key->n_allowed_ips, narrowing->arena, &mine, NULL);
    if (status != SP_OK)
        return narrow_parse_status(status);
    if (key->n_allowed_ips > 0 && sp_allowlist_covers(theirs, mine))
        return SP_OK;
    note_narrowing(narrowing, key->n_allowed_ips > 0 ? "allowlist changed" : "allowlist set");
    key->allowed_ips = later->allowed_ips;
    key->n_allowed_ips = later->n_allowed_ips;
    return SP_OK;
}

static bool is_end_earlier(int64_t time_s, int64_t than_s) {
    return time_s != 0 && (than_s == 0 || time_s < than_s);
}

static bool lists_rotation(const Sallyport__V1__ApiKey *key) {
    for (size_t i = 0; key->permissions != NULL && i < key->permissions->n_names; i++)
        if (strcmp(key->permissions->names[i], SP_PERMISSION_ROTATE) == 0)
            return true;
    return false;
}

static enum sp_status narrow_key(struct sp_narrowing *narrowing, void *message,
                                 const Sallyport__V1__EntityChange *change) {
    Sallyport__Store__V1__StoredKey *stored = message;
    Sallyport__V1__ApiKey *key = stored->key;
    const Sallyport__V1__ApiKey *later = change->api_key_after;
    if (key == NULL)
        return SP_ERR_CORRUPT;
    if (later->disabled && !key->disabled)
        key->disabled_reason = later->disabled_reason;
    narrow_flag(narrowing, &key->disabled, later->disabled, "disabled");
    if (is_end_earlier(later->expires_at, key->expires_at)) {
        key->expires_at = later->expires_at;
        if (lists_rotation(key) && is_end_earlier(later->expires_at, key->not_after))
            key->not_after = later->expires_at;
        note_narrowing(narrowing, "expiry brought forward");
    }
    if (is_end_earlier(later->not_after, key->not_after)) {
        key->not_after = later->not_after;
        if (is_end_earlier(key->not_after, key->expires_at))
            key->expires_at = key->not_after;
        note_narrowing(narrowing, "its latest expiry (not_after) brought forward");
    }
    narrow_flag(narrowing, &key->holder_may_not_disable, later->holder_may_not_disable,
                "may not be disabled by its holder");
    enum sp_status status = narrow_permissions(narrowing, stored, later);
    if (status != SP_OK)
        return status;
    return narrow_allowlist(narrowing, key, later);
}

/* ---- the others ---- */

/* The later policy, if it is stricter in anything: what it allows more is set again by hand. */
static void narrow_policy(struct sp_narrowing *narrowing, Sallyport__V1__Workspace *workspace,
                          Sallyport__V1__WorkspacePolicy *later) {
    static const Sallyport__V1__WorkspacePolicy none = SALLYPORT__V1__WORKSPACE_POLICY__INIT;
    const Sallyport__V1__WorkspacePolicy *mine = workspace->policy == NULL ? &none : workspace->policy;
    const Sallyport__V1__WorkspacePolicy *theirs = later == NULL ? &none : later;
    bool shorter = theirs->max_key_lifetime_s != 0 &&
                   (mine->max_key_lifetime_s == 0 || theirs->max_key_lifetime_s < mine->max_key_lifetime_s);
    bool fewer = mine->key_creators == SALLYPORT__V1__KEY_CREATORS__KEY_CREATORS_HOLDERS &&
                 theirs->key_creators != SALLYPORT__V1__KEY_CREATORS__KEY_CREATORS_HOLDERS;
    bool kept = theirs->holders_may_not_disable && !mine->holders_may_not_disable;
    if (!shorter && !fewer && !kept)
        return;
    workspace->policy = later;
    note_narrowing(narrowing, "policy for keys changed");
}

static enum sp_status narrow_workspace(struct sp_narrowing *narrowing, void *message,
                                       const Sallyport__V1__EntityChange *change) {
    Sallyport__V1__Workspace *workspace = ((Sallyport__Store__V1__StoredWorkspace *)message)->workspace;
    if (workspace == NULL)
        return SP_ERR_CORRUPT;
    narrow_flag(narrowing, &workspace->disabled, change->workspace_after->disabled, "disabled");
    narrow_flag(narrowing, &workspace->deleting, change->workspace_after->deleting, "being deleted");
    narrow_policy(narrowing, workspace, change->workspace_after->policy);
    return SP_OK;
}

static enum sp_status narrow_principal(struct sp_narrowing *narrowing, void *message,
                                       const Sallyport__V1__EntityChange *change) {
    Sallyport__V1__Principal *principal = ((Sallyport__Store__V1__StoredPrincipal *)message)->principal;
    if (principal == NULL)
        return SP_ERR_CORRUPT;
    narrow_flag(narrowing, &principal->disabled, change->principal_after->disabled, "disabled");
    if (principal->role == SALLYPORT__V1__WORKSPACE_ROLE__WORKSPACE_ROLE_ADMIN &&
        change->principal_after->role != SALLYPORT__V1__WORKSPACE_ROLE__WORKSPACE_ROLE_ADMIN) {
        principal->role = SALLYPORT__V1__WORKSPACE_ROLE__WORKSPACE_ROLE_MEMBER;
        note_narrowing(narrowing, "no longer an admin of the workspace");
    }
    return SP_OK;
}

static enum sp_status narrow_grant(struct sp_narrowing *narrowing, void *message,
                                   const Sallyport__V1__EntityChange *change) {
    Sallyport__V1__Grant *grant = ((Sallyport__Store__V1__StoredGrant *)message)->grant;
    if (grant == NULL)
        return SP_ERR_CORRUPT;
    if (change->grant_after->role < grant->role) {
        grant->role = change->grant_after->role;
        note_narrowing(narrowing, "role lowered");
    }
    return SP_OK;
}

/* An operator's name may be used again: another key under it means that the first was revoked. */
static enum sp_status narrow_operator(struct sp_narrowing *narrowing, void *message,
                                      const Sallyport__V1__EntityChange *change) {
    const Sallyport__V1__Operator *mine = ((Sallyport__Store__V1__StoredOperator *)message)->operator_;
    const Sallyport__V1__Operator *later = change->operator_after;
    if (mine == NULL)
        return SP_ERR_CORRUPT;
    if (later->created_at != mine->created_at || strcmp(later->hint, mine->hint) != 0)
        note_deleted(narrowing, "deleted; its name was given to another key later");
    return SP_OK;
}

/* How a change shows the later state of an entity, and what that takes back; NULL: only a
 * deletion takes anything back. */
struct rule {
    Sallyport__V1__EntityChange__AfterCase after;
    enum sp_status (*narrow)(struct sp_narrowing *narrowing, void *message, const Sallyport__V1__EntityChange *change);
};

static const struct rule rules[] = {
    [SP_KIND_OPERATOR] = {SALLYPORT__V1__ENTITY_CHANGE__AFTER_OPERATOR_AFTER, narrow_operator},
    [SP_KIND_WORKSPACE] = {SALLYPORT__V1__ENTITY_CHANGE__AFTER_WORKSPACE_AFTER, narrow_workspace},
    [SP_KIND_PRINCIPAL] = {SALLYPORT__V1__ENTITY_CHANGE__AFTER_PRINCIPAL_AFTER, narrow_principal},
    [SP_KIND_GROUP] = {SALLYPORT__V1__ENTITY_CHANGE__AFTER_GROUP_AFTER, NULL},
    [SP_KIND_MEMBERSHIP] = {SALLYPORT__V1__ENTITY_CHANGE__AFTER_MEMBERSHIP_AFTER, NULL},
    [SP_KIND_RESOURCE] = {SALLYPORT__V1__ENTITY_CHANGE__AFTER_RESOURCE_AFTER, NULL},
    [SP_KIND_GRANT] = {SALLYPORT__V1__ENTITY_CHANGE__AFTER_GRANT_AFTER, narrow_grant},
    [SP_KIND_KEY] = {SALLYPORT__V1__ENTITY_CHANGE__AFTER_API_KEY_AFTER, narrow_key},
};

enum sp_status sp_narrow(struct sp_narrowing *narrowing, enum sp_kind kind, ProtobufCMessage *stored,
                         const Sallyport__V1__EntityChange *later) {
    narrowing->changed = narrowing->deleted = false;
    narrowing->what[0] = '\0';
    if (later->deleted) {
        note_deleted(narrowing, "deleted");
        return SP_OK;
    }
    if ((size_t)kind >= sizeof(rules) / sizeof(*rules) || rules[kind].after == 0 ||
        rules[kind].after != later->after_case)
        return SP_ERR_INVALID;
    return rules[kind].narrow == NULL ? SP_OK : rules[kind].narrow(narrowing, stored, later);
}

/* ---- the schema ---- */

static bool is_action_stricter(const struct sp_schema *mine, const struct sp_schema_action *action,
                               const struct sp_schema *theirs, const struct sp_schema_action *later) {
    if (later == NULL || later->role > action->role)
        return true;
    if (!later->needs_permission)
        return false;
    return !action->needs_permission ||
           !sp_str_equal(mine->permissions[action->permission].name, theirs->permissions[later->permission].name);
}

static bool is_type_stricter(const struct sp_schema *mine, const struct sp_schema_type *type,
                             const struct sp_schema *theirs) {
    const struct sp_schema_type *later = sp_schema_find_type(theirs, type->name);
    if (later == NULL || later->workspace_scoped != type->workspace_scoped ||
        later->register_level < type->register_level)
        return true;
    for (size_t i = 0; i < type->action_count; i++)
        if (is_action_stricter(mine, &type->actions[i], theirs, sp_schema_find_action(later, type->actions[i].name)))
            return true;
    return false;
}

/* Any other route may have taken paths from these. */
static bool do_routes_differ(const struct sp_schema *mine, const struct sp_schema *theirs) {
    char target[SP_ROUTE_TARGET_BYTES], later_target[SP_ROUTE_TARGET_BYTES];
    for (size_t i = 0; i < mine->route_count; i++) {
        const struct sp_route *route = &mine->routes[i];
        const struct sp_route *later = sp_schema_find_route(theirs, route->method, route->path);
        if (later == NULL || strcmp(sp_route_target(route, target), sp_route_target(later, later_target)) != 0)
            return true;
    }
    return mine->route_count != theirs->route_count;
}

static bool is_schema_stricter(const struct sp_schema *mine, const struct sp_schema *theirs) {
    for (size_t i = 0; i < mine->permission_count; i++)
        if (sp_schema_find_permission(theirs, mine->permissions[i].name) == NULL)
            return true;
    for (size_t i = 0; i < mine->type_count; i++)
        if (is_type_stricter(mine, &mine->types[i], theirs))
            return true;
    return do_routes_differ(mine, theirs);
}

enum sp_status sp_narrow_schema(struct sp_narrowing *narrowing, const Sallyport__Store__V1__StoredSchema *stored,
                                const char *later_yaml, Sallyport__Store__V1__StoredSchema **ret_narrowed) {
    struct sp_schema mine, theirs;
    Sallyport__Store__V1__StoredSchema *narrowed = NULL;
    enum sp_status status = sp_schema_parse_stored(sp_str_from(stored->yaml), narrowing->arena, &mine, NULL);
    if (status != SP_OK)
        return narrow_parse_status(status);
    status = sp_schema_parse_stored(sp_str_from(later_yaml), narrowing->arena, &theirs, NULL);
    if (status != SP_OK)
        return narrow_parse_status(status);
    if (is_schema_stricter(&mine, &theirs)) {
        status = sp_schema_number(sp_str_from(later_yaml), stored, narrowing->arena, &narrowed, NULL);
        if (status != SP_OK)
            return narrow_parse_status(status);
    }
    *ret_narrowed = narrowed;
    return SP_OK;
}
