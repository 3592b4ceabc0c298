/* Resources: which workspace an id belongs to. */
#include "admin/resource.h"

#include "admin/cascade.h"
#include "admin/grant.h"
#include "admin/handlers.h"
#include "admin/message.h"
#include "admin/new_text.h"
#include "admin/page.h"
#include "admin/quota.h"
#include "admin/schema_names.h"
#include "admin/target.h"
#include "core/schema.h"
#include "decide/check.h"
#include "sallyport/store/v1/records.pb-c.h"
#include "store/records/changeset.h"
#include "store/records/entity.h"
#include "store/records/entity_key.h"
#include "store/records/index.h"
#include "store/records/index_walk.h"
#include "store/records/layout.h"
#include "store/records/resource_key.h"
#include "wire/wire.h"

typedef Sallyport__Store__V1__StoredResource stored_resource;

enum { SHARES_MAX = 100 };

static enum sp_status make_resource_key(struct sp_admin_context *ctx, const Sallyport__V1__ResourceRef *ref,
                                        struct sp_entity_key *ret_key) {
    struct sp_str parts[] = {sp_str_from(ref->type), sp_str_from(ref->id)};
    return sp_entity_key_make(SP_KIND_RESOURCE, ctx->workspace, parts, 2, ret_key);
}

/* The entity, even one of a type that is gone; NULL for none. */
static enum sp_status load_resource(struct sp_admin_context *ctx, const Sallyport__V1__ResourceRef *ref,
                                    stored_resource **ret_stored) {
    struct sp_entity_key key;
    ProtobufCMessage *message = NULL;
    enum sp_status status = make_resource_key(ctx, ref, &key);
    if (status != SP_OK)
        return status;
    status = sp_entity_get(ctx->view, &key, ctx->arena, &message);
    if (status != SP_OK && status != SP_ERR_NOT_FOUND)
        return status;
    *ret_stored = status == SP_OK ? (void *)message : NULL;
    return SP_OK;
}

/* ---- registration ---- */

/* The same message whoever has or had the id, so that nobody learns what another workspace has. */
static enum sp_status refuse_taken_id(struct sp_admin_context *ctx, const struct sp_admin_target *target) {
    return sp_error_set(ctx->error, SP_ERR_EXISTS, "%s %s is or was already registered: choose another id",
                        target->ref->type, target->ref->id);
}

static enum sp_status find_tombstone(struct sp_admin_context *ctx, const struct sp_admin_target *target,
                                     struct sp_entity_key *ret_key,
                                     const Sallyport__Store__V1__StoredTombstone **ret_tombstone) {
    struct sp_entity_key key;
    ProtobufCMessage *message = NULL;
    enum sp_status status = make_resource_key(ctx, target->ref, &key);
    if (status != SP_OK)
        return status;
    status = sp_entity_key_tombstone(sp_entity_key_bytes(&key), !target->workspace_scoped, ret_key);
    if (status != SP_OK)
        return status;
    status = sp_entity_get(ctx->view, ret_key, ctx->arena, &message);
    if (status != SP_OK && status != SP_ERR_NOT_FOUND)
        return status;
    *ret_tombstone = status == SP_OK ? (const void *)message : NULL;
    return SP_OK;
}

static bool is_own_tombstone(const struct sp_admin_context *ctx,
                             const Sallyport__Store__V1__StoredTombstone *tombstone) {
    return tombstone->workspace_number != 0 && tombstone->workspace_number == ctx->stored_workspace->number;
}

/* An id that was deleted comes back only by an operator, or by the admins of the workspace that had
 * it last. */
static enum sp_status check_may_reuse_id(struct sp_admin_context *ctx, const struct sp_admin_target *target,
                                         const Sallyport__Store__V1__StoredTombstone *tombstone) {
    bool own = is_own_tombstone(ctx, tombstone);
    if (ctx->is_operator || (own && ctx->is_admin))
        return SP_OK;
    if (!own)
        return refuse_taken_id(ctx, target);
    return sp_error_set(ctx->error, SP_ERR_EXISTS,
                        "%s %s was registered before: only an ADMIN user's key permitted workspace_write, or an "
                        "operator's, can register it again",
                        target->ref->type, target->ref->id);
}

static enum sp_status note_any_grant(void *context, uint64_t subject_number, enum sp_role role) {
    (void)subject_number;
    (void)role;
    *(bool *)context = true;
    return SP_WALK_END;
}

