/* Resources: which workspace an id belongs to. */
#include "admin/share.h"
#include "base/text.h"
#include "store/records/index.h"
#include "store/records/index_walk.h"
#include "store/records/resource_key.h"
#include "wire/wire.h"

typedef Sallyport__Store__V1__StoredResource stored_resource;

enum { SHARES_MAX = 100 };

enum sp_status sp_admin_target(struct sp_admin_context *ctx, const Sallyport__V1__ResourceRef *ref,
                               struct sp_admin_target *ret_target) {
    if (ref == NULL) {
        (void)sp_error_set(ctx->error, SP_ERR_INVALID, "resource: required");
        return SP_ERR_INVALID;
    }
    struct sp_admin_target target = {.ref = ref};
    enum sp_status status = sp_text_check_word(sp_str_from(ref->type), "resource.type", ctx->error);
    if (status == SP_OK)
        status = sp_text_check_resource_id(sp_str_from(ref->id), "resource.id", ctx->error);
    if (status == SP_OK)
        status = sp_admin_resource_type(ctx, ref->type, &target.type_number, &target.workspace_scoped);
    if (status == SP_OK)
        *ret_target = target;
    return status;
}

enum sp_status sp_admin_resource_key(struct sp_admin_context *ctx, const Sallyport__V1__ResourceRef *ref,
                                     struct sp_entity_key *ret_key) {
    struct sp_str parts[] = {sp_str_from(ref->type), sp_str_from(ref->id)};
    return sp_entity_key_make(SP_KIND_RESOURCE, ctx->workspace, parts, 2, ret_key);
}

static enum sp_status not_found(struct sp_admin_context *ctx, const Sallyport__V1__ResourceRef *ref) {
    return sp_error_set(ctx->error, SP_ERR_NOT_FOUND, "%s %s not found in workspace %.*s", ref->type, ref->id,
                        SP_STR_ARG(ctx->workspace));
}

/* The entity, also one of a type that is gone. SP_ERR_NOT_FOUND without a message. */
static enum sp_status find_stored(struct sp_admin_context *ctx, const Sallyport__V1__ResourceRef *ref,
                                  stored_resource **ret_stored) {
    struct sp_entity_key key;
    ProtobufCMessage *message = NULL;
    enum sp_status status = sp_admin_resource_key(ctx, ref, &key);
    if (status == SP_OK)
        status = sp_entity_get(ctx->view, &key, ctx->arena, &message);
    if (status == SP_OK)
        *ret_stored = (void *)message;
    return status;
}

static size_t index_key(const struct sp_admin_context *ctx, const struct sp_admin_target *target,
                        uint8_t ret_key[static SP_RESOURCE_KEY_MAX_BYTES]) {
    uint64_t scope = target->workspace_scoped ? ctx->stored_workspace->number : 0;
    return sp_resource_key(target->type_number, scope, sp_str_from(target->ref->id), ret_key);
}

enum sp_status sp_admin_check_target(struct sp_admin_context *ctx, const struct sp_admin_target *target) {
    if (target->workspace_scoped)
        return SP_OK;
    uint8_t key[SP_RESOURCE_KEY_MAX_BYTES];
    uint64_t owner = 0;
    enum sp_status status = sp_index_owner(ctx->view, (struct sp_bytes){key, index_key(ctx, target, key)}, &owner);
    if (status == SP_OK && owner != ctx->stored_workspace->number)
        return not_found(ctx, target->ref);
    return status;
}

/* ---- registration ---- */

/* The same words whoever has the id, or had it: another workspace's things are not told of. */
static enum sp_status taken(struct sp_admin_context *ctx, const struct sp_admin_target *target) {
    return sp_error_set(ctx->error, SP_ERR_EXISTS, "%s %s is registered already, or was before: choose another id",
                        target->ref->type, target->ref->id);
}

static enum sp_status check_not_buried(struct sp_admin_context *ctx, const struct sp_admin_target *target) {
    struct sp_entity_key key;
    struct sp_entity_key tombstone;
    bool existed = false;
    enum sp_status status = sp_admin_resource_key(ctx, target->ref, &key);
    if (status == SP_OK)
        status = sp_entity_key_tombstone(sp_entity_key_bytes(&key), !target->workspace_scoped, &tombstone);
    if (status == SP_OK)
        status = sp_entity_exists(ctx->view, &tombstone, &existed);
    return status == SP_OK && existed ? taken(ctx, target) : status;
}

static enum sp_status meet_grant(void *context, uint64_t subject_number, enum sp_role role) {
    (void)subject_number;
    (void)role;
    *(bool *)context = true;
    return SP_WALK_END;
}

/* Grants on an id that was never registered: whoever registered it now would take over what others share already. */
static enum sp_status check_no_grants(struct sp_admin_context *ctx, const struct sp_admin_target *target) {
    uint8_t key[SP_RESOURCE_KEY_MAX_BYTES];
    bool shared = false;
    enum sp_status status = sp_index_walk_resource_grants(
        ctx->view, (struct sp_bytes){key, index_key(ctx, target, key)}, meet_grant, &shared);
    if (status == SP_OK && shared)
        return sp_error_set(ctx->error, SP_ERR_EXISTS, "%s %s is shared already: a workspace admin can change that",
                            target->ref->type, target->ref->id);
    return status;
}

