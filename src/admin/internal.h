/* What the files of this folder share: the context of one call, and the small steps that most calls take. */
#ifndef SP_ADMIN_INTERNAL_H
#define SP_ADMIN_INTERNAL_H

#include "admin/admin.h"
#include "admin/reach.h"
#include "decide/check.h"
#include "store/records/changeset.h"

/* Who may call a method. */
enum sp_admin_access {
    SP_ACCESS_OPERATOR,          /* operators only */
    SP_ACCESS_ADMIN_WRITE,       /* an ADMIN user's key with workspace_write */
    SP_ACCESS_ADMIN_READ,        /* an ADMIN user's key with workspace_read; operators too */
    SP_ACCESS_OPERATOR_OR_ADMIN, /* as ADMIN_WRITE, and operators within the limits that the handler checks */
    SP_ACCESS_REGISTER,          /* operators, and any key permitted resource_register */
    SP_ACCESS_SHARE,             /* ADMIN_WRITE, and any other key of the workspace: the handler checks each resource */
    SP_ACCESS_ROTATE,            /* ADMIN_WRITE, and a key permitted api_key_rotate for itself: the handler checks */
    SP_ACCESS_ANY_KEY,           /* any workspace's key that passes steps 1-6, and operators */
};

/* Names and numbers of the schema, as far as admin calls need them; loaded once a call. */
struct sp_admin_schema {
    const Sallyport__Store__V1__StoredSchema *stored;
};

/* One call. Everything is borrowed or lives in `arena`. */
struct sp_admin_context {
    const struct sp_admin_method *method;
    struct sp_view *view;
    struct sp_write *write; /* NULL in a read */
    struct sp_arena *arena;
    const struct sp_admin_caller *caller;
    struct sp_error *error;
    int64_t now_s;

    bool is_operator;
    struct sp_str operator_name;
    bool is_admin;           /* an ADMIN user, with workspace_write (in a read: workspace_read) */
    struct sp_key key;       /* of a workspace's key; texts copied into the arena */
    struct sp_str workspace; /* the workspace that the call is about; empty where an operator's call is about none */
    /* Loaded where `workspace` is not empty; NULL also where a `workspace_optional` method names one that is gone. */
    Sallyport__Store__V1__StoredWorkspace *stored_workspace;

    struct sp_changeset *changes;  /* NULL in a read */
    struct sp_admin_schema schema; /* `stored` NULL until sp_admin_schema_load */
};

/* A handler checks the request's fields, reads, adds to ctx->changes, and builds the reply in the arena without its revision (which is
 * filled in after the changes were applied). It fails by sp_error_set(ctx->error, …). */
typedef enum sp_status sp_admin_handler(struct sp_admin_context *ctx, const ProtobufCMessage *request,
                                        ProtobufCMessage **ret_reply);

struct sp_admin_method {
    const char *name;
    const ProtobufCMessageDescriptor *request;
    enum sp_admin_type type;
    enum sp_admin_access access;
    sp_admin_handler *handler; /* NULL for SP_ADMIN_STREAM */
    /* What the request names as its workspace; NULL: its text field `workspace`, if it has one. */
    struct sp_str (*workspace_of)(const ProtobufCMessage *request);
    bool workspace_optional; /* an operator's call may leave it empty (all workspaces), or name one that is gone */
};

/* Handlers, by file. */
sp_admin_handler sp_admin_create_workspace, sp_admin_get_workspace, sp_admin_list_workspaces, sp_admin_update_workspace,
    sp_admin_delete_workspace; /* workspace.c */
sp_admin_handler sp_admin_create_user, sp_admin_create_service_account, sp_admin_get_principal,
    sp_admin_list_principals, sp_admin_update_principal, sp_admin_delete_principal; /* principal.c */
sp_admin_handler sp_admin_create_group, sp_admin_get_group, sp_admin_list_groups, sp_admin_update_group,
    sp_admin_delete_group, sp_admin_add_group_members, sp_admin_remove_group_members,
    sp_admin_list_group_members; /* group.c */
sp_admin_handler sp_admin_register_resource, sp_admin_delete_resource, sp_admin_get_resource,
    sp_admin_list_resources; /* resource.c */
sp_admin_handler sp_admin_share_resource, sp_admin_unshare_resource, sp_admin_update_shares,
    sp_admin_list_shares; /* share.c */
sp_admin_handler sp_admin_create_api_key, sp_admin_get_api_key, sp_admin_list_api_keys, sp_admin_update_api_key,
    sp_admin_rotate_api_key, sp_admin_disable_api_key, sp_admin_enable_api_key, sp_admin_delete_api_key,
    sp_admin_find_key, sp_admin_disable_self;                                           /* key.c, key_change.c */