/* Grants on an id that was never registered: whoever registered it now would take over what others
 * share already. */
static enum sp_status check_no_grants(struct sp_admin_context *ctx, const struct sp_admin_target *target) {
    uint8_t room[SP_RESOURCE_KEY_MAX_BYTES];
    bool shared = false;
    enum sp_status status =
        sp_index_walk_resource_grants(ctx->view, sp_admin_target_key(ctx, target, room), note_any_grant, &shared);
    if (status != SP_OK || !shared)
        return status;
    return sp_error_set(ctx->error, SP_ERR_EXISTS,
                        "%s %s is already shared: ask a workspace admin to remove the shares first", target->ref->type,
                        target->ref->id);
}

/* A type that was removed and came back has another number, and its resources of before are stored
 * under the old ones: the id is as one that was deleted. Calls `meet` for each workspace that had
 * it so, until one fails. */
typedef enum sp_status former_owner_visit(struct sp_admin_context *ctx, const struct sp_admin_target *target,
                                          const Sallyport__Store__V1__StoredTombstone *had, void *context);

static enum sp_status visit_former_owners(struct sp_admin_context *ctx, const struct sp_admin_target *target,
                                          former_owner_visit *visit, void *context) {
    if (target->workspace_scoped)
        return SP_OK;
    enum sp_status status = sp_admin_schema_load(ctx);
    if (status != SP_OK)
        return status;
    for (size_t i = 0; i < ctx->stored_schema->n_types; i++) {
        const Sallyport__Store__V1__StoredSchema__Numbered *type = ctx->stored_schema->types[i];
        struct sp_admin_target former = {.ref = target->ref, .type_number = type->number};
        Sallyport__Store__V1__StoredTombstone had = SALLYPORT__STORE__V1__STORED_TOMBSTONE__INIT;
        uint8_t room[SP_RESOURCE_KEY_MAX_BYTES];
        if (!type->removed || type->workspace_scoped || strcmp(type->name, target->ref->type) != 0)
            continue;
        status = sp_index_owner(ctx->view, sp_admin_target_key(ctx, &former, room), &had.workspace_number);
        if (status != SP_OK)
            return status;
        if (had.workspace_number == 0)
            continue;
        status = visit(ctx, target, &had, context);
        if (status != SP_OK)
            return status;
    }
    return SP_OK;
}

static enum sp_status check_former_owner(struct sp_admin_context *ctx, const struct sp_admin_target *target,
                                         const Sallyport__Store__V1__StoredTombstone *had, void *context) {
    (void)context;
    return check_may_reuse_id(ctx, target, had);
}

static enum sp_status note_own_tombstone(struct sp_admin_context *ctx, const struct sp_admin_target *target,
                                         const Sallyport__Store__V1__StoredTombstone *had, void *context) {
    (void)target;
    *(bool *)context |= is_own_tombstone(ctx, had);
    return SP_OK;
}

/* Whether the workspace was the last to have the id, which was deleted, or went with its type. */
static enum sp_status find_if_id_was_own(struct sp_admin_context *ctx, const struct sp_admin_target *target,
                                         bool *ret_had) {
    struct sp_entity_key key;
    const Sallyport__Store__V1__StoredTombstone *tombstone = NULL;
    enum sp_status status = find_tombstone(ctx, target, &key, &tombstone);
    if (status != SP_OK)
        return status;
    if (tombstone == NULL)
        return visit_former_owners(ctx, target, note_own_tombstone, ret_had);
    *ret_had = is_own_tombstone(ctx, tombstone);
    return SP_OK;
}

/* Who registers resources of the type. Asked before anything else, so that whoever may not register
 * learns nothing about the id; admins find only what was their workspace's. */
static enum sp_status check_may_register(struct sp_admin_context *ctx, const struct sp_admin_target *target) {
    static const char *const needs[] = {
        [SP_REGISTER_OPERATOR] = "an operator's key",
        [SP_REGISTER_PERMITTED] = "an operator's key, or a key that lists resource_register, which operators give",
        [SP_REGISTER_ADMIN] = "the key of an ADMIN user of the workspace permitted workspace_write, an operator's key, "
                              "or a key that lists resource_register",
    };
    if (ctx->is_operator || (ctx->is_admin && target->register_level == SP_REGISTER_ADMIN))
        return SP_OK;
    bool may = false;
    enum sp_status status = target->register_level == SP_REGISTER_OPERATOR
                                ? SP_OK
                                : sp_admin_key_has_permission(ctx, SP_PERMISSION_REGISTER, &may);
    if (status != SP_OK || may)
        return status;
    if (ctx->is_admin && target->register_level == SP_REGISTER_PERMITTED)
        status = find_if_id_was_own(ctx, target, &may);
    if (status != SP_OK || may)
        return status;
    return sp_error_set(ctx->error, SP_ERR_PERMISSION, "registering a %s requires %s", target->ref->type,
                        needs[target->register_level]);
}