static enum sp_status check_free(struct sp_admin_context *ctx, const struct sp_admin_target *target) {
    uint8_t key[SP_RESOURCE_KEY_MAX_BYTES];
    uint64_t owner = 0;
    stored_resource *own = NULL;
    enum sp_status status = check_not_buried(ctx, target);
    if (status == SP_OK)
        status = find_stored(ctx, target->ref, &own);
    if (status == SP_OK && own->type_number == target->type_number)
        return taken(ctx, target);
    if (status != SP_OK && status != SP_ERR_NOT_FOUND)
        return status;
    status = sp_index_owner(ctx->view, (struct sp_bytes){key, index_key(ctx, target, key)}, &owner);
    return status == SP_OK && owner != 0 ? taken(ctx, target) : status;
}

enum sp_status sp_admin_add_resource(struct sp_admin_context *ctx, const struct sp_admin_target *target,
                                     const Sallyport__V1__Resource *template, Sallyport__V1__Resource **ret_resource) {
    Sallyport__V1__Resource *resource = (void *)sp_wire_copy(&template->base, ctx->arena);
    if (resource == NULL)
        return SP_ERR_MEMORY;
    enum sp_status status = check_free(ctx, target);
    if (status == SP_OK)
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
    status = sp_admin_resource_key(ctx, target->ref, &key);
    if (status == SP_OK)
        status = sp_changeset_put(ctx->changes, &key, &stored.base);
    if (status == SP_OK)
        *ret_resource = resource;
    return status;
}

static bool same_subject(const Sallyport__V1__Subject *a, const Sallyport__V1__Subject *b) {
    if (a->kind_case != b->kind_case)
        return false;
    return a->kind_case == SALLYPORT__V1__SUBJECT__KIND_PRINCIPAL ? strcmp(a->principal, b->principal) == 0
                                                                  : strcmp(a->group, b->group) == 0;
}

/* One grant each, so that the order of the list means nothing. */
static enum sp_status check_shares(struct sp_admin_context *ctx, const Sallyport__V1__RegisterResourceRequest *request,
                                   const Sallyport__V1__Subject *creator) {
    if (request->n_shares > SHARES_MAX)
        return sp_error_set(ctx->error, SP_ERR_INVALID, "shares: at most %d", SHARES_MAX);
    for (size_t i = 0; i < request->n_shares; i++) {
        const Sallyport__V1__Subject *subject = request->shares[i]->subject;
        if (subject == NULL || subject->kind_case == SALLYPORT__V1__SUBJECT__KIND__NOT_SET)
            return sp_error_set(ctx->error, SP_ERR_INVALID, "shares[%zu].subject: required", i);
        if (creator != NULL && same_subject(subject, creator))
            return sp_error_set(ctx->error, SP_ERR_INVALID, "shares[%zu]: the creator has ROLE_ADMIN already", i);
        for (size_t j = 0; j < i; j++)
            if (same_subject(subject, request->shares[j]->subject))
                return sp_error_set(ctx->error, SP_ERR_INVALID, "shares[%zu]: its subject is given twice", i);
    }
    return SP_OK;
}

static enum sp_status put_first_grants(struct sp_admin_context *ctx, const struct sp_admin_target *target,
                                       const Sallyport__V1__RegisterResourceRequest *request,
                                       const Sallyport__V1__Subject *creator) {
    struct sp_admin_new_grant grant = {
        .target = *target, .subject = creator, .role = SALLYPORT__V1__ROLE__ROLE_ADMIN, .creator = true};
    Sallyport__V1__Grant *ignored = NULL;
    enum sp_status status = SP_OK;
    if (creator != NULL)
        status = sp_admin_put_grant(ctx, &grant, &ignored);
    grant.creator = false;
    grant.unflushed = creator != NULL;
    for (size_t i = 0; status == SP_OK && i < request->n_shares; i++) {
        grant.subject = request->shares[i]->subject;
        grant.role = request->shares[i]->role;
        status = sp_admin_put_grant(ctx, &grant, &ignored);
        grant.unflushed++;
    }
    return status;
}

/* Empty: the acting principal, or nobody for operators. */
static enum sp_status find_creator(struct sp_admin_context *ctx, char *given, char **ret_creator) {
    char *creator = given;
    if (given[0] == '\0')
        creator = sp_arena_strdup(ctx->arena, ctx->is_operator ? (struct sp_str){0} : ctx->key.principal);
    if (creator == NULL)
        return SP_ERR_MEMORY;
    *ret_creator = creator;
    return SP_OK;
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
    template.ref = request->resource;
    enum sp_status status = sp_admin_target(ctx, request->resource, &target);
    if (status == SP_OK)
        status = find_creator(ctx, request->creator, &template.creator);
    if (status != SP_OK)
        return status;
    creator.kind_case = SALLYPORT__V1__SUBJECT__KIND_PRINCIPAL;
    creator.principal = template.creator;
    const Sallyport__V1__Subject *holder = template.creator[0] == '\0' ? NULL : &creator;
    status = check_shares(ctx, request, holder);
    if (status == SP_OK)
        status = sp_admin_add_resource(ctx, &target, &template, &response->resource);
    if (status == SP_OK && target.workspace_scoped)
        status = check_no_grants(ctx, &target);
    if (status == SP_OK)
        status = put_first_grants(ctx, &target, request, holder);
    if (status == SP_OK)
        *ret_reply = &response->base;
    return status;
}