sp_admin_handler sp_admin_get_key_usage, sp_admin_list_servers, sp_admin_retire_server; /* usage.c */
sp_admin_handler sp_admin_get_schema, sp_admin_put_schema;                              /* schema.c */
sp_admin_handler sp_admin_explain_key, sp_admin_who_am_i,
    sp_admin_list_changes; /* explain_key.c, who_am_i.c, changes.c */

/* ---- who calls (access.c) ---- */

/* Steps 1-6 for the caller's key: sets is_operator and operator_name, or key and is_admin. Needs method, view, arena,
 * caller, error and now_s. UNAUTHENTICATED, or PERMISSION_DENIED for an address outside the key's allowlist. */
enum sp_status sp_admin_authenticate(struct sp_admin_context *ctx) SP_MUST_USE;

/* Whether the caller may call ctx->method at all: PERMISSION_DENIED. */
enum sp_status sp_admin_authorize(struct sp_admin_context *ctx) SP_MUST_USE;

/* Sets ctx->workspace from the request, or from the acting key. NOT_FOUND for any but its own where a workspace's key
 * acts, and for an operator where there is none. */
enum sp_status sp_admin_resolve_workspace(struct sp_admin_context *ctx, const ProtobufCMessage *request) SP_MUST_USE;

/* Makes `id` the context's workspace, and loads it. NOT_FOUND. For imports, whose records name their own. */
enum sp_status sp_admin_enter_workspace(struct sp_admin_context *ctx, struct sp_str id) SP_MUST_USE;

/* Who acts, as the audit trail and WhoAmI tell it. In the arena; NULL when out of memory. */
Sallyport__V1__Actor *sp_admin_actor(struct sp_admin_context *ctx);

/* PERMISSION_DENIED unless a key of this reach reaches no further than the acting one (admin/reach.h). An operator's key
 * covers everything. `what` begins the message: "the new key". */
enum sp_status sp_admin_check_within(struct sp_admin_context *ctx, const char *what,
                                     const struct sp_admin_reach *reach) SP_MUST_USE;

/* The same for a stored key. */
enum sp_status sp_admin_check_key_within(struct sp_admin_context *ctx,
                                         const Sallyport__Store__V1__StoredKey *key) SP_MUST_USE;

/* ---- changes (step.c) ---- */

/* Begins ctx->changes with an audit entry of caller, workspace and time. `request_id` may be empty. */
enum sp_status sp_admin_begin_changes(struct sp_admin_context *ctx, const char *request_id) SP_MUST_USE;

/* ---- steps (step.c) ---- */

/* Loads an entity of the context's workspace by kind and id, or says NOT_FOUND: "user u1 not found in workspace w1". `what` is the noun. */
enum sp_status sp_admin_load(struct sp_admin_context *ctx, enum sp_kind kind, const char *what, const char *id,
                             ProtobufCMessage **ret_message) SP_MUST_USE;

/* The id for a new entity: the given one, checked for form, existence and tombstone (ALREADY_EXISTS), or a generated one. */
enum sp_status sp_admin_new_id(struct sp_admin_context *ctx, enum sp_kind kind, const char *what, const char *prefix,
                               const char *given, const char **ret_id) SP_MUST_USE;

/* RESOURCE_EXHAUSTED where `adding` more of `what` go over the workspace's quota: the message names quota, limit and use. Counts what earlier
 * flushes of this call added. */
enum sp_status sp_admin_check_quota(struct sp_admin_context *ctx, enum sp_count what, uint64_t adding) SP_MUST_USE;

/* Puts into and deletes from ctx->changes by kind and id parts. */
enum sp_status sp_admin_put(struct sp_admin_context *ctx, enum sp_kind kind, const char *id,
                            const ProtobufCMessage *message) SP_MUST_USE;
enum sp_status sp_admin_delete(struct sp_admin_context *ctx, enum sp_kind kind, const char *id) SP_MUST_USE;

/* ---- things that several calls make: workspace.c, principal.c, group.c ---- */

/* Each checks the template's fields and the rules (ids, names, seats, quotas; not what the actor may give), and adds the new thing
 * to the changes. An empty id is generated; created_at 0 is now. What they check in the store does not see changes of
 * this call that are not flushed. */

/* Also makes it the context's workspace. plan 0: FREE; seats 0: 1. */
enum sp_status sp_admin_add_workspace(struct sp_admin_context *ctx,
                                      const Sallyport__V1__Workspace *template) SP_MUST_USE;
/* kind must be set; role 0: MEMBER. */
enum sp_status sp_admin_add_principal(struct sp_admin_context *ctx, const Sallyport__V1__Principal *template,
                                      Sallyport__Store__V1__StoredPrincipal **ret_principal) SP_MUST_USE;
