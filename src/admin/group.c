/* Groups and their members. */
#include "admin/group.h"

#include <stdlib.h>

#include "admin/cascade.h"
#include "admin/entities.h"
#include "admin/handlers.h"
#include "admin/message.h"
#include "admin/new_text.h"
#include "admin/page.h"
#include "admin/quota.h"
#include "base/array.h"
#include "sallyport/store/v1/records.pb-c.h"
#include "store/records/changeset.h"
#include "store/records/entity.h"
#include "store/records/entity_key.h"
#include "store/records/index_walk.h"
#include "store/records/layout.h"
#include "store/records/next_number.h"
#include "wire/wire.h"

enum { MEMBERS_MAX_A_CALL = 1000 };

static enum sp_status count_members(struct sp_admin_context *ctx, uint64_t group_number, uint32_t *ret_count) {
    uint64_t members = 0;
    enum sp_status status = sp_index_group_size(ctx->view, group_number, &members);
    if (status != SP_OK)
        return status;
    *ret_count = members > UINT32_MAX ? UINT32_MAX : (uint32_t)members;
    return SP_OK;
}

static enum sp_status reply_with_group(struct sp_admin_context *ctx, const Sallyport__Store__V1__StoredGroup *stored,
                                       uint32_t members, ProtobufCMessage **ret_reply) {
    Sallyport__V1__GroupResponse *response =
        SP_ADMIN_NEW(ctx, Sallyport__V1__GroupResponse, sallyport__v1__group_response);
    if (response == NULL)
        return SP_ERR_MEMORY;
    response->group = stored->group;
    response->group->members = members;
    *ret_reply = &response->base;
    return SP_OK;
}

enum sp_status sp_admin_add_group(struct sp_admin_context *ctx, const Sallyport__V1__Group *template,
                                  Sallyport__Store__V1__StoredGroup **ret_group) {
    Sallyport__V1__Group *group = (void *)sp_wire_copy(&template->base, ctx->arena);
    Sallyport__Store__V1__StoredGroup *stored =
        SP_ADMIN_NEW(ctx, Sallyport__Store__V1__StoredGroup, sallyport__store__v1__stored_group);
    if (group == NULL || stored == NULL)
        return SP_ERR_MEMORY;
    const char *id = NULL;
    enum sp_status status = sp_admin_check_new_name(group->name, NULL, "name", ctx->error);
    if (status != SP_OK)
        return status;
    status = sp_admin_new_id(ctx, SP_KIND_GROUP, "group", "grp_", template->id, &id);
    if (status != SP_OK)
        return status;
    status = sp_admin_check_quota(ctx, SP_COUNT_GROUPS, 1);
    if (status != SP_OK)
        return status;
    status = sp_write_next_subject(ctx->write, &stored->number);
    if (status != SP_OK)
        return status;
    group->id = sp_arena_strdup(ctx->arena, sp_str_from(id));
    group->workspace = sp_arena_strdup(ctx->arena, ctx->workspace);
    if (group->id == NULL || group->workspace == NULL)
        return SP_ERR_MEMORY;
    group->members = 0;
    group->created_at = group->created_at == 0 ? ctx->now_s : group->created_at;
    stored->group = group;
    stored->workspace_number = ctx->stored_workspace->number;
    status = sp_admin_put(ctx, SP_KIND_GROUP, id, &stored->base);
    if (status != SP_OK)
        return status;
    *ret_group = stored;
    return SP_OK;
}

enum sp_status sp_admin_create_group(struct sp_admin_context *ctx, const ProtobufCMessage *message,
                                     ProtobufCMessage **ret_reply) {
    const Sallyport__V1__CreateGroupRequest *request = (const void *)message;
    Sallyport__V1__Group template;
    sallyport__v1__group__init(&template);
    template.id = request->id;
    template.name = request->name;
    Sallyport__Store__V1__StoredGroup *stored = NULL;
    enum sp_status status = sp_admin_add_group(ctx, &template, &stored);
    if (status != SP_OK)
        return status;
    return reply_with_group(ctx, stored, 0, ret_reply);
}

enum sp_status sp_admin_get_group(struct sp_admin_context *ctx, const ProtobufCMessage *message,
                                  ProtobufCMessage **ret_reply) {
    const Sallyport__V1__GetGroupRequest *request = (const void *)message;
    Sallyport__Store__V1__StoredGroup *stored = NULL;
    enum sp_status status = sp_admin_load_group(ctx, request->id, &stored);
    if (status != SP_OK)
        return status;
    status = count_members(ctx, stored->number, &stored->group->members);
    if (status != SP_OK)
        return status;
    *ret_reply = &stored->group->base;
    return SP_OK;
}

