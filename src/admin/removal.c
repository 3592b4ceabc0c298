#include "admin/removal.h"

#include "admin/cascade.h"
#include "admin/context.h"
#include "admin/failure.h"
#include "admin/offline_changes.h"
#include "sallyport/store/v1/records.pb-c.h"
#include "store/records/changeset.h"
#include "store/records/entity.h"
#include "store/records/entity_key.h"
#include "store/records/head.h"
#include "store/records/layout.h"
#include "store/records/write.h"

struct workspace_removal {
    struct sp_changeset *changes;
    size_t left; /* that may still be removed now */
    int64_t now_s;
    bool cut; /* there was more than that */
};

static enum sp_status remove_met_entity(void *context, struct sp_bytes key, struct sp_bytes value) {
    (void)value;
    struct workspace_removal *removal = context;
    if (removal->left == 0) {
        removal->cut = true;
        return SP_WALK_END;
    }
    struct sp_entity_key met;
    enum sp_status status = sp_entity_key_copy(key, &met);
    if (status != SP_OK)
        return status;
    removal->left--;
    return sp_changeset_delete(removal->changes, &met, removal->now_s);
}

static enum sp_status remove_kind(struct sp_view *view, struct workspace_removal *removal, enum sp_kind kind,
                                  struct sp_str workspace) {
    struct sp_entity_key prefix;
    enum sp_status status = sp_entity_key_make(kind, workspace, NULL, 0, &prefix);
    if (status != SP_OK)
        return status;
    return sp_entity_walk(view, (struct sp_bytes){prefix.bytes, prefix.size}, NULL, remove_met_entity, removal);
}

/* What refers to something goes before it. Removing leaves tombstones, which get a pass of their
 * own when nothing else is left; the workspace itself comes last, with a tombstone that stays. */
static enum sp_status remove_batch(struct sp_view *view, struct workspace_removal *removal, struct sp_str workspace) {
    static const enum sp_kind kinds[] = {SP_KIND_KEY,        SP_KIND_GRANT, SP_KIND_RESOURCE,
                                         SP_KIND_MEMBERSHIP, SP_KIND_GROUP, SP_KIND_PRINCIPAL};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
        enum sp_status status = remove_kind(view, removal, kinds[i], workspace);
        if (status != SP_OK)
            return status;
    }
    if (!sp_changeset_is_empty(removal->changes))
        return SP_OK;
    enum sp_status status = remove_kind(view, removal, SP_KIND_TOMBSTONE, workspace);
    if (status != SP_OK || removal->cut)
        return status;
    return remove_kind(view, removal, SP_KIND_WORKSPACE, workspace);
}

static enum sp_status remove_from_workspace(struct sp_admin_context *ctx, size_t limit) {
    struct workspace_removal removal = {.changes = ctx->changes, .left = limit, .now_s = ctx->now_s};
    enum sp_status status = remove_batch(ctx->view, &removal, ctx->workspace);
    if (status != SP_OK)
        return sp_error_set(ctx->error, status, "cannot remove workspace %.*s", SP_STR_ARG(ctx->workspace));
    return SP_OK;
}

/* ---- principals, groups and resources ---- */

static enum sp_status remove_from_entity(struct sp_admin_context *ctx, enum sp_kind kind,
                                         const struct sp_entity_key *key, size_t limit) {
    ProtobufCMessage *message = NULL;
    bool cut = false;
    enum sp_status status = sp_entity_get(ctx->view, key, ctx->arena, &message);
    if (status != SP_OK)
        return status;
    switch ((int)kind) {
    case SP_KIND_PRINCIPAL:
        return sp_admin_delete_principal_tree(ctx, (const void *)message, limit, &cut);
    case SP_KIND_GROUP:
        return sp_admin_delete_group_tree(ctx, (const void *)message, limit, &cut);
    case SP_KIND_RESOURCE:
        return sp_admin_delete_resource_tree(ctx, (const void *)message, limit, &cut);
    default:
        return SP_ERR_CORRUPT;
    }
}

/* ---- all ---- */

/* `limit` is at least 1. */
static enum sp_status remove_next_piece(struct sp_admin_context *ctx, const struct sp_entity_key *key, size_t limit) {
    struct sp_revision revision;
    struct sp_entity_name name;
    enum sp_status status = sp_entity_key_read(sp_entity_key_bytes(key), &name);
    if (status != SP_OK)
        return status;
    ctx->workspace = name.workspace;
    ctx->changes = sp_admin_offline_changes(ctx->arena, "remove what was deleted", ctx->workspace, ctx->now_s);
    if (ctx->changes == NULL)
        return SP_ERR_MEMORY;
    status = name.kind == SP_KIND_WORKSPACE ? remove_from_workspace(ctx, limit)
                                            : remove_from_entity(ctx, name.kind, key, limit);
    if (status != SP_OK)
        return status;
    return sp_changeset_apply(ctx->write, ctx->changes, &revision, ctx->error);
}

enum sp_status sp_admin_remove_deleted(struct sp_write *write, size_t limit, int64_t now_s, struct sp_arena *arena,
                                       bool *ret_more, struct sp_error *error) {
    struct sp_entity_key key;
    struct sp_error why = {0};
    struct sp_admin_context ctx = {
        .view = sp_write_view(write), .write = write, .arena = arena, .error = &why, .now_s = now_s};
    enum sp_status status = sp_entity_first_deleting(ctx.view, &key);
    if (status == SP_ERR_NOT_FOUND) {
        *ret_more = false;
        return SP_OK;
    }
    if (status == SP_OK)
        status = remove_next_piece(&ctx, &key, limit);
    if (status != SP_OK)
        return sp_admin_fail(&why, status, "cannot remove what was deleted", error);
    status = sp_entity_first_deleting(ctx.view, &key);
    if (status != SP_OK && status != SP_ERR_NOT_FOUND)
        return sp_error_set(error, status, "cannot read what is left to remove");
    *ret_more = status == SP_OK;
    return SP_OK;
}
