#include "admin/cascade.h"

#include "admin/actor.h"
#include "admin/entities.h"
#include "admin/grant.h"
#include "admin/schema_names.h"
#include "sallyport/store/v1/records.pb-c.h"
#include "store/records/changeset.h"
#include "store/records/entity.h"
#include "store/records/entity_key.h"
#include "store/records/index_walk.h"
#include "store/records/layout.h"
#include "store/records/resource_key.h"

/* What is being deleted, and how much of it. */
struct cascade {
    struct sp_admin_context *ctx;
    enum sp_subject_kind kind; /* of a subject, whose grants or memberships go */
    struct sp_str id;
    size_t left;
    bool cut;
};

/* SP_WALK_END: it has come to its limit. */
static enum sp_status delete_within_limit(struct cascade *cascade, const struct sp_entity_key *key) {
    if (cascade->left == 0) {
        cascade->cut = true;
        return SP_WALK_END;
    }
    cascade->left--;
    return sp_changeset_delete(cascade->ctx->changes, key, cascade->ctx->now_s);
}

/* Deletes every entity that a walk meets. */
static enum sp_status delete_met_entity(void *context, struct sp_bytes key, struct sp_bytes value) {
    (void)value;
    struct sp_entity_key met;
    enum sp_status status = sp_entity_key_copy(key, &met);
    if (status != SP_OK)
        return status;
    return delete_within_limit(context, &met);
}

/* Deletes every entity of the kind whose key begins with exactly these parts. */
static enum sp_status delete_by_prefix(struct cascade *cascade, enum sp_kind kind, const struct sp_str *parts,
                                       size_t part_count) {
    struct sp_entity_key prefix;
    struct sp_admin_context *ctx = cascade->ctx;
    enum sp_status status = sp_entity_key_prefix(kind, ctx->workspace, parts, part_count, &prefix);
    if (status != SP_OK)
        return status;
    return sp_entity_walk(ctx->view, sp_entity_key_bytes(&prefix), NULL, delete_met_entity, cascade);
}

static enum sp_status delete_key_of_principal(void *context, struct sp_str key_id) {
    struct cascade *cascade = context;
    struct sp_entity_key key;
    enum sp_status status = sp_entity_key_1(SP_KIND_KEY, cascade->ctx->workspace, key_id, &key);
    if (status != SP_OK)
        return status;
    return delete_within_limit(cascade, &key);
}

static enum sp_status delete_membership_in(void *context, uint64_t group_number) {
    struct cascade *cascade = context;
    struct sp_entity_key group;
    struct sp_entity_key key;
    struct sp_entity_name name;
    enum sp_status status = sp_index_subject(cascade->ctx->view, group_number, &group);
    if (status != SP_OK)
        return status;
    status = sp_entity_key_read(sp_entity_key_bytes(&group), &name);
    if (status != SP_OK)
        return status;
    struct sp_str parts[] = {name.parts[0], cascade->id};
    status = sp_entity_key_make(SP_KIND_MEMBERSHIP, cascade->ctx->workspace, parts, 2, &key);
    if (status != SP_OK)
        return status;
    return delete_within_limit(cascade, &key);
}

/* The type may have been removed from the schema: its grants are stored all the same. */
static enum sp_status delete_grant_on(void *context, struct sp_bytes resource_key) {
    struct cascade *cascade = context;
    struct sp_admin_context *ctx = cascade->ctx;
    struct sp_resource_name name;
    struct sp_admin_resource_type type;
    struct sp_entity_key key;
    enum sp_status status = sp_resource_key_read(resource_key, &name);
    if (status != SP_OK)
        return status;
    status = sp_admin_find_type_by_number(ctx, name.type_number, &type);
    if (status != SP_OK)
        return status;
    status = sp_entity_key_grant(ctx->workspace, sp_str_from(type.name), name.id, cascade->kind, cascade->id, &key);
    if (status != SP_OK)
        return status;
    return delete_within_limit(cascade, &key);
}

static enum sp_status delete_grants_of(struct cascade *cascade, uint64_t number) {
    return sp_index_walk_subject_resources(cascade->ctx->view, number, (struct sp_bytes){0}, delete_grant_on, cascade);
}

/* ---- trees ---- */

enum sp_status sp_admin_delete_principal_tree(struct sp_admin_context *ctx,
                                              const Sallyport__Store__V1__StoredPrincipal *principal, size_t limit,
                                              bool *ret_cut) {
    struct cascade cascade = {
        .ctx = ctx, .kind = SP_SUBJECT_PRINCIPAL, .id = sp_str_from(principal->principal->id), .left = limit};
    enum sp_status status =
        sp_index_walk_principal_keys(ctx->view, principal->number, delete_key_of_principal, &cascade);
    if (status != SP_OK)
        return status;
    status = sp_index_walk_principal_groups(ctx->view, principal->number, delete_membership_in, &cascade);
    if (status != SP_OK)
        return status;
    status = delete_grants_of(&cascade, principal->number);
    if (status != SP_OK)
        return status;
    *ret_cut = cascade.cut;
    return cascade.cut ? SP_OK : sp_admin_delete(ctx, SP_KIND_PRINCIPAL, principal->principal->id);
}