enum sp_status sp_admin_update_group(struct sp_admin_context *ctx, const ProtobufCMessage *message,
                                     ProtobufCMessage **ret_reply) {
    const Sallyport__V1__UpdateGroupRequest *request = (const void *)message;
    Sallyport__Store__V1__StoredGroup *stored = NULL;
    uint32_t members = 0;
    enum sp_status status = sp_admin_load_group(ctx, request->id, &stored);
    if (status != SP_OK)
        return status;
    status = sp_admin_check_new_name(request->name, stored->group->name, "name", ctx->error);
    if (status != SP_OK)
        return status;
    status = count_members(ctx, stored->number, &members);
    if (status != SP_OK)
        return status;
    stored->group->name = sp_arena_strdup(ctx->arena, sp_str_from(request->name));
    if (stored->group->name == NULL)
        return SP_ERR_MEMORY;
    status = sp_admin_put(ctx, SP_KIND_GROUP, request->id, &stored->base);
    if (status != SP_OK)
        return status;
    return reply_with_group(ctx, stored, members, ret_reply);
}

enum sp_status sp_admin_delete_group(struct sp_admin_context *ctx, const ProtobufCMessage *message,
                                     ProtobufCMessage **ret_reply) {
    const Sallyport__V1__DeleteGroupRequest *request = (const void *)message;
    Sallyport__V1__MutationResponse *response =
        SP_ADMIN_NEW(ctx, Sallyport__V1__MutationResponse, sallyport__v1__mutation_response);
    if (response == NULL)
        return SP_ERR_MEMORY;
    Sallyport__Store__V1__StoredGroup *stored = NULL;
    enum sp_status status = sp_admin_load_group(ctx, request->id, &stored);
    if (status != SP_OK)
        return status;
    status = sp_admin_delete_group_in_pieces(ctx, stored, request->request_id);
    if (status != SP_OK)
        return status;
    *ret_reply = &response->base;
    return SP_OK;
}

/* ---- which groups there are ---- */

struct group_list {
    struct sp_admin_context *ctx;
    Sallyport__V1__ListGroupsResponse *response;
    bool filtered;
    uint64_t *numbers; /* of the groups that may be kept, sorted */
    size_t count;
    size_t capacity;
};

static int compare_numbers(const void *a, const void *b) {
    uint64_t left = *(const uint64_t *)a;
    uint64_t right = *(const uint64_t *)b;
    return (left > right) - (left < right);
}

static enum sp_status collect_group_number(void *context, uint64_t group_number) {
    struct group_list *list = context;
    uint64_t *numbers =
        sp_array_reserve_in(list->ctx->arena, list->numbers, list->count, &list->capacity, sizeof(*numbers));
    if (numbers == NULL)
        return SP_ERR_MEMORY;
    list->numbers = numbers;
    list->numbers[list->count++] = group_number;
    return SP_OK;
}

static bool is_listed_group(const struct group_list *list, uint64_t number) {
    if (!list->filtered)
        return true;
    return list->count > 0 &&
           bsearch(&number, list->numbers, list->count, sizeof(*list->numbers), compare_numbers) != NULL;
}

static enum sp_status keep_group(void *context, const ProtobufCMessage *message, bool *ret_kept) {
    struct group_list *list = context;
    const Sallyport__Store__V1__StoredGroup *stored = (const void *)message;
    if (stored->deleting || !is_listed_group(list, stored->number))
        return SP_OK;
    enum sp_status status = count_members(list->ctx, stored->number, &stored->group->members);
    if (status != SP_OK)
        return status;
    list->response->groups[list->response->n_groups++] = stored->group;
    *ret_kept = true;
    return SP_OK;
}

static enum sp_status filter_groups_by_member(struct group_list *list, const char *principal) {
    Sallyport__Store__V1__StoredPrincipal *stored = NULL;
    if (principal[0] == '\0')
        return SP_OK;
    enum sp_status status = sp_admin_load_principal(list->ctx, principal, &stored);
    if (status != SP_OK)
        return status;
    status = sp_index_walk_principal_groups(list->ctx->view, stored->number, collect_group_number, list);
    if (status != SP_OK)
        return status;
    list->filtered = true;
    if (list->count > 0)
        qsort(list->numbers, list->count, sizeof(*list->numbers), compare_numbers);
    return SP_OK;
}