static enum sp_status check_id_free(struct sp_admin_context *ctx, const struct sp_admin_target *target) {
    uint8_t room[SP_RESOURCE_KEY_MAX_BYTES];
    uint64_t owner = 0;
    stored_resource *there = NULL;
    enum sp_status status = load_resource(ctx, target->ref, &there);
    if (status != SP_OK)
        return status;
    if (there != NULL && there->type_number == target->type_number)
        return refuse_taken_id(ctx, target);
    status = sp_index_owner(ctx->view, sp_admin_target_key(ctx, target, room), &owner);
    if (status != SP_OK)
        return status;
    return owner != 0 ? refuse_taken_id(ctx, target) : visit_former_owners(ctx, target, check_former_owner, NULL);
}

/* Takes the tombstone away, if there is one. Its grants were deleted with the resource; if there
 * are any all the same, the id stays closed. */
static enum sp_status delete_tombstone_of_id(struct sp_admin_context *ctx, const struct sp_admin_target *target) {
    struct sp_entity_key key;
    const Sallyport__Store__V1__StoredTombstone *tombstone = NULL;
    enum sp_status status = find_tombstone(ctx, target, &key, &tombstone);
    if (status != SP_OK || tombstone == NULL)
        return status;
    status = check_may_reuse_id(ctx, target, tombstone);
    if (status != SP_OK)
        return status;
    status = check_no_grants(ctx, target);
    if (status != SP_OK)
        return status;
    return sp_changeset_delete(ctx->changes, &key, ctx->now_s);
}

enum sp_status sp_admin_add_resource(struct sp_admin_context *ctx, const struct sp_admin_target *target,
                                     const Sallyport__V1__Resource *template, Sallyport__V1__Resource **ret_resource) {
    Sallyport__V1__Resource *resource = (void *)sp_wire_copy(&template->base, ctx->arena);
    if (resource == NULL)
        return SP_ERR_MEMORY;
    enum sp_status status = check_id_free(ctx, target);
    if (status != SP_OK)
        return status;
    status = sp_admin_refuse_key_text(sp_str_from(target->ref->id), "resource.id", ctx->error);
    if (status != SP_OK)
        return status;
    status = delete_tombstone_of_id(ctx, target);
    if (status != SP_OK)
        return status;
    status = sp_admin_check_quota(ctx, SP_COUNT_RESOURCES, 1);
    if (status != SP_OK)
        return status;
    resource->workspace = ctx->stored_workspace->workspace->id;
    if (resource->created_at == 0)
        resource->created_at = ctx->now_s;
    stored_resource stored = SALLYPORT__STORE__V1__STORED_RESOURCE__INIT;
    stored.resource = resource;
    stored.type_number = target->type_number;
    stored.workspace_number = ctx->stored_workspace->number;
    stored.workspace_scoped = target->workspace_scoped;
    struct sp_entity_key key;
    status = make_resource_key(ctx, target->ref, &key);
    if (status != SP_OK)
        return status;
    status = sp_changeset_put(ctx->changes, &key, &stored.base);
    if (status != SP_OK)
        return status;
    *ret_resource = resource;
    return SP_OK;
}

/* Adds it; an id of the workspace's own may have grants already. */
static enum sp_status take_id(struct sp_admin_context *ctx, const struct sp_admin_target *target,
                              const Sallyport__V1__Resource *template, Sallyport__V1__Resource **ret_resource) {
    enum sp_status status = sp_admin_add_resource(ctx, target, template, ret_resource);
    if (status != SP_OK)
        return status;
    return target->workspace_scoped ? check_no_grants(ctx, target) : SP_OK;
}