enum sp_status sp_admin_add_group(struct sp_admin_context *ctx, const Sallyport__V1__Group *template,
                                  Sallyport__Store__V1__StoredGroup **ret_group) SP_MUST_USE;
/* Both exist, and the membership does not (the caller has looked); checks nothing, not even the quota. added_at 0: now. */
enum sp_status sp_admin_add_member(struct sp_admin_context *ctx, const Sallyport__Store__V1__StoredGroup *group,
                                   const Sallyport__Store__V1__StoredPrincipal *principal,
                                   int64_t added_at_s) SP_MUST_USE;
enum sp_status sp_admin_is_member(struct sp_admin_context *ctx, const char *group, const char *principal,
                                  bool *ret_is_member) SP_MUST_USE;

/* Deletes with all that hangs on it (cascade.c). */
enum sp_status sp_admin_delete_principal_tree(struct sp_admin_context *ctx,
                                              const Sallyport__Store__V1__StoredPrincipal *principal) SP_MUST_USE;
enum sp_status sp_admin_delete_group_tree(struct sp_admin_context *ctx,
                                          const Sallyport__Store__V1__StoredGroup *group) SP_MUST_USE;
enum sp_status sp_admin_delete_resource_tree(struct sp_admin_context *ctx,
                                             const Sallyport__Store__V1__StoredResource *resource) SP_MUST_USE;

/* A new, initialised message in the arena; NULL when out of memory. The macro:
 * SP_ADMIN_NEW(ctx, Sallyport__V1__Group, sallyport__v1__group). */
void *sp_admin_new_message(struct sp_arena *arena, const ProtobufCMessageDescriptor *descriptor);
#define SP_ADMIN_NEW(ctx, type, prefix) ((type *)sp_admin_new_message((ctx)->arena, &prefix##__descriptor))

/* Every name of the mask is one of `allowed` (NULL-terminated), at least one, none twice. */
enum sp_status sp_admin_check_mask(struct sp_admin_context *ctx, char *const *mask, size_t count,
                                   const char *const *allowed) SP_MUST_USE;
bool sp_admin_mask_has(char *const *mask, size_t count, const char *name);

/* ---- lists (page.c) ---- */

/* Walks entities of `kind` in the workspace (or of all, for workspaces) page by page. `keep` says whether a message belongs into the list and
 * takes it; it is in the arena. A page ends at page_size kept, at 1 MiB of messages, or after 10,000 looked at. The token is opaque: base64url
 * of the last key looked at; one that was not made for this walk is INVALID_ARGUMENT. */
typedef bool sp_admin_keep(void *list, const ProtobufCMessage *stored);
enum sp_status sp_admin_page(struct sp_admin_context *ctx, struct sp_bytes key_prefix,
                             const ProtobufCMessageDescriptor *stored, uint32_t page_size, const char *page_token,
                             sp_admin_keep *keep, void *list, char **ret_next_token) SP_MUST_USE;
enum { SP_ADMIN_PAGE_DEFAULT = 100, SP_ADMIN_PAGE_MAX = 1000 };

/* For lists that walk something else: the same rules of page_size (0: the default; too many: INVALID_ARGUMENT), and
 * tokens of any key of 1 to 511 bytes. An empty token gives a key of size 0. */
enum sp_status sp_admin_page_size(struct sp_admin_context *ctx, uint32_t page_size, size_t *ret_size) SP_MUST_USE;
enum sp_status sp_admin_token_decode(struct sp_admin_context *ctx, const char *page_token,
                                     struct sp_entity_key *ret_key) SP_MUST_USE;
enum sp_status sp_admin_token_encode(struct sp_admin_context *ctx, struct sp_bytes key, char **ret_token) SP_MUST_USE;

/* ---- schema (schema.c) ---- */

enum sp_status sp_admin_schema_load(struct sp_admin_context *ctx) SP_MUST_USE;
/* The permission's number. INVALID_ARGUMENT with `field` where the schema does not have it. */
enum sp_status sp_admin_permission_number(struct sp_admin_context *ctx, const char *field, const char *name,
                                          uint8_t *ret_number) SP_MUST_USE;
/* The type's number and scope. INVALID_ARGUMENT where the schema does not have it. */
enum sp_status sp_admin_resource_type(struct sp_admin_context *ctx, const char *name, uint32_t *ret_number,
                                      bool *ret_workspace_scoped) SP_MUST_USE;
/* Whether the acting key's permissions include the one with this name (false where the schema has none). */
bool sp_admin_key_has_permission(struct sp_admin_context *ctx, const char *name);
/* Whether the number is that of a type as it is now. Resources and grants of a type that was removed, or that came back
 * under a new number, stay stored but grant nothing: lists leave them out. */