enum sp_status sp_admin_list_groups(struct sp_admin_context *ctx, const ProtobufCMessage *message,
                                    ProtobufCMessage **ret_reply) {
    const Sallyport__V1__ListGroupsRequest *request = (const void *)message;
    Sallyport__V1__ListGroupsResponse *response =
        SP_ADMIN_NEW(ctx, Sallyport__V1__ListGroupsResponse, sallyport__v1__list_groups_response);
    if (response == NULL)
        return SP_ERR_MEMORY;
    response->groups = sp_arena_calloc(ctx->arena, SP_ADMIN_PAGE_MAX, sizeof(void *));
    if (response->groups == NULL)
        return SP_ERR_MEMORY;
    struct group_list list = {.ctx = ctx, .response = response};
    struct sp_entity_key prefix;
    enum sp_status status = filter_groups_by_member(&list, request->principal);
    if (status != SP_OK)
        return status;
    status = sp_entity_key_make(SP_KIND_GROUP, ctx->workspace, NULL, 0, &prefix);
    if (status != SP_OK)
        return status;
    status = sp_admin_page(ctx, (struct sp_bytes){prefix.bytes, prefix.size},
                           &sallyport__store__v1__stored_group__descriptor, request->page_size, request->page_token,
                           keep_group, &list, &response->next_page_token);
    if (status != SP_OK)
        return status;
    *ret_reply = &response->base;
    return SP_OK;
}

/* ---- members ---- */

static enum sp_status make_membership_key(struct sp_admin_context *ctx, const char *group, const char *principal,
                                          struct sp_entity_key *ret_key) {
    struct sp_str parts[] = {sp_str_from(group), sp_str_from(principal)};
    return sp_entity_key_make(SP_KIND_MEMBERSHIP, ctx->workspace, parts, 2, ret_key);
}

enum sp_status sp_admin_is_member(struct sp_admin_context *ctx, const char *group, const char *principal,
                                  bool *ret_is_member) {
    struct sp_entity_key key;
    enum sp_status status = make_membership_key(ctx, group, principal, &key);
    if (status != SP_OK)
        return status;
    return sp_entity_exists(ctx->view, &key, ret_is_member);
}

enum sp_status sp_admin_add_member(struct sp_admin_context *ctx, const Sallyport__Store__V1__StoredGroup *group,
                                   const Sallyport__Store__V1__StoredPrincipal *principal, int64_t added_at_s) {
    Sallyport__V1__Membership membership;
    sallyport__v1__membership__init(&membership);
    membership.workspace = group->group->workspace;
    membership.group = group->group->id;
    membership.principal = principal->principal->id;
    membership.added_at = added_at_s == 0 ? ctx->now_s : added_at_s;
    Sallyport__Store__V1__StoredMembership stored;
    sallyport__store__v1__stored_membership__init(&stored);
    stored.membership = &membership;
    stored.group_number = group->number;
    stored.principal_number = principal->number;
    stored.workspace_number = ctx->stored_workspace->number;
    struct sp_entity_key key;
    enum sp_status status = make_membership_key(ctx, membership.group, membership.principal, &key);
    if (status != SP_OK)
        return status;
    return sp_changeset_put(ctx->changes, &key, &stored.base);
}