enum sp_status sp_admin_claim_resource(struct sp_admin_context *ctx, const Sallyport__V1__Resource *template) {
    struct sp_admin_target target = {0};
    Sallyport__V1__Resource *made = NULL;
    enum sp_status status = sp_admin_find_target(ctx, template->ref, &target);
    if (status != SP_OK)
        return status;
    status = check_may_register(ctx, &target);
    if (status != SP_OK)
        return status;
    return take_id(ctx, &target, template, &made);
}

static bool is_same_subject(const Sallyport__V1__Subject *a, const Sallyport__V1__Subject *b) {
    if (a->kind_case != b->kind_case)
        return false;
    if (a->kind_case == SALLYPORT__V1__SUBJECT__KIND_PRINCIPAL)
        return strcmp(a->principal, b->principal) == 0;
    return strcmp(a->group, b->group) == 0;
}

/* One grant each, so that the order of the list means nothing. */
static enum sp_status check_first_shares(struct sp_admin_context *ctx,
                                         const Sallyport__V1__RegisterResourceRequest *request,
                                         const Sallyport__V1__Subject *creator) {
    if (request->n_shares > SHARES_MAX)
        return sp_error_set(ctx->error, SP_ERR_INVALID, "shares: at most %d", SHARES_MAX);
    for (size_t i = 0; i < request->n_shares; i++) {
        const Sallyport__V1__Subject *subject = request->shares[i]->subject;
        if (subject == NULL || subject->kind_case == SALLYPORT__V1__SUBJECT__KIND__NOT_SET)
            return sp_error_set(ctx->error, SP_ERR_INVALID, "shares[%zu].subject: required", i);
        if (creator != NULL && is_same_subject(subject, creator))
            return sp_error_set(ctx->error, SP_ERR_INVALID,
                                "shares[%zu]: the creator gets ROLE_ADMIN anyway: leave it out", i);
        for (size_t j = 0; j < i; j++)
            if (is_same_subject(subject, request->shares[j]->subject))
                return sp_error_set(ctx->error, SP_ERR_INVALID, "shares[%zu]: the same subject is listed twice", i);
    }
    return SP_OK;
}

static enum sp_status put_first_grants(struct sp_admin_context *ctx, const struct sp_admin_target *target,
                                       const Sallyport__V1__RegisterResourceRequest *request,
                                       const Sallyport__V1__Subject *creator) {
    struct sp_admin_new_grant grant = {
        .target = *target, .subject = creator, .role = SALLYPORT__V1__ROLE__ROLE_ADMIN, .creator = true};
    Sallyport__V1__Grant *ignored = NULL;
    if (creator != NULL) {
        enum sp_status status = sp_admin_put_grant(ctx, &grant, &ignored);
        if (status != SP_OK)
            return status;
        grant.unflushed++;
    }
    grant.creator = false;
    for (size_t i = 0; i < request->n_shares; i++) {
        grant.subject = request->shares[i]->subject;
        grant.role = request->shares[i]->role;
        enum sp_status status = sp_admin_put_grant(ctx, &grant, &ignored);
        if (status != SP_OK)
            return status;
        grant.unflushed++;
    }
    return SP_OK;
}

/* The given creator, else the acting principal; nobody ("") for operators. NULL when out of
 * memory. */
static char *choose_creator(struct sp_admin_context *ctx, char *given) {
    if (given[0] != '\0')
        return given;
    return sp_arena_strdup(ctx->arena, ctx->is_operator ? (struct sp_str){0} : ctx->key.principal);
}

enum sp_status sp_admin_register_resource(struct sp_admin_context *ctx, const ProtobufCMessage *message,
                                          ProtobufCMessage **ret_reply) {
    const Sallyport__V1__RegisterResourceRequest *request = (const void *)message;
    Sallyport__V1__ResourceResponse *response =
        SP_ADMIN_NEW(ctx, Sallyport__V1__ResourceResponse, sallyport__v1__resource_response);
    if (response == NULL)
        return SP_ERR_MEMORY;
    struct sp_admin_target target = {0};
    Sallyport__V1__Resource template = SALLYPORT__V1__RESOURCE__INIT;
    Sallyport__V1__Subject creator = SALLYPORT__V1__SUBJECT__INIT;
    enum sp_status status = sp_admin_find_target(ctx, request->resource, &target);
    if (status != SP_OK)
        return status;
    status = check_may_register(ctx, &target);
    if (status != SP_OK)
        return status;
    template.ref = request->resource;
    template.creator = choose_creator(ctx, request->creator);
    if (template.creator == NULL)
        return SP_ERR_MEMORY;
    creator.kind_case = SALLYPORT__V1__SUBJECT__KIND_PRINCIPAL;
    creator.principal = template.creator;
    const Sallyport__V1__Subject *holder = template.creator[0] == '\0' ? NULL : &creator;
    status = check_first_shares(ctx, request, holder);
    if (status != SP_OK)
        return status;
    status = take_id(ctx, &target, &template, &response->resource);
    if (status != SP_OK)
        return status;
    status = put_first_grants(ctx, &target, request, holder);
    if (status != SP_OK)
        return status;
    *ret_reply = &response->base;
    return SP_OK;
}

