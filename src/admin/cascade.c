/* What goes with a principal, a group or a resource when it is deleted. */
#include "admin/internal.h"
#include "store/records/index_walk.h"
#include "store/records/resource_key.h"

static enum sp_status delete_key(struct sp_admin_context *ctx, enum sp_status made, const struct sp_entity_key *key) {
    return made == SP_OK ? sp_changeset_delete(ctx->changes, key, ctx->now_s) : made;
}

/* Deletes what a walk meets. */
static enum sp_status delete_met(void *context, struct sp_bytes key, struct sp_bytes value) {
    (void)value;
    struct sp_entity_key met;
    enum sp_status status = sp_entity_key_copy(key, &met);
    return delete_key(context, status, &met);
}

/* Deletes every entity of the kind whose key begins with these parts. */
static enum sp_status delete_below(struct sp_admin_context *ctx, enum sp_kind kind, const struct sp_str *parts,
                                   size_t part_count) {
    struct sp_entity_key prefix;
    enum sp_status status = sp_entity_key_prefix(kind, ctx->workspace, parts, part_count, &prefix);
    if (status != SP_OK)
        return status;
    return sp_entity_walk(ctx->view, sp_entity_key_bytes(&prefix), NULL, delete_met, ctx);
}

/* The subject whose grants or memberships are being deleted. */
struct subject {
    struct sp_admin_context *ctx;
    enum sp_subject_kind kind;
    struct sp_str id;
};

static enum sp_status delete_key_of(void *context, struct sp_str key_id) {
    const struct subject *subject = context;
    struct sp_entity_key key;
    enum sp_status status = sp_entity_key_1(SP_KIND_KEY, subject->ctx->workspace, key_id, &key);
    return delete_key(subject->ctx, status, &key);
}

static enum sp_status delete_membership_in(void *context, uint64_t group_number) {
    const struct subject *subject = context;
    struct sp_entity_key group;
    enum sp_status status = sp_index_subject(subject->ctx->view, group_number, &group);
    if (status != SP_OK)
        return status;
    struct sp_entity_name name;
    status = sp_entity_key_read(sp_entity_key_bytes(&group), &name);
    if (status != SP_OK)
        return status;
    struct sp_str parts[] = {name.parts[0], subject->id};
    struct sp_entity_key key;
    status = sp_entity_key_make(SP_KIND_MEMBERSHIP, subject->ctx->workspace, parts, 2, &key);
    return delete_key(subject->ctx, status, &key);
}

/* A name that was removed and came back has several numbers: all of them are in the list. */
static struct sp_str type_name(const Sallyport__Store__V1__StoredSchema *schema, uint32_t number) {
    for (size_t i = 0; i < schema->n_types; i++)
        if (schema->types[i]->number == number)
            return sp_str_from(schema->types[i]->name);
    return (struct sp_str){0};
}

static enum sp_status delete_grant_on(void *context, struct sp_bytes resource_key) {
    const struct subject *subject = context;
    struct sp_resource_name name;
    enum sp_status status = sp_resource_key_read(resource_key, &name);
    if (status != SP_OK)
        return status;
    struct sp_str type = type_name(subject->ctx->schema.stored, name.type_number);
    if (type.size == 0)
        return SP_ERR_CORRUPT;
    struct sp_entity_key key;
    status = sp_entity_key_grant(subject->ctx->workspace, type, name.id, subject->kind, subject->id, &key);
    return delete_key(subject->ctx, status, &key);
}

static enum sp_status delete_grants(struct subject *subject, uint64_t number) {
    enum sp_status status = sp_admin_schema_load(subject->ctx);
    if (status != SP_OK)
        return status;
    return sp_index_walk_subject_resources(subject->ctx->view, number, delete_grant_on, subject);
}

enum sp_status sp_admin_delete_principal_tree(struct sp_admin_context *ctx,
                                              const Sallyport__Store__V1__StoredPrincipal *principal) {
    struct subject subject = {.ctx = ctx, .kind = SP_SUBJECT_PRINCIPAL, .id = sp_str_from(principal->principal->id)};
    enum sp_status status = sp_index_walk_principal_keys(ctx->view, principal->number, delete_key_of, &subject);
    if (status == SP_OK)
        status = sp_index_walk_principal_groups(ctx->view, principal->number, delete_membership_in, &subject);
    if (status == SP_OK)
        status = delete_grants(&subject, principal->number);
    return status == SP_OK ? sp_admin_delete(ctx, SP_KIND_PRINCIPAL, principal->principal->id) : status;
}

enum sp_status sp_admin_delete_group_tree(struct sp_admin_context *ctx,
                                          const Sallyport__Store__V1__StoredGroup *group) {
    struct subject subject = {.ctx = ctx, .kind = SP_SUBJECT_GROUP, .id = sp_str_from(group->group->id)};
    enum sp_status status = delete_below(ctx, SP_KIND_MEMBERSHIP, &subject.id, 1);
    if (status == SP_OK)
        status = delete_grants(&subject, group->number);
    return status == SP_OK ? sp_admin_delete(ctx, SP_KIND_GROUP, group->group->id) : status;
}

enum sp_status sp_admin_delete_resource_tree(struct sp_admin_context *ctx,
                                             const Sallyport__Store__V1__StoredResource *resource) {
    const Sallyport__V1__ResourceRef *ref = resource->resource->ref;
    struct sp_str parts[] = {sp_str_from(ref->type), sp_str_from(ref->id)};
    enum sp_status status = delete_below(ctx, SP_KIND_GRANT, parts, 2);
    struct sp_entity_key key;
    if (status == SP_OK)
        status = sp_entity_key_make(SP_KIND_RESOURCE, ctx->workspace, parts, 2, &key);
    return delete_key(ctx, status, &key);
}