static int compare_texts(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The principals named, sorted, each once. */
static enum sp_status sort_principals(struct sp_admin_context *ctx, const Sallyport__V1__GroupMembersRequest *request,
                                      const char ***ret_ids, size_t *ret_count) {
    if (request->n_principals < 1 || request->n_principals > MEMBERS_MAX_A_CALL)
        return sp_error_set(ctx->error, SP_ERR_INVALID, "principals: give 1 to %d", MEMBERS_MAX_A_CALL);
    const char **ids = sp_arena_calloc(ctx->arena, request->n_principals, sizeof(*ids));
    if (ids == NULL)
        return SP_ERR_MEMORY;
    for (size_t i = 0; i < request->n_principals; i++)
        ids[i] = request->principals[i];
    qsort(ids, request->n_principals, sizeof(*ids), compare_texts);
    size_t count = 1;
    for (size_t i = 1; i < request->n_principals; i++)
        if (strcmp(ids[i], ids[count - 1]) != 0)
            ids[count++] = ids[i];
    *ret_ids = ids;
    *ret_count = count;
    return SP_OK;
}

/* Makes or ends one membership, unless it is so already. */
static enum sp_status change_member(struct sp_admin_context *ctx, const Sallyport__Store__V1__StoredGroup *group,
                                    const char *id, bool add, uint32_t *changed) {
    Sallyport__Store__V1__StoredPrincipal *principal = NULL;
    struct sp_entity_key key;
    bool is_member = false;
    enum sp_status status = sp_admin_load_principal(ctx, id, &principal);
    if (status != SP_OK)
        return status;
    status = sp_admin_is_member(ctx, group->group->id, id, &is_member);
    if (status != SP_OK || is_member == add)
        return status;
    (*changed)++;
    if (add)
        return sp_admin_add_member(ctx, group, principal, 0);
    status = make_membership_key(ctx, group->group->id, id, &key);
    if (status != SP_OK)
        return status;
    return sp_changeset_delete(ctx->changes, &key, ctx->now_s);
}

static enum sp_status change_members(struct sp_admin_context *ctx, const ProtobufCMessage *message, bool add,
                                     ProtobufCMessage **ret_reply) {
    const Sallyport__V1__GroupMembersRequest *request = (const void *)message;
    Sallyport__Store__V1__StoredGroup *group = NULL;
    const char **ids = NULL;
    size_t count = 0;
    uint32_t members = 0;
    uint32_t changed = 0;
    enum sp_status status = sort_principals(ctx, request, &ids, &count);
    if (status != SP_OK)
        return status;
    status = sp_admin_load_group(ctx, request->group, &group);
    if (status != SP_OK)
        return status;
    status = count_members(ctx, group->number, &members);
    if (status != SP_OK)
        return status;
    for (size_t i = 0; i < count; i++) {
        status = change_member(ctx, group, ids[i], add, &changed);
        if (status != SP_OK)
            return status;
    }
    if (!add)
        return reply_with_group(ctx, group, members - changed, ret_reply);
    status = sp_admin_check_quota(ctx, SP_COUNT_MEMBERS, changed);
    if (status != SP_OK)
        return status;
    return reply_with_group(ctx, group, members + changed, ret_reply);
}

enum sp_status sp_admin_add_group_members(struct sp_admin_context *ctx, const ProtobufCMessage *message,
                                          ProtobufCMessage **ret_reply) {
    return change_members(ctx, message, true, ret_reply);
}

enum sp_status sp_admin_remove_group_members(struct sp_admin_context *ctx, const ProtobufCMessage *message,
                                             ProtobufCMessage **ret_reply) {
    return change_members(ctx, message, false, ret_reply);
}

static enum sp_status keep_member(void *context, const ProtobufCMessage *message, bool *ret_kept) {
    Sallyport__V1__ListGroupMembersResponse *response = context;
    response->members[response->n_members++] =
        ((const Sallyport__Store__V1__StoredMembership *)(const void *)message)->membership;
    *ret_kept = true;
    return SP_OK;
}

enum sp_status sp_admin_list_group_members(struct sp_admin_context *ctx, const ProtobufCMessage *message,
                                           ProtobufCMessage **ret_reply) {
    const Sallyport__V1__ListGroupMembersRequest *request = (const void *)message;
    Sallyport__V1__ListGroupMembersResponse *response =
        SP_ADMIN_NEW(ctx, Sallyport__V1__ListGroupMembersResponse, sallyport__v1__list_group_members_response);
    if (response == NULL)
        return SP_ERR_MEMORY;
    response->members = sp_arena_calloc(ctx->arena, SP_ADMIN_PAGE_MAX, sizeof(void *));
    if (response->members == NULL)
        return SP_ERR_MEMORY;
    Sallyport__Store__V1__StoredGroup *group = NULL;
    struct sp_entity_key prefix;
    enum sp_status status = sp_admin_load_group(ctx, request->group, &group);
    if (status != SP_OK)
        return status;
    status = make_membership_key(ctx, request->group, "", &prefix);
    if (status != SP_OK)
        return status;
    status = sp_admin_page(ctx, (struct sp_bytes){prefix.bytes, prefix.size},
                           &sallyport__store__v1__stored_membership__descriptor, request->page_size,
                           request->page_token, keep_member, response, &response->next_page_token);
    if (status != SP_OK)
        return status;
    *ret_reply = &response->base;
    return SP_OK;
}