/* ---- deletion and reading ---- */

/* Whether the acting principal has ROLE_ADMIN on the resource, and its key the permission to delete
 * one: Check's answer for the type's `delete` action, or resource_register if the type has none. */
static enum sp_status may_role_delete(struct sp_admin_context *ctx, const Sallyport__V1__ResourceRef *ref,
                                      bool *ret_may) {
    struct sp_query query = {.credential_kind = SP_CREDENTIAL_KNOWN,
                             .known_key = &ctx->key,
                             .ip = ctx->caller->ip,
                             .resource_type = sp_str_from(ref->type),
                             .resource_id = sp_str_from(ref->id),
                             .action = SP_STR_LITERAL("delete"),
                             .now_s = ctx->now_s};
    struct sp_admin_target target = {0};
    struct sp_answer answer = {0};
    enum sp_role role = SP_ROLE_NONE;
    enum sp_status status = sp_admin_find_target(ctx, ref, &target);
    if (status != SP_OK)
        return status;
    status = sp_check(ctx->view, &query, &answer);
    if (status != SP_OK)
        return status;
    *ret_may = answer.allowed;
    if (answer.reason == SP_REASON_ACTION_UNKNOWN)
        status = sp_admin_key_has_permission(ctx, SP_PERMISSION_REGISTER, ret_may);
    if (status != SP_OK)
        return status;
    status = sp_admin_find_acting_role(ctx, &target, &role);
    if (status != SP_OK)
        return status;
    *ret_may = *ret_may && role == SP_ROLE_ADMIN;
    return SP_OK;
}

/* Before the resource is looked up: whoever may not delete it does not learn whether it is
 * there. */
static enum sp_status check_may_delete(struct sp_admin_context *ctx, const Sallyport__V1__ResourceRef *ref) {
    bool may = ctx->is_operator || ctx->is_admin;
    enum sp_status status = may ? SP_OK : may_role_delete(ctx, ref, &may);
    if (status != SP_OK || may)
        return status;
    return sp_error_set(ctx->error, SP_ERR_PERMISSION,
                        "%s %s: deleting requires an operator's key, the key of an ADMIN user permitted "
                        "workspace_write, or ROLE_ADMIN on it and a key permitted the type's delete action (%s, where "
                        "the type has none)",
                        ref->type, ref->id, SP_PERMISSION_REGISTER);
}

/* One that is there and not being deleted. */
static enum sp_status load_present_resource(struct sp_admin_context *ctx, const Sallyport__V1__ResourceRef *ref,
                                            stored_resource **ret_stored) {
    stored_resource *stored = NULL;
    enum sp_status status = load_resource(ctx, ref, &stored);
    if (status != SP_OK)
        return status;
    if (stored == NULL || stored->deleting)
        return sp_admin_refuse_ref(ctx, ref);
    *ret_stored = stored;
    return SP_OK;
}

enum sp_status sp_admin_remove_resource(struct sp_admin_context *ctx, const Sallyport__V1__ResourceRef *ref,
                                        size_t limit) {
    stored_resource *stored = NULL;
    bool cut = false;
    enum sp_status status = sp_admin_check_ref(ctx, ref);
    if (status != SP_OK)
        return status;
    status = load_present_resource(ctx, ref, &stored);
    if (status != SP_OK)
        return status;
    status = sp_admin_delete_resource_tree(ctx, stored, limit, &cut);
    if (status != SP_OK || !cut)
        return status;
    return sp_admin_refuse_cut(ctx, ref->type, ref->id);
}