enum sp_status sp_admin_delete_group_tree(struct sp_admin_context *ctx, const Sallyport__Store__V1__StoredGroup *group,
                                          size_t limit, bool *ret_cut) {
    struct cascade cascade = {.ctx = ctx, .kind = SP_SUBJECT_GROUP, .id = sp_str_from(group->group->id), .left = limit};
    enum sp_status status = delete_by_prefix(&cascade, SP_KIND_MEMBERSHIP, &cascade.id, 1);
    if (status != SP_OK)
        return status;
    status = delete_grants_of(&cascade, group->number);
    if (status != SP_OK)
        return status;
    *ret_cut = cascade.cut;
    return cascade.cut ? SP_OK : sp_admin_delete(ctx, SP_KIND_GROUP, group->group->id);
}

static enum sp_status make_resource_entity_key(const struct sp_admin_context *ctx,
                                               const Sallyport__Store__V1__StoredResource *resource,
                                               struct sp_entity_key *ret_key) {
    const Sallyport__V1__ResourceRef *ref = resource->resource->ref;
    struct sp_str parts[] = {sp_str_from(ref->type), sp_str_from(ref->id)};
    return sp_entity_key_make(SP_KIND_RESOURCE, ctx->workspace, parts, 2, ret_key);
}

enum sp_status sp_admin_delete_resource_tree(struct sp_admin_context *ctx,
                                             const Sallyport__Store__V1__StoredResource *resource, size_t limit,
                                             bool *ret_cut) {
    const Sallyport__V1__ResourceRef *ref = resource->resource->ref;
    struct sp_str parts[] = {sp_str_from(ref->type), sp_str_from(ref->id)};
    struct cascade cascade = {.ctx = ctx, .left = limit};
    struct sp_entity_key key;
    enum sp_status status = delete_by_prefix(&cascade, SP_KIND_GRANT, parts, 2);
    if (status != SP_OK)
        return status;
    status = make_resource_entity_key(ctx, resource, &key);
    if (status != SP_OK)
        return status;
    *ret_cut = cascade.cut;
    return cascade.cut ? SP_OK : sp_changeset_delete(ctx->changes, &key, ctx->now_s);
}

enum sp_status sp_admin_refuse_cut(struct sp_admin_context *ctx, const char *what, const char *id) {
    return sp_error_set(ctx->error, SP_ERR_PRECONDITION,
                        "%s %s: too many keys, members or shares go with it for one change; delete it on its own first",
                        what, id);
}

/* ---- in pieces ---- */

enum sp_status sp_admin_delete_principal_in_pieces(struct sp_admin_context *ctx,
                                                   Sallyport__Store__V1__StoredPrincipal *principal,
                                                   const char *request_id) {
    bool cut = false;
    enum sp_status status = sp_admin_delete_principal_tree(ctx, principal, SP_ADMIN_CASCADE_MAX, &cut);
    if (status != SP_OK || !cut)
        return status;
    status = sp_admin_begin_changes(ctx, request_id);
    if (status != SP_OK)
        return status;
    principal->deleting = true;
    principal->principal->disabled = true;
    return sp_admin_put(ctx, SP_KIND_PRINCIPAL, principal->principal->id, &principal->base);
}

static enum sp_status delete_all_members(struct sp_admin_context *ctx, const char *group) {
    struct cascade cascade = {.ctx = ctx, .id = sp_str_from(group), .left = SP_ADMIN_CASCADE_MEMBERS_MAX};
    enum sp_status status = delete_by_prefix(&cascade, SP_KIND_MEMBERSHIP, &cascade.id, 1);
    if (status != SP_OK || !cascade.cut)
        return status;
    return sp_error_set(ctx->error, SP_ERR_PRECONDITION,
                        "group %s has more than %d members: remove some first, with RemoveGroupMembers", group,
                        SP_ADMIN_CASCADE_MEMBERS_MAX);
}

enum sp_status sp_admin_delete_group_in_pieces(struct sp_admin_context *ctx, Sallyport__Store__V1__StoredGroup *group,
                                               const char *request_id) {
    bool cut = false;
    enum sp_status status = sp_admin_delete_group_tree(ctx, group, SP_ADMIN_CASCADE_MAX, &cut);
    if (status != SP_OK || !cut)
        return status;
    status = sp_admin_begin_changes(ctx, request_id);
    if (status != SP_OK)
        return status;
    status = delete_all_members(ctx, group->group->id);
    if (status != SP_OK)
        return status;
    group->deleting = true;
    return sp_admin_put(ctx, SP_KIND_GROUP, group->group->id, &group->base);
}

enum sp_status sp_admin_delete_resource_in_pieces(struct sp_admin_context *ctx,
                                                  Sallyport__Store__V1__StoredResource *resource,
                                                  const char *request_id) {
    bool cut = false;
    struct sp_entity_key key;
    enum sp_status status = sp_admin_delete_resource_tree(ctx, resource, SP_ADMIN_CASCADE_MAX, &cut);
    if (status != SP_OK || !cut)
        return status;
    status = sp_admin_begin_changes(ctx, request_id);
    if (status != SP_OK)
        return status;
    status = make_resource_entity_key(ctx, resource, &key);
    if (status != SP_OK)
        return status;
    resource->deleting = true;
    return sp_changeset_put(ctx->changes, &key, &resource->base);
}