/* ---- deletion and reading ---- */

static enum sp_status check_ref(struct sp_admin_context *ctx, const Sallyport__V1__ResourceRef *ref) {
    if (ref == NULL)
        return sp_error_set(ctx->error, SP_ERR_INVALID, "resource: required");
    enum sp_status status = sp_text_check_word(sp_str_from(ref->type), "resource.type", ctx->error);
    return status == SP_OK ? sp_text_check_resource_id(sp_str_from(ref->id), "resource.id", ctx->error) : status;
}

enum sp_status sp_admin_delete_resource(struct sp_admin_context *ctx, const ProtobufCMessage *message,
                                        ProtobufCMessage **ret_reply) {
    const Sallyport__V1__DeleteResourceRequest *request = (const void *)message;
    Sallyport__V1__MutationResponse *response =
        SP_ADMIN_NEW(ctx, Sallyport__V1__MutationResponse, sallyport__v1__mutation_response);
    if (response == NULL)
        return SP_ERR_MEMORY;
    stored_resource *stored = NULL;
    enum sp_status status = check_ref(ctx, request->resource);
    if (status != SP_OK)
        return status;
    status = find_stored(ctx, request->resource, &stored);
    if (status == SP_ERR_NOT_FOUND)
        return not_found(ctx, request->resource);
    if (status == SP_OK)
        status = sp_admin_delete_resource_tree(ctx, stored);
    if (status == SP_OK)
        *ret_reply = &response->base;
    return status;
}

enum sp_status sp_admin_get_resource(struct sp_admin_context *ctx, const ProtobufCMessage *message,
                                     ProtobufCMessage **ret_reply) {
    const Sallyport__V1__GetResourceRequest *request = (const void *)message;
    struct sp_admin_target target = {0};
    stored_resource *stored = NULL;
    enum sp_status status = sp_admin_target(ctx, request->resource, &target);
    if (status != SP_OK)
        return status;
    status = find_stored(ctx, target.ref, &stored);
    if (status == SP_ERR_NOT_FOUND || (status == SP_OK && stored->type_number != target.type_number))
        return not_found(ctx, target.ref);
    if (status == SP_OK)
        *ret_reply = &stored->resource->base;
    return status;
}

struct resource_list {
    struct sp_admin_context *ctx;
    Sallyport__V1__ListResourcesResponse *response;
};

static bool keep_resource(void *context, const ProtobufCMessage *message) {
    struct resource_list *list = context;
    const stored_resource *stored = (const void *)message;
    if (!sp_admin_type_is_live(list->ctx, stored->type_number))
        return false;
    list->response->resources[list->response->n_resources++] = stored->resource;
    return true;
}

static enum sp_status list_prefix(struct sp_admin_context *ctx, const char *type, struct sp_entity_key *ret_prefix) {
    if (type[0] == '\0')
        return sp_entity_key_make(SP_KIND_RESOURCE, ctx->workspace, NULL, 0, ret_prefix);
    uint32_t number = 0;
    bool workspace_scoped = false;
    struct sp_str parts[] = {sp_str_from(type), {0}};
    enum sp_status status = sp_admin_resource_type(ctx, type, &number, &workspace_scoped);
    return status == SP_OK ? sp_entity_key_make(SP_KIND_RESOURCE, ctx->workspace, parts, 2, ret_prefix) : status;
}

enum sp_status sp_admin_list_resources(struct sp_admin_context *ctx, const ProtobufCMessage *message,
                                       ProtobufCMessage **ret_reply) {
    const Sallyport__V1__ListResourcesRequest *request = (const void *)message;
    struct resource_list list = {
        .ctx = ctx,
        .response = SP_ADMIN_NEW(ctx, Sallyport__V1__ListResourcesResponse, sallyport__v1__list_resources_response)};
    if (list.response != NULL)
        list.response->resources = sp_arena_calloc(ctx->arena, SP_ADMIN_PAGE_MAX, sizeof(*list.response->resources));
    if (list.response == NULL || list.response->resources == NULL)
        return SP_ERR_MEMORY;
    struct sp_entity_key prefix;
    enum sp_status status = list_prefix(ctx, request->type, &prefix);
    if (status == SP_OK)
        status = sp_admin_page(ctx, (struct sp_bytes){prefix.bytes, prefix.size},
                               &sallyport__store__v1__stored_resource__descriptor, request->page_size,
                               request->page_token, keep_resource, &list, &list.response->next_page_token);
    if (status == SP_OK)
        *ret_reply = &list.response->base;
    return status;
}