enum sp_status sp_admin_delete_resource(struct sp_admin_context *ctx, const ProtobufCMessage *message,
                                        ProtobufCMessage **ret_reply) {
    const Sallyport__V1__DeleteResourceRequest *request = (const void *)message;
    Sallyport__V1__MutationResponse *response =
        SP_ADMIN_NEW(ctx, Sallyport__V1__MutationResponse, sallyport__v1__mutation_response);
    if (response == NULL)
        return SP_ERR_MEMORY;
    stored_resource *stored = NULL;
    enum sp_status status = sp_admin_check_ref(ctx, request->resource);
    if (status != SP_OK)
        return status;
    status = check_may_delete(ctx, request->resource);
    if (status != SP_OK)
        return status;
    status = load_present_resource(ctx, request->resource, &stored);
    if (status != SP_OK)
        return status;
    status = sp_admin_delete_resource_in_pieces(ctx, stored, request->request_id);
    if (status != SP_OK)
        return status;
    *ret_reply = &response->base;
    return SP_OK;
}

enum sp_status sp_admin_get_resource(struct sp_admin_context *ctx, const ProtobufCMessage *message,
                                     ProtobufCMessage **ret_reply) {
    const Sallyport__V1__GetResourceRequest *request = (const void *)message;
    struct sp_admin_target target = {0};
    stored_resource *stored = NULL;
    enum sp_status status = sp_admin_find_target(ctx, request->resource, &target);
    if (status != SP_OK)
        return status;
    status = load_resource(ctx, target.ref, &stored);
    if (status != SP_OK)
        return status;
    if (stored == NULL || stored->deleting || stored->type_number != target.type_number)
        return sp_admin_refuse_ref(ctx, target.ref);
    *ret_reply = &stored->resource->base;
    return SP_OK;
}

struct resource_list {
    struct sp_admin_context *ctx;
    Sallyport__V1__ListResourcesResponse *response;
};

static enum sp_status keep_resource(void *context, const ProtobufCMessage *message, bool *ret_kept) {
    struct resource_list *list = context;
    const stored_resource *stored = (const void *)message;
    struct sp_admin_resource_type type;
    enum sp_status status = sp_admin_find_type_by_number(list->ctx, stored->type_number, &type);
    if (status != SP_OK)
        return status;
    *ret_kept = !type.removed && !stored->deleting;
    if (*ret_kept)
        list->response->resources[list->response->n_resources++] = stored->resource;
    return SP_OK;
}

/* What the keys of the listed resources begin with. */
static enum sp_status make_list_prefix(struct sp_admin_context *ctx, const char *type_name,
                                       struct sp_entity_key *ret_prefix) {
    struct sp_admin_resource_type type;
    if (type_name[0] == '\0')
        return sp_entity_key_make(SP_KIND_RESOURCE, ctx->workspace, NULL, 0, ret_prefix);
    enum sp_status status = sp_admin_find_type(ctx, type_name, &type);
    if (status != SP_OK) {
        sp_admin_rename_field(ctx->error, "resource.type", "type");
        return status;
    }
    struct sp_str parts[] = {sp_str_from(type_name), {0}};
    return sp_entity_key_make(SP_KIND_RESOURCE, ctx->workspace, parts, 2, ret_prefix);
}

enum sp_status sp_admin_list_resources(struct sp_admin_context *ctx, const ProtobufCMessage *message,
                                       ProtobufCMessage **ret_reply) {
    const Sallyport__V1__ListResourcesRequest *request = (const void *)message;
    struct sp_entity_key prefix;
    Sallyport__V1__ListResourcesResponse *response =
        SP_ADMIN_NEW(ctx, Sallyport__V1__ListResourcesResponse, sallyport__v1__list_resources_response);
    if (response == NULL)
        return SP_ERR_MEMORY;
    response->resources = sp_arena_calloc(ctx->arena, SP_ADMIN_PAGE_MAX, sizeof(*response->resources));
    if (response->resources == NULL)
        return SP_ERR_MEMORY;
    enum sp_status status = make_list_prefix(ctx, request->type, &prefix);
    if (status != SP_OK)
        return status;
    struct resource_list list = {.ctx = ctx, .response = response};
    status = sp_admin_page(ctx, (struct sp_bytes){prefix.bytes, prefix.size},
                           &sallyport__store__v1__stored_resource__descriptor, request->page_size, request->page_token,
                           keep_resource, &list, &response->next_page_token);
    if (status != SP_OK)
        return status;
    *ret_reply = &response->base;
    return SP_OK;
}
