#include "admin/cascade.h"

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

/* Deletes every entity that a walk meets. */
static enum sp_status delete_met_entity(void *context, struct sp_bytes key, struct sp_bytes value) {
    (void)value;
    struct sp_admin_context *ctx = context;
    struct sp_entity_key met;
    enum sp_status status = sp_entity_key_copy(key, &met);
    if (status != SP_OK)
        return status;
    return sp_changeset_delete(ctx->changes, &met, ctx->now_s);
}

/* Deletes every entity of the kind whose key begins with exactly these parts. */
static enum sp_status delete_below(struct sp_admin_context *ctx, enum sp_kind kind, const struct sp_str *parts,
                                   size_t part_count) {
    struct sp_entity_key prefix;
    enum sp_status status = sp_entity_key_prefix(kind, ctx->workspace, parts, part_count, &prefix);
    if (status != SP_OK)
        return status;
    return sp_entity_walk(ctx->view, sp_entity_key_bytes(&prefix), NULL, delete_met_entity, ctx);
}

/* The subject whose grants or memberships are being deleted. */
struct leaving_subject {
    struct sp_admin_context *ctx;
    enum sp_subject_kind kind;
    struct sp_str id;
};

static enum sp_status delete_key_of_principal(void *context, struct sp_str key_id) {
    const struct leaving_subject *subject = context;
    struct sp_entity_key key;
    enum sp_status status = sp_entity_key_1(SP_KIND_KEY, subject->ctx->workspace, key_id, &key);
    if (status != SP_OK)
        return status;
    return sp_changeset_delete(subject->ctx->changes, &key, subject->ctx->now_s);
}

static enum sp_status delete_membership_in(void *context, uint64_t group_number) {
    const struct leaving_subject *subject = context;
    struct sp_entity_key group;
    struct sp_entity_key key;
    struct sp_entity_name name;
    enum sp_status status = sp_index_subject(subject->ctx->view, group_number, &group);
    if (status != SP_OK)
        return status;
    status = sp_entity_key_read(sp_entity_key_bytes(&group), &name);
    if (status != SP_OK)
        return status;
    struct sp_str parts[] = {name.parts[0], subject->id};
    status = sp_entity_key_make(SP_KIND_MEMBERSHIP, subject->ctx->workspace, parts, 2, &key);
    if (status != SP_OK)
        return status;
    return sp_changeset_delete(subject->ctx->changes, &key, subject->ctx->now_s);
}

/* The type may have been removed from the schema: its grants are stored all the same. */
static enum sp_status delete_grant_on(void *context, struct sp_bytes resource_key) {
    const struct leaving_subject *subject = context;
    struct sp_admin_context *ctx = subject->ctx;
    struct sp_resource_name name;
    struct sp_admin_resource_type type;
    struct sp_entity_key key;
    enum sp_status status = sp_resource_key_read(resource_key, &name);
    if (status != SP_OK)
        return status;
    status = sp_admin_find_type_by_number(ctx, name.type_number, &type);
    if (status != SP_OK)
        return status;
    status = sp_entity_key_grant(ctx->workspace, sp_str_from(type.name), name.id, subject->kind, subject->id, &key);
    if (status != SP_OK)
        return status;
    return sp_changeset_delete(ctx->changes, &key, ctx->now_s);
}

static enum sp_status delete_grants_of(struct leaving_subject *subject, uint64_t number) {
    return sp_index_walk_subject_resources(subject->ctx->view, number, (struct sp_bytes){0}, delete_grant_on, subject);
}

enum sp_status sp_admin_delete_principal_tree(struct sp_admin_context *ctx,
                                              const Sallyport__Store__V1__StoredPrincipal *principal) {
    struct leaving_subject subject = {
        .ctx = ctx, .kind = SP_SUBJECT_PRINCIPAL, .id = sp_str_from(principal->principal->id)};
    enum sp_status status =
        sp_index_walk_principal_keys(ctx->view, principal->number, delete_key_of_principal, &subject);
    if (status != SP_OK)
        return status;
    status = sp_index_walk_principal_groups(ctx->view, principal->number, delete_membership_in, &subject);
    if (status != SP_OK)
        return status;
    status = delete_grants_of(&subject, principal->number);
    if (status != SP_OK)
        return status;
    return sp_admin_delete(ctx, SP_KIND_PRINCIPAL, principal->principal->id);
}

enum sp_status sp_admin_delete_group_tree(struct sp_admin_context *ctx,
                                          const Sallyport__Store__V1__StoredGroup *group) {
    struct leaving_subject subject = {.ctx = ctx, .kind = SP_SUBJECT_GROUP, .id = sp_str_from(group->group->id)};
    enum sp_status status = delete_below(ctx, SP_KIND_MEMBERSHIP, &subject.id, 1);
    if (status != SP_OK)
        return status;
    status = delete_grants_of(&subject, group->number);
    if (status != SP_OK)
        return status;
    return sp_admin_delete(ctx, SP_KIND_GROUP, group->group->id);
}

enum sp_status sp_admin_delete_resource_tree(struct sp_admin_context *ctx,
                                             const Sallyport__Store__V1__StoredResource *resource) {
    const Sallyport__V1__ResourceRef *ref = resource->resource->ref;
    struct sp_str parts[] = {sp_str_from(ref->type), sp_str_from(ref->id)};
    struct sp_entity_key key;
    enum sp_status status = delete_below(ctx, SP_KIND_GRANT, parts, 2);
    if (status != SP_OK)
        return status;
    status = sp_entity_key_make(SP_KIND_RESOURCE, ctx->workspace, parts, 2, &key);
    if (status != SP_OK)
        return status;
    return sp_changeset_delete(ctx->changes, &key, ctx->now_s);
}