bool sp_admin_type_is_live(struct sp_admin_context *ctx, uint32_t type_number);

/* ---- keys (key.c) ---- */

/* A new key for a principal: makes text, digest and entity, and adds it to the changes. Checks form, quota, allowlist rule
 * and permissions; what the acting key may give only where `within_actor`. `template` has name, permissions, allowed_ips
 * (as given) and expires_at; in an import also hint, disabled, disabled_reason, created_at (0: now) and rotated_from. */
struct sp_admin_new_key {
    const char *id; /* NULL or empty: generated */
    const Sallyport__Store__V1__StoredPrincipal *principal;
    const Sallyport__V1__ApiKey *template;
    /* Permissions and allowlist are copied verbatim from this key, on any plan; NULL: they are the template's. */
    const Sallyport__Store__V1__StoredKey *carried;
    bool within_actor;
    const uint8_t *imported_sha256; /* NULL: a new text is made */
    uint64_t unflushed;             /* keys of the workspace that were added to the changes and not flushed */
};
/* Whether the acting key's end was brought forward: what it makes or puts off then ends for good too, or a key that leaked
 * would outlive its grace through another one. */
enum sp_status sp_admin_actor_is_shortened(struct sp_admin_context *ctx, bool *ret_shortened) SP_MUST_USE;
/* ret_key may be NULL where nobody reads it. *ret_secret is NULL for an imported key. Both in the arena. */
enum sp_status sp_admin_add_key(struct sp_admin_context *ctx, const struct sp_admin_new_key *new_key,
                                Sallyport__V1__ApiKey **ret_key, char **ret_secret) SP_MUST_USE;

/* PERMISSION_DENIED where an operator acts and the principal is no ADMIN user: operators give first and recovery keys. */
enum sp_status sp_admin_check_operator_reach(struct sp_admin_context *ctx,
                                             const Sallyport__V1__Principal *principal) SP_MUST_USE;

enum sp_status sp_admin_load_key(struct sp_admin_context *ctx, const char *id,
                                 Sallyport__Store__V1__StoredKey **ret_key) SP_MUST_USE;

/* Sets key's allowed_ips to the normalised list. INVALID_ARGUMENT; FAILED_PRECONDITION where the workspace may not have
 * any. */
enum sp_status sp_admin_set_allowlist(struct sp_admin_context *ctx, const struct sp_str *entries, size_t count,
                                      Sallyport__V1__ApiKey *key) SP_MUST_USE;

/* Sets key's permissions, which it borrows, and their bits by the schema as it is now. `permissions` may be NULL:
 * INVALID_ARGUMENT. */
enum sp_status sp_admin_set_permissions(struct sp_admin_context *ctx, Sallyport__V1__Permissions *permissions,
                                        Sallyport__Store__V1__StoredKey *key) SP_MUST_USE;

/* INVALID_ARGUMENT unless 0 (never) or in the future. */
enum sp_status sp_admin_check_expiry(struct sp_admin_context *ctx, int64_t expires_at_s) SP_MUST_USE;

/* ---- shares (share.c) ---- */

/* Adds a grant to the changes: checks subject, resource (a global one is registered to the workspace; a workspace-scoped one need not be), quota. Replaces an
 * existing grant's role and keeps its creator mark. Does not check what the actor may give. */
enum sp_status sp_admin_add_grant(struct sp_admin_context *ctx, const Sallyport__V1__ResourceRef *resource,
                                  const Sallyport__V1__Subject *subject, Sallyport__V1__Role role, bool creator,
                                  Sallyport__V1__Grant **ret_grant) SP_MUST_USE;

/* ---- last use of keys (usage.c) ---- */

/* What is needed to tell of the use of one or many keys, read once a call. */
struct sp_admin_usage_reading {
    struct sp_usage_view *view; /* NULL: no last use is kept, or it cannot be read */
    bool damaged;
    int64_t window_s;
    struct sp_usage_coverage coverage;
};

/* `window_s` 0: 30 days. INVALID_ARGUMENT names `field`. End it in any case. */
enum sp_status sp_admin_usage_begin(struct sp_admin_context *ctx, const char *field, uint64_t window_s,
                                    struct sp_admin_usage_reading *ret_reading) SP_MUST_USE;
void sp_admin_usage_end(struct sp_admin_usage_reading *reading);

/* What is known of a key of the context's workspace; NULL when out of memory. What cannot be read is told as not known. */
Sallyport__V1__KeyUsage *sp_admin_usage_of(struct sp_admin_context *ctx, struct sp_admin_usage_reading *reading,
                                           const Sallyport__V1__ApiKey *key);

#endif
